"""A training that a page watches and steers."""

from collections.abc import Callable
from time import monotonic
from typing import Any

from vaelab.errors import BadValueError
from vaelab.explorer.inbox import Inbox
from vaelab.explorer.log import Log
from vaelab.records import Row
from vaelab.training.loop import Loop

Emit = Callable[[dict[str, Any], bytes], None]

STATE_SECONDS = 0.35
SNAPSHOT_SECONDS = 0.1
SHARE = 30
"""A snapshot's cost, times this, passes before the next: training keeps 97 % of its time."""


class PageConductor:
    """Waits, changes and tells between the steps of a training.

    Args:
        inbox: what the page wants.
        emit: tells the page; a header and a payload.
        begun_here: whether the run begins with this, from nothing or as a copy.

    Attributes:
        begun: whether the training has come so far that its run is there.
    """

    _log: Log

    def __init__(self, inbox: Inbox, emit: Emit, begun_here: bool) -> None:
        self.inbox, self.emit, self.begun_here = inbox, emit, begun_here
        self.begun = False
        self._told = self._next_snapshot = 0.0
        self._shown_step = -1
        self._counted: tuple[float, int] = (monotonic(), 0)
        self._speed = 0.0
        self._step_began = 0.0

    def begin(self, loop: Loop) -> None:
        """The page learns what is trained."""
        run = loop.members[0].run
        if self.begun_here and not self.begun:
            self.emit({"type": "begun_here", "identity": run.identity()}, b"")
        self.begun = True
        self._log = Log(run.metrics_path)
        self._log.skip()
        # of an earlier training the page keeps what this one goes on from
        self._emit_rows(loop, [], loop.progress.step)
        self._counted = (monotonic(), loop.progress.step)
        self._tell(loop)
        self._show(loop)

    def before_step(self, loop: Loop) -> str | None:
        """Wait while it is paused or slow; apply what the page changed; stop if it says so."""
        inbox = self.inbox
        if inbox.stop_at is not None and loop.progress.step >= inbox.stop_at:
            inbox.playing, inbox.stop_at = False, None
        waited = False
        while True:
            self._change(loop)
            if inbox.stopping:
                if inbox.by_person:
                    loop.change(stop=True)
                return inbox.stopping
            pause = not inbox.may_step
            slow = self._step_began + inbox.pace - monotonic()
            if not pause and slow <= 0:
                break
            if pause and not waited:
                waited = True
                self._tell(loop)
            if inbox.drawn and loop.progress.step != self._shown_step:
                self._show(loop)
            with inbox.changed:
                inbox.changed.wait(STATE_SECONDS if pause else min(slow, STATE_SECONDS))
        if waited:
            self._counted = (monotonic(), loop.progress.step)
        self._step_began = monotonic()
        return None

    def after_step(self, loop: Loop) -> None:
        """Tell what has changed, as often as a person can see it."""
        inbox, now = self.inbox, monotonic()
        inbox.allowance = max(0, inbox.allowance - 1)
        if loop.progress.batch == 0:
            inbox.to_epoch_end = False
        if now - self._told > STATE_SECONDS:
            self._tell(loop)
        if inbox.drawn and now > self._next_snapshot:
            self._show(loop)

    def kept(self, loop: Loop, entry: dict[str, Any]) -> None:
        """One more step that the page can go back to."""
        self.emit({"type": "kept", "run": _name(loop), "entry": entry}, b"")

    def end(self, loop: Loop, stopped: str | None) -> None:
        """The last state."""
        self._show(loop)
        self._tell(loop, "ended", stopped or "all epochs are done")

    def _change(self, loop: Loop) -> None:
        settings = self.inbox.settings()
        beta, learning_rate = settings.get("beta"), settings.get("learning_rate")
        if "beta" not in loop.members[0].objective.controls:
            beta = None
        if beta is not None or learning_rate is not None:
            loop.change(beta=beta, learning_rate=learning_rate)
            self._tell(loop)

    def _show(self, loop: Loop) -> None:
        bundle, began = loop.members[0].bundle, monotonic()
        if bundle is None:
            return
        try:
            header, payload = bundle.snapshot()
        except BadValueError:
            return  # weights are no finite numbers: the loop finds out and says so
        progress = loop.progress
        about = {"type": "snapshot", "run": _name(loop), "step": progress.step}
        self.inbox.drawn = False
        self.emit({**about, "epoch": progress.step / loop.steps_per_epoch, **header}, payload)
        self._shown_step = progress.step
        cost = monotonic() - began
        self._next_snapshot = monotonic() + max(SNAPSHOT_SECONDS, SHARE * cost)

    def _tell(self, loop: Loop, phase: str | None = None, text: str = "") -> None:
        inbox, progress, member = self.inbox, loop.progress, loop.members[0]
        now = self._told = monotonic()
        since, steps = self._counted
        if now - since > 1:
            images = (progress.step - steps) * loop.config.batch_size
            self._speed, self._counted = images / (now - since), (now, progress.step)
        epoch = progress.step / loop.steps_per_epoch
        playing = "playing" if inbox.may_step else "paused"
        self.emit({
            "type": "state", "run": _name(loop), "phase": phase or playing, "text": text,
            "step": progress.step, "steps": loop.config.epochs * loop.steps_per_epoch,
            "epoch": epoch, "epochs": loop.config.epochs, "steps_per_epoch": loop.steps_per_epoch,
            "images_per_second": self._speed, "pace": inbox.pace, "stop_at": inbox.stop_at,
            "beta": member.controls(epoch, progress.step).get("beta"),
            "learning_rate": member.learning_rate(epoch, progress.step),
            "terms": member.latest or None,
        }, b"")  # fmt: skip
        self._tell_metrics(loop)

    def _tell_metrics(self, loop: Loop) -> None:
        if rows := self._log.rows():
            self._emit_rows(loop, rows)

    def _emit_rows(self, loop: Loop, rows: list[Row], after: int | None = None) -> None:
        self.emit({"type": "metrics", "run": _name(loop), "rows": rows, "after": after}, b"")


def _name(loop: Loop) -> str:
    return loop.members[0].run.path.name
