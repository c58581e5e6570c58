"""What the page asks of runs as folders: another name, into the bin and out of it."""

from pathlib import Path

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vaelab.explorer.job import Job
from vaelab.explorer.library import Library
from vaelab.explorer.requests import Body, NotNowError, body_of
from vaelab.runs.bin import rename_run, take_back, throw_away, thrown_away


class Naming(Body):
    """Another name of a run."""

    name: str


class TakingBack(Body):
    """A run in the bin, and the name that it is to have again, or the next that is free."""

    binned: str
    name: str


class Shelving:
    """The requests that move runs; nothing is deleted."""

    def __init__(self, library: Library, job: Job) -> None:
        self.library, self.job = library, job

    async def rename(self, request: Request) -> Response:
        """Give a run another name."""
        target = self.library.path((await body_of(request, Naming)).name)
        await run_sync(rename_run, await self._free(request.path_params["run"]), target)
        return JSONResponse({"run": target.name})

    async def throw_away(self, request: Request) -> Response:
        """Move a run into the bin."""
        path = await self._free(request.path_params["run"])
        return JSONResponse({"binned": await run_sync(throw_away, path)})

    async def take_back(self, request: Request) -> Response:
        """Move a run out of the bin."""
        body = await body_of(request, TakingBack)
        self.library.path(body.binned)  # no name that leads elsewhere
        target = self.library.path(self.library.unused(body.name))
        await run_sync(take_back, self.library.folder, body.binned, target)
        return JSONResponse({"run": target.name})

    async def binned(self, request: Request) -> Response:
        """What is in the bin."""
        return JSONResponse({"runs": await run_sync(thrown_away, self.library.folder)})

    async def _free(self, name: str) -> Path:
        """The folder of a run that nobody writes."""
        path = self.library.there(name)
        if name in self.library.held:
            raise NotNowError(f"{name} is held by the Python session that opened this page")
        if self.job.running and self.job.state["run"] == name:
            raise NotNowError(f"{name} is being trained; stop it first")
        await self.job.check_free(path)
        return path
