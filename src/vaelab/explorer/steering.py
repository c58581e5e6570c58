"""What the page asks of training, and what becomes of a run that is there already.

A finished run is never written into, unless a request says so in its own field: it is gone on with
as a copy, and begun anew under another name.
"""

from pathlib import Path
from typing import Any, Literal

from anyio.to_thread import run_sync
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vaelab.errors import BadValueError
from vaelab.experiment import Experiment, ExplorerConfig
from vaelab.explorer.choices import Settings, experiment_of
from vaelab.explorer.job import Job
from vaelab.explorer.library import Library
from vaelab.explorer.requests import Body, NotNowError, body_of, plain
from vaelab.runs.run import Run
from vaelab.training import Start
from vaelab.training.start import is_finished, progress_of


class Beginning(Body):
    """A training of something new."""

    base: str
    name: str | None = None
    set: dict[str, Any] = Field(default_factory=dict)
    play: bool = True


class GoingOn(Body):
    """A training that a run goes on with; `how` says how a finished one does."""

    run: str
    epochs: int | None = Field(default=None, ge=1, le=1_000_000)
    how: Literal["copy", "in_place"] | None = None
    play: bool = True


class BeginningAnew(Body):
    """A run from its first step."""

    run: str


class Command(Body):
    """What the training is to do now."""

    do: Literal["play", "pause", "step", "epoch", "stop"]


class Steering:
    """The requests that change something."""

    def __init__(self, library: Library, job: Job) -> None:
        self.library, self.job = library, job

    async def start(self, request: Request) -> Response:
        """Train something new."""
        body = await body_of(request, Beginning)
        unused = self.library.unused(plain(body.name or body.base))
        experiment = await run_sync(experiment_of, body.base, body.set, self.library.folder, unused)
        await run_sync(check_model, experiment)
        return await self._begin(experiment, Start.NEW, body.play)

    async def resume(self, request: Request) -> Response:
        """Go on with a run; with a finished one as the field `how` says."""
        body = await body_of(request, GoingOn)
        self.job.check_idle()
        run = await self._run(body.run)
        name = run.path.name
        wanted = _longer(run, body.epochs)
        done = (await run_sync(progress_of, run)).epoch
        if done >= wanted.training.epochs:
            raise BadValueError(
                f"{name} has had {done} epoch{'s' * (done != 1)}; to go on, ask for more of them "
                "with `epochs`"
            )
        if body.how is None and is_finished(run):
            raise NotNowError(
                f"{name} is finished. To go on with a copy of it, say how: copy; to go on with "
                f"{name} itself, say how: in_place: its best weights are then replaced as soon "
                "as better ones are found, its log and kept steps go on, and its evaluation and "
                "pictures no longer belong to its weights"
            )
        if body.how != "copy":
            return await self._begin(wanted, Start.RESUME, body.play)
        copy = wanted.model_copy(update={"task_name": self.library.unused(name)})
        return await self._begin(copy, Start.RESUME, body.play, copy_of=run.path)

    async def reset(self, request: Request) -> Response:
        """Begin a run anew: in its place if it was begun here and is not finished, else beside."""
        name = (await body_of(request, BeginningAnew)).run
        if not self.job.running:
            return await self._reset(name)
        if self.job.state["run"] != name:
            self.job.check_idle()
        async with self.job.stopped():
            return await self._reset(name)

    async def _reset(self, name: str) -> Response:
        run = await self._run(name)
        known = run.identity_path.is_file() and run.identity() in self.job.begun_here
        replaced = known and not is_finished(run)
        target = name if replaced else self.library.unused(name)
        training = run.experiment.training.model_copy(update={"changes": ()})
        experiment = _watched(run.experiment).model_copy(
            update={"training": training, "task_name": target}
        )
        start = Start.OVERWRITE if replaced else Start.NEW
        return await self._begin(experiment, start, play=False)

    async def command(self, request: Request) -> Response:
        """Play, pause, step, epoch, stop."""
        await self.job.command((await body_of(request, Command)).do)
        return JSONResponse({})

    async def set(self, request: Request) -> Response:
        """Change settings while a run trains."""
        settings = await body_of(request, Settings)
        await self.job.set(settings.model_dump(exclude_unset=True))
        return JSONResponse({})

    async def _begin(
        self, experiment: Experiment, start: Start, play: bool, copy_of: Path | None = None
    ) -> Response:
        await self.job.begin(experiment, self.library.folder, start, play, copy_of)
        return JSONResponse({"run": experiment.task_name})

    async def _run(self, name: str) -> Run:
        """A run that nobody writes."""
        run = await run_sync(self.library.run, name)
        await self.job.check_free(run.path)
        return run


def _longer(run: Run, epochs: int | None) -> Experiment:
    """A run's experiment with as many epochs as are asked for."""
    experiment = _watched(run.experiment)
    training = experiment.training.model_copy(update={"epochs": epochs} if epochs else {})
    return experiment.model_copy(update={"training": training, "task_name": run.path.name})


def _watched(experiment: Experiment) -> Experiment:
    """What is trained for a page keeps steps that the page can show."""
    if experiment.explorer.keep != 0:
        return experiment
    return experiment.model_copy(update={"explorer": ExplorerConfig()})


def check_model(experiment: Experiment) -> None:
    """Networks, likelihood and data that do not go together are found before anything is made."""
    shape, classes = experiment.data.image_spec()
    experiment.model.build(shape, experiment.data.pixels.domain, classes)
