"""Training in a process of its own, as the server sees it."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync

from vaelab.errors import BadValueError, RunBusyError, UserError
from vaelab.experiment import Experiment
from vaelab.explorer import frames
from vaelab.explorer.listeners import Listener, Listeners
from vaelab.explorer.requests import NotNowError
from vaelab.explorer.watch import is_own
from vaelab.runs.run import Run
from vaelab.runs.runlock import writer_of
from vaelab.training import Start

COMMAND = (sys.executable, "-P", "-m", "vaelab.explorer.training_process")
Wish = dict[str, Any]

LAST_WORDS = 600
PATIENCE = 15.0
"""Seconds in which a training that is told to stop saves and ends."""
SOON = 0.05
"""Seconds after which it is looked again whether a training has begun."""
MAX_FRAME_BYTES = 2**30

IDLE: dict[str, Any] = {
    "type": "state", "run": None, "phase": "idle", "text": "", "step": 0, "steps": 0, "epoch": 0.0,
    "epochs": 0, "steps_per_epoch": 1, "images_per_second": 0.0, "pace": 0.0, "beta": None,
    "learning_rate": None, "stop_at": None, "terms": None, "on_close": "keep",
}  # fmt: skip


class Job:
    """At most one training at a time; a process that has imported everything waits for it.

    Attributes:
        saved_at_end: the run that was under training when it was closed, and was saved.
        begun_here: identities of the runs that were begun here, from nothing or as copies.
    """

    def __init__(self, listeners: Listeners) -> None:
        self.listeners = listeners
        self.state = dict(IDLE)
        self.saved_at_end: Path | None = None
        self.begun_here: set[str] = set()
        self._process: Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._path = Path()
        self._ready = asyncio.Event()
        self._broken: str | None = None
        self._resetting = self._replacing = False
        self._pid = 0
        self._early: list[Wish] | None = None
        self._cancelled: asyncio.Future[None] | None = None
        self._announce()

    @property
    def running(self) -> bool:
        """Whether a training is under way, playing or paused."""
        return self.state["phase"] in {"starting", "playing", "paused"}

    @property
    def processes(self) -> frozenset[int]:
        """Numbers of the processes that write runs for this server."""
        return frozenset({os.getpid(), self._pid})

    def check_idle(self) -> None:
        """Refuse what cannot be done beside a training."""
        if self.running:
            raise NotNowError(f"{self.state['run']} is being trained; stop it first")

    async def prepare(self, scratch: Path) -> None:
        """Start a process that waits for work, and writes into `scratch`; another if it dies."""
        self._ready.clear()
        self._process = await asyncio.create_subprocess_exec(
            *COMMAND, str(scratch), stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=MAX_FRAME_BYTES
        )
        self._reader = asyncio.create_task(self._read(self._process, scratch))

    async def begin(
        self,
        experiment: Experiment,
        folder: Path,
        start: Start,
        play: bool,
        copy_of: Path | None = None,
    ) -> None:
        """Train an experiment, paused unless `play`; if `copy_of` is given, a copy of that run."""
        self.check_idle()
        self._path, self._early = folder / experiment.task_name, []
        cancelled = self._cancelled = asyncio.get_running_loop().create_future()
        self.listeners.forget("snapshot")
        kept = {"on_close": self.state["on_close"]}
        self.state = {**IDLE, **kept, "run": experiment.task_name, "phase": "starting"}
        self._announce()
        job = {
            "do": "train", "experiment": experiment.model_dump(mode="json"), "play": play,
            "folder": str(folder), "start": start.value,
            "copy_of": None if copy_of is None else str(copy_of),
        }  # fmt: skip
        ready = asyncio.ensure_future(self._ready.wait())
        await asyncio.wait({ready, cancelled}, return_when=asyncio.FIRST_COMPLETED)
        if cancelled.done():
            ready.cancel()
            raise NotNowError(f"{experiment.task_name} was stopped before it began")
        early, self._early = self._early, None
        if self._broken is not None:
            self._fail(self._broken)
            raise BadValueError(self._broken)
        self._ready.clear()  # from here on it is taken
        for wish in (job, *early):
            await self._ask(wish)

    async def begun(self, run: str) -> None:
        """Wait, for a while, until a run has files that last, if it is just being begun here."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while self.state["run"] == run and (
                    self._replacing or self.state["phase"] == "starting"
                ):
                    await asyncio.sleep(SOON)

    async def command(self, name: str) -> None:
        """`play`, `pause`, `step`, `epoch` or `stop`."""
        self._check_running()
        if name == "stop" and self._early is not None and self._cancelled is not None:
            self._early = None  # the process has not heard of it yet
            self._cancelled.set_result(None)
            self.state |= {"phase": "ended", "text": "stopped before it began"}
            if not self._resetting:
                self._announce()
            return
        await self._ask({"do": name})

    async def set(self, values: dict[str, Any]) -> None:
        """Change settings of the training, and what happens when the last page closes."""
        if "on_close" in values:
            self.state["on_close"] = values.pop("on_close")
            self._announce()
        if values:
            self._check_running()
            await self._ask({"do": "set", **values})

    async def close(self) -> None:
        """Let a training save and stop; end the process."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        running = self.running
        try:
            await asyncio.wait_for(process.wait(), PATIENCE if running else 0)
            self.saved_at_end = self._path if running else None
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._reader is not None:
            self._reader.cancel()

    @asynccontextmanager
    async def stopped(self) -> AsyncIterator[None]:
        """The training stopped, to begin another inside the block; told only if that fails."""
        self._resetting = self._replacing = True  # pages need not read what is about to be replaced
        try:
            waits = self._early is not None
            await self.command("stop")
            if not waits:
                await self.settle()
            self._resetting = False
            self.state["phase"] = "ended"
            try:
                yield
            except UserError:
                self._announce()
                raise
        finally:
            self._resetting = self._replacing = False

    async def settle(self) -> None:
        """Wait until the process has done what follows a training: its last pictures."""
        try:
            await asyncio.wait_for(self._ready.wait(), PATIENCE)
        except TimeoutError as error:
            raise NotNowError("its last pictures are still being drawn; try again") from error

    async def check_free(self, path: Path) -> None:
        """Refuse a run that another process writes; this server's own ends with its pictures."""
        writer = await run_sync(writer_of, path)
        if is_own(writer, self.processes):
            await self.settle()
            writer = await run_sync(writer_of, path)
        if writer is not None:
            raise RunBusyError(path, writer, "wait until that has ended, or stop it there")

    def _check_running(self) -> None:
        if not self.running:
            raise NotNowError("nothing is being trained")

    async def _ask(self, wish: Wish) -> None:
        if self._early is not None:
            self._early.append(wish)
            return
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
            header, _ = frames.unpack(message)
            match header["type"]:
                case "ready":
                    self._pid = header["pid"]
                    unsaid = self.running and self._early is None and not self._resetting
                    if began and unsaid:
                        self.state |= {"phase": "ended", "text": "there was nothing left to do"}
                        self._announce()
                    began = True
                    self._ready.set()
                case "begun_here":
                    self.begun_here.add(header["identity"])
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
        why = f"signal {-code}" if code < 0 else f"exit code {code}"
        if self.running and self._early is None:
            saved = (self._path / "resume.safetensors").is_file()
            self._fail(
                f"Training stopped unexpectedly ({why}). {last} "
                + (f"Its last checkpoint is safe: resume, or run `vaelab train "
                   f"{Run(self._path).typed} --resume`." if saved
                   else "Nothing of it had been saved yet.")
            )  # fmt: skip
        if began:
            await self.prepare(scratch)
        else:
            self._broken = f"no training process can be started ({why}). {last}".strip()
            self._ready.set()

    def _fail(self, why: str) -> None:
        self.state |= {"phase": "failed", "text": why}
        self._announce()

    def _announce(self) -> None:
        self.listeners.send("state", frames.pack(self.state))

    async def drawn(self, listener: Listener) -> None:
        """A page has drawn what it was sent."""
        listener.drawn()
        await self._ask_for_more()

    async def leave(self, listener: Listener) -> None:
        """A page has closed; at the last one the training waits where that was wished."""
        self.listeners.remove(listener)
        if len(self.listeners):
            await self._ask_for_more()
        elif self.running and self.state["on_close"] == "pause":
            await self._ask({"do": "pause"})

    async def _ask_for_more(self) -> None:
        if self.running:
            await self._ask({"do": "drawn"})
