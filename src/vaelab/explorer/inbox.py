"""What the page wants of a training, as the training loop asks for it."""

import json
from collections.abc import Iterable
from threading import Condition
from typing import Any

SETTINGS = ("beta", "learning_rate")


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
        by_person: whether a person wished to stop, rather than the server having ended.
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
