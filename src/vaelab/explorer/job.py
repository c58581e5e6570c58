"""Training in a process of its own, as the server sees it."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from pathlib import Path
from typing import Any

from vaelab.errors import BadValueError, UserError
from vaelab.experiment import Experiment
from vaelab.explorer import frames
from vaelab.explorer.listeners import Listeners
from vaelab.run import Run
from vaelab.training import Start

COMMAND = (sys.executable, "-P", "-m", "vaelab.explorer.training_process")
LAST_WORDS = 600
PATIENCE = 15.0
"""Seconds in which a training that is told to stop saves and ends."""
LONGEST_FRAME = 2**30

IDLE: dict[str, Any] = {
    "type": "state", "run": None, "phase": "idle", "text": "", "step": 0, "steps": 0, "epoch": 0.0,
    "epochs": 0, "steps_per_epoch": 1, "images_per_second": 0.0, "pace": 0.0, "beta": None,
    "learning_rate": None, "stop_at": None, "terms": None, "on_close": "keep",
}  # fmt: skip


class NotNowError(UserError):
    """Something that cannot be done at this moment."""


class Job:
    """At most one training at a time; a process that has imported everything waits for it.

    Args:
        listeners: the pages that are told.
    """

    def __init__(self, listeners: Listeners) -> None:
        self.listeners = listeners
        self.state = dict(IDLE)
        self._process: Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._began: tuple[Experiment, Path] | None = None
        self._ready = asyncio.Event()
        self._broken: str | None = None
        self._resetting = False
        self._announce()
        listeners.ready_again = self._drawn
        listeners.nobody_left = self._left_alone

    @property
    def running(self) -> bool:
        """Whether a training is under way, playing or paused."""
        return self.state["phase"] in {"starting", "playing", "paused"}

    async def prepare(self, scratch: Path) -> None:
        """Start a process that waits for work; another one wherever one dies.

        Args:
            scratch: a folder for it to write into and nobody to read.
        """
        self._ready.clear()
        self._process = await asyncio.create_subprocess_exec(
            *COMMAND, str(scratch), stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=LONGEST_FRAME
        )
        self._reader = asyncio.create_task(self._read(self._process, scratch))

    async def begin(self, experiment: Experiment, folder: Path, start: Start, play: bool) -> None:
        """Train an experiment.

        Raises:
            NotNowError: another training is under way.
            BadValueError: there can be no process that trains.
        """
        if self.running:
            raise NotNowError(f"{self.state['run']} is being trained; stop it first")
        self._began = (experiment, folder)
        self.listeners.forget("snapshot")
        kept = {"on_close": self.state["on_close"]}
        self.state = {**IDLE, **kept, "run": experiment.task_name, "phase": "starting"}
        self._announce()
        job = {
            "do": "train", "experiment": experiment.model_dump(mode="json"), "play": play,
            "folder": str(folder), "start": start.value,
        }  # fmt: skip
        await self._ready.wait()
        if self._broken is not None:
            self._fail(self._broken)
            raise BadValueError(self._broken)
        self._ready.clear()  # from here on it is taken
        await self._ask(job)

    async def command(self, name: str) -> None:
        """`play`, `pause`, `step`, `epoch`, `stop` or `reset`.

        Raises:
            NotNowError: nothing is being trained.
        """
        if name == "reset":
            await self._reset()
            return
        if not self.running:
            raise NotNowError("nothing is being trained")
        await self._ask({"do": name})

    async def set(self, values: dict[str, Any]) -> None:
        """Change settings of the training, and what happens when the last page closes."""
        if "on_close" in values:
            self.state["on_close"] = values["on_close"]
            self._announce()
        rest = {key: value for key, value in values.items() if key != "on_close"}
        if rest and not self.running:
            raise NotNowError("nothing is being trained")
        if rest:
            await self._ask({"do": "set", **rest})

    async def close(self) -> None:
        """Let a training save and stop; end the process."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), PATIENCE if self.running else 0)
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._reader is not None:
            self._reader.cancel()

    async def _reset(self) -> None:
        if self._began is None:
            raise NotNowError("nothing was trained from this page yet")
        experiment, folder = self._began
        if self.running:
            self._resetting = True  # pages need not read what is about to be replaced
            await self._ask({"do": "stop"})
            try:
                await asyncio.wait_for(self._ready.wait(), PATIENCE)
            finally:
                self._resetting = False
            self.state["phase"] = "ended"
        await self.begin(experiment, folder, Start.OVERWRITE, play=False)

    async def _ask(self, wish: dict[str, Any]) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise BadValueError("the training process is gone; start `vaelab explore` again")
        with suppress(ConnectionError):
            process.stdin.write(json.dumps(wish).encode() + b"\n")
            await process.stdin.drain()

    async def _read(self, process: Process, scratch: Path) -> None:
        if process.stdout is None or process.stderr is None:
            return
        words = asyncio.create_task(process.stderr.read())
        began = False
        while (message := await frames.read(process.stdout)) is not None:
            header = frames.header_of(message)
            match header["type"]:
                case "ready":
                    began = True
                    self._ready.set()
                case "state":
                    self.state = {**header, "on_close": self.state["on_close"]}
                    if self._resetting and header["phase"] == "ended":
                        self.state["phase"] = "starting"
                    self._announce()
                case "failed":
                    self._fail(header["text"])
                case _:
                    self.listeners.send(header["type"], message)
        code = await process.wait()
        if self._process is not process:
            return  # it was told to end
        last = (await words).decode(errors="replace")[-LAST_WORDS:].strip()
        if self.running:
            self._fail(f"the training process was ended (code {code}). {last}".strip())
        if began:
            await self.prepare(scratch)
        else:
            self._broken = f"no training process can be started (code {code}). {last}".strip()
            self._ready.set()

    def _fail(self, why: str) -> None:
        if self._began is not None:
            experiment, folder = self._began
            path = folder / experiment.task_name
            if Run.exists(path):
                go_on = f"vaelab train {path} --resume"
                why += f"; what was saved is whole: play, or `{go_on}`, goes on"
        self.state |= {"phase": "failed", "text": why}
        self._announce()

    def _announce(self) -> None:
        self.listeners.send("state", frames.pack(self.state))

    async def _drawn(self) -> None:
        if self.running:
            await self._ask({"do": "drawn"})

    async def _left_alone(self) -> None:
        if self.running and self.state["on_close"] == "pause":
            await self._ask({"do": "pause"})
