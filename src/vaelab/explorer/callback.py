"""A training that a page watches and steers: what the page wants of it, and what it is told."""

import json
from collections.abc import Callable, Iterable
from threading import Condition
from time import monotonic
from typing import Any

from vaelab.bundle import Bundle
from vaelab.errors import BadValueError
from vaelab.explorer import frames
from vaelab.explorer.watch import Log, stamp
from vaelab.runs.records import Row
from vaelab.training import Callback, Training

Emit = Callable[[bytes], None]

SETTINGS = ("beta", "learning_rate")
STATE_SECONDS = 0.35
SNAPSHOT_SECONDS = 0.1
SHARE = 30
"""A snapshot's cost, times this, passes before the next: training keeps 97 % of its time."""


class Inbox:
    """Wishes from a stream of JSON lines; the stream's end is the wish to stop.

    Attributes:
        playing: whether steps follow on each other.
        allowance: steps to take although it is paused.
        to_epoch_end: go on until the epoch is over.
        pace: seconds that a step takes at least.
        stop_at: a step to pause at.
        drawn: the page has drawn what it was sent last.
        stopping: why to stop, where that is wished.
        by_person: whether the user wished to stop, rather than the server having ended.
    """

    stop_at: int | None
    stopping: str | None
    _settings: dict[str, float]

    def __init__(self) -> None:
        self.changed = Condition()
        self._jobs: list[dict[str, Any]] = []
        self._over = False
        self._begin(playing=False)

    def listen(self, lines: Iterable[str]) -> None:
        """Take in every line until the stream ends."""
        for line in lines:
            with self.changed:
                self._take(json.loads(line))
                self.changed.notify_all()
        with self.changed:
            self._over = True
            self.stopping = self.stopping or "stopped, since the explorer ended"
            self.changed.notify_all()

    def job(self) -> dict[str, Any] | None:
        """The next training to be done; None when there will be none."""
        with self.changed:
            self.changed.wait_for(lambda: self._jobs or self._over)
            return self._jobs.pop(0) if self._jobs else None

    def settings(self) -> dict[str, float]:
        """Settings to change, once each."""
        with self.changed:
            taken, self._settings = self._settings, {}
            return taken

    @property
    def may_step(self) -> bool:
        """Whether another step is wished."""
        return self.playing or self.allowance > 0 or self.to_epoch_end

    def _begin(self, playing: bool) -> None:
        """Nothing is wished of a new training but this."""
        self.playing = playing
        self.allowance = 0
        self.to_epoch_end = False
        self.pace = 0.0
        self.stop_at = None
        self.drawn = True
        self.stopping = None
        self.by_person = False
        self._settings = {}

    def _take(self, wish: dict[str, Any]) -> None:
        match wish["do"]:
            case "train":
                self._jobs.append(wish)
                self._begin(wish["play"])
            case "play":
                self.playing = True
            case "pause":
                self.playing = self.to_epoch_end = False
                self.allowance = 0
            case "step":
                self.playing, self.allowance = False, self.allowance + 1
            case "epoch":
                self.playing, self.to_epoch_end = False, True
            case "stop":
                self.stopping, self.by_person = "stopped on the page", True
            case "drawn":
                self.drawn = True
            case "set":
                self._settings |= {key: wish[key] for key in SETTINGS if key in wish}
                self.pace = wish.get("pace", self.pace)
                self.stop_at = wish.get("stop_at", self.stop_at)


class PageCallback(Callback):
    """Waits, changes and tells between the steps of a training."""

    _log: Log

    def __init__(self, inbox: Inbox, emit: Emit, begun_here: bool) -> None:
        self.inbox, self.emit, self.begun_here = inbox, emit, begun_here
        self.begun = False  # its run is there
        self._told = self._next_snapshot = 0.0
        self._shown_step = -1
        self._counted = monotonic(), 0
        self._speed = self._step_began = 0.0
        self._terms: Row | None = None
        self._kept: object = None  # what the steps last told of are of

    def on_start(self, training: Training) -> None:
        run = training.run
        if self.begun_here and not self.begun:
            self._say(training, "begun_here", identity=run.identity())
        self.begun = True
        self._log = Log(run.metrics_path)
        self._log.skip()
        # of an earlier training the page keeps what this one goes on from
        self._say(training, "metrics", rows=[], after=training.progress.step)
        self._counted = (monotonic(), training.progress.step)
        self._tell(training)
        self._show(training)

    def on_log(self, training: Training, row: Row) -> None:
        if row["split"] == "train":
            self._terms = {name: row[name] for name in row if name.endswith("_nats")}

    def before_step(self, training: Training) -> None:
        inbox = self.inbox
        if inbox.stop_at is not None and training.progress.step >= inbox.stop_at:
            inbox.playing, inbox.stop_at = False, None
        waited = False
        while True:
            self._change(training)
            if inbox.stopping:
                if inbox.by_person:
                    training.change(stop=True)
                training.stop(inbox.stopping)
                return
            pause = not inbox.may_step
            slow = self._step_began + inbox.pace - monotonic()
            if not pause and slow <= 0:
                break
            if pause and not waited:
                waited = True
                self._tell(training)
            if inbox.drawn and training.progress.step != self._shown_step:
                self._show(training)
            with inbox.changed:
                inbox.changed.wait(STATE_SECONDS if pause else min(slow, STATE_SECONDS))
        if waited:
            self._counted = (monotonic(), training.progress.step)
        self._step_began = monotonic()

    def on_step(self, training: Training) -> None:
        inbox, now = self.inbox, monotonic()
        inbox.allowance = max(0, inbox.allowance - 1)
        if training.progress.batch == 0:
            inbox.to_epoch_end = False
        self._tell_kept(training)
        if now - self._told > STATE_SECONDS:
            self._tell(training)
        if inbox.drawn and now > self._next_snapshot:
            self._show(training)

    def on_stop(self, training: Training) -> None:
        self._show(training)
        self._tell(training, "ended", training.stopped or "all epochs are done")

    def _change(self, training: Training) -> None:
        settings = self.inbox.settings()
        beta, learning_rate = settings.get("beta"), settings.get("learning_rate")
        if _beta(training) is None:
            beta = None
        if beta is not None or learning_rate is not None:
            training.change(beta=beta, learning_rate=learning_rate)
            self._tell(training)

    def _show(self, training: Training) -> None:
        bundle, began = training.bundle, monotonic()
        if bundle is None:
            return
        try:
            header, payload = bundle.snapshot()
        except BadValueError:
            return  # weights are no finite numbers: the loop finds out and says so
        step = self._shown_step = training.progress.step
        epoch = step / training.steps_per_epoch
        self.inbox.drawn = False
        self._say(training, "snapshot", payload, step=step, epoch=epoch, **header)
        cost = monotonic() - began
        self._next_snapshot = monotonic() + max(SNAPSHOT_SECONDS, SHARE * cost)

    def _tell(self, training: Training, phase: str | None = None, text: str = "") -> None:
        self._tell_kept(training)
        inbox, progress, config = self.inbox, training.progress, training.config
        now = self._told = monotonic()
        since, steps = self._counted
        if now - since > 1:
            images = (progress.step - steps) * config.batch_size
            self._speed, self._counted = images / (now - since), (now, progress.step)
        epoch = progress.step / training.steps_per_epoch
        playing = "playing" if inbox.may_step else "paused"
        self._say(
            training, "state", phase=phase or playing, text=text,
            step=progress.step, steps=config.epochs * training.steps_per_epoch,
            epoch=epoch, epochs=config.epochs, steps_per_epoch=training.steps_per_epoch,
            images_per_second=self._speed, pace=inbox.pace, stop_at=inbox.stop_at,
            beta=_beta(training),
            learning_rate=training.learning_rate(epoch, progress.step),
            terms=self._terms,
        )  # fmt: skip
        if rows := self._log.rows():
            self._say(training, "metrics", rows=rows, after=None)

    def _tell_kept(self, training: Training) -> None:
        """All steps that the page can go back to, if one is new or others may be the best."""
        kept = [] if training.bundle is None else training.bundle.steps
        news = (kept[-1]["step"], stamp(training.run.weights_path)) if kept else None
        if news not in (None, self._kept):
            self._kept = news
            self._say(training, "kept", steps=Bundle(training.run).steps()[: len(kept)])

    def _say(self, training: Training, kind: str, payload: bytes = b"", **content: Any) -> None:
        header = {"type": kind, "run": training.run.path.name, **content}
        self.emit(frames.pack(header, payload))


def _beta(training: Training) -> float | None:
    """The price of the rate now; None where there is none, or where no gradient has it."""
    step = training.progress.step
    beta = training.controls(step / training.steps_per_epoch, step).get("beta")
    return None if training.model.certain else beta
