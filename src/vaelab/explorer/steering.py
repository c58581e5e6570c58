"""What the page asks of training, and what becomes of a run that is there already.

A finished run is never written into, unless a request says so in its own field: it is gone on with
as a copy, and begun anew under another name.
"""

from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vaelab.errors import BadValueError, RunBusyError
from vaelab.experiment import Experiment, ExplorerConfig
from vaelab.explorer.job import Job
from vaelab.explorer.library import Library
from vaelab.explorer.requests import NotNowError, body_of, plain, text_of
from vaelab.explorer.watch import is_own
from vaelab.explorer.wishes import check_live, experiment_of
from vaelab.run import Run
from vaelab.runlock import writer_of
from vaelab.training import Start
from vaelab.training.start import epochs_done

COMMANDS = ("play", "pause", "step", "epoch", "stop")
COPY, IN_PLACE = "copy", "in_place"


class Steering:
    """The requests that change something.

    Args:
        library: the runs.
        job: what trains them.
    """

    def __init__(self, library: Library, job: Job) -> None:
        self.library, self.job = library, job

    async def start(self, request: Request) -> Response:
        """Train something new."""
        body = await body_of(request)
        base = text_of(body, "base")
        name = text_of(body, "name") if body.get("name") else base
        wished = body.get("set", {})
        if not isinstance(wished, dict):
            raise BadValueError("`set` is a mapping of keys to values")
        unused = self.library.unused(plain(name))
        experiment = await run_sync(experiment_of, base, wished, self.library.folder, unused)
        await run_sync(_check_model, experiment)
        return await self._begin(experiment, Start.NEW, _play(body))

    async def resume(self, request: Request) -> Response:
        """Go on with a run; with a finished one as the field `how` says."""
        body = await body_of(request)
        self._check_idle()
        run = await self._run(text_of(body, "run"))
        name, how = run.path.name, body.get("how")
        if how not in (None, COPY, IN_PLACE):
            raise BadValueError(f"`how` is `{COPY}` or `{IN_PLACE}`")
        wanted = _longer(run, body.get("epochs"))
        done = await run_sync(epochs_done, run)
        if done >= wanted.training.epochs:
            raise BadValueError(
                f"{name} has had {done} epochs; to go on, ask for more of them with `epochs`"
            )
        if how is None and is_finished(run):
            raise NotNowError(
                f"{name} is finished. To go on with a copy of it, say how: {COPY}; to go on with "
                f"{name} itself, say how: {IN_PLACE}: its best weights are then replaced as soon "
                "as better ones are found, its log and kept steps go on, and its evaluation and "
                "pictures no longer belong to its weights"
            )
        if how != COPY:
            return await self._begin(wanted, Start.RESUME, _play(body))
        copy = wanted.model_copy(update={"task_name": self.library.unused(name)})
        return await self._begin(copy, Start.RESUME, _play(body), copy_of=run.path)

    async def reset(self, request: Request) -> Response:
        """Begin a run anew: in its place if it was begun here and is not finished, else beside."""
        name = text_of(await body_of(request), "run")
        if not self.job.running:
            return await self._reset(name)
        if self.job.state["run"] != name:
            self._check_idle()
        async with self.job.stopped():
            return await self._reset(name)

    async def _reset(self, name: str) -> Response:
        run = await self._run(name)
        replaced = self._is_begun_here(run) and not is_finished(run)
        target = name if replaced else self.library.unused(name)
        training = run.experiment.training.model_copy(update={"changes": ()})
        experiment = _watched(run.experiment).model_copy(
            update={"training": training, "task_name": target}
        )
        start = Start.OVERWRITE if replaced else Start.NEW
        return await self._begin(experiment, start, play=False)

    async def command(self, request: Request) -> Response:
        """Play, pause, step, epoch, stop."""
        name = text_of(await body_of(request), "do")
        if name not in COMMANDS:
            raise BadValueError(f"`{name}` is no command; there are {', '.join(sorted(COMMANDS))}")
        await self.job.command(name)
        return JSONResponse({})

    async def set(self, request: Request) -> Response:
        """Change settings while a run trains."""
        await self.job.set(check_live(await body_of(request)))
        return JSONResponse({})

    async def _begin(
        self, experiment: Experiment, start: Start, play: bool, copy_of: Path | None = None
    ) -> Response:
        await self.job.begin(experiment, self.library.folder, start, play, copy_of)
        return JSONResponse({"run": experiment.task_name})

    def _check_idle(self) -> None:
        if self.job.running:
            raise NotNowError(f"{self.job.state['run']} is being trained; stop it first")

    async def _run(self, name: str) -> Run:
        """A run that nobody writes.

        Raises:
            RunBusyError: another process does.
            NotNowError: this server's does, and takes long.
        """
        run = await run_sync(self.library.run, name)
        writer = await run_sync(writer_of, run.path)
        if is_own(writer, self.job.processes):  # its training has ended, its pictures are drawn
            await self.job.settle()
            writer = await run_sync(writer_of, run.path)
        if writer is not None:
            raise RunBusyError(run.path, writer, "wait until that has ended, or stop it there")
        return run

    def _is_begun_here(self, run: Run) -> bool:
        return run.identity_path.is_file() and run.identity() in self.job.begun_here


def is_finished(run: Run) -> bool:
    """Whether a run has had all its epochs.

    Raises:
        BadValueError: what it saved is damaged.
    """
    return epochs_done(run) >= run.experiment.training.epochs


def _play(body: dict[str, Any]) -> bool:
    return bool(body.get("play", True))


def _longer(run: Run, epochs: Any) -> Experiment:
    """A run's experiment with as many epochs as are asked for."""
    experiment = _watched(run.experiment)
    training = experiment.training.model_dump() | ({"epochs": epochs} if epochs else {})
    changed = experiment.model_dump() | {"training": training, "task_name": run.path.name}
    try:
        return Experiment.model_validate(changed)
    except ValueError as error:
        words = f"epochs: {epochs!r}"[:100]
        raise BadValueError(f"{words} is no number of epochs") from error


def _watched(experiment: Experiment) -> Experiment:
    """What is trained for a page keeps steps that the page can show."""
    if experiment.explorer.keep:
        return experiment
    return experiment.model_copy(update={"explorer": ExplorerConfig()})


def _check_model(experiment: Experiment) -> None:
    """Networks, likelihood and data that do not go together are found before anything is made."""
    shape, classes = experiment.data.outline()
    experiment.model.build(shape, experiment.data.pixels.domain, classes)
