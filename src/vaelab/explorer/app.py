"""The server's routes: the page, runs, training."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from vaelab.bundle import Bundle
from vaelab.data import Mnist3000Data
from vaelab.errors import MissingFileError
from vaelab.explorer.choices import choices
from vaelab.explorer.computing import Asked, Codes, Computer, Images
from vaelab.explorer.dropping import Dropping
from vaelab.explorer.export import export_site, single_file
from vaelab.explorer.job import Job
from vaelab.explorer.library import Library
from vaelab.explorer.listeners import Listeners
from vaelab.explorer.live import Live
from vaelab.explorer.ready import ready
from vaelab.explorer.requests import Body, Endpoint, NotNowError, answered, body_of, plain
from vaelab.explorer.rows import glance
from vaelab.explorer.security import PICTURES_SENT
from vaelab.explorer.shelving import Shelving
from vaelab.explorer.steering import Steering

A = TypeVar("A", bound=Asked)

MAX_EXPORTS = 2
KEPT = "private, no-cache"
"""A browser keeps what it was sent, and asks whether it is still so."""


class Form(Body):
    """What a run's page is given away as."""

    single_file: bool = False


class Explorer:
    """Answers to the page's requests; `page` is the folder of the built page."""

    def __init__(self, library: Library, page: Path) -> None:
        self.library, self.page = library, page
        self.job = Job(Listeners())
        self.dropping = Dropping(library, self.job)
        self.computer = Computer()
        self._exports = asyncio.Semaphore(MAX_EXPORTS)

    def app(self) -> Starlette:
        """The application, not guarded yet."""
        steering = Steering(self.library, self.job)
        shelving = Shelving(self.library, self.job)
        reading = {
            "/api/opened": self.opened,
            "/api/runs": self.runs,
            "/api/choices": self.choices,
            "/api/ready": self.ready,
            "/api/runs/{run}/bundle/{file:path}": self.bundle_file,
            "/api/runs/{run}/glance": self.glance,
            "/api/bin": shelving.binned,
        }
        asking: dict[str, Endpoint] = {
            "/api/runs/{run}/export": self.export,
            "/api/runs/{run}/decode": partial(self._computed, Codes, self.computer.decode),
            "/api/runs/{run}/encode": partial(self._computed, Images, self.computer.encode),
            "/api/runs/{run}/rename": shelving.rename,
            "/api/runs/{run}/throw_away": shelving.throw_away,
            "/api/bin/take_back": shelving.take_back,
            PICTURES_SENT: self.dropping.take,
            "/api/pictures/look": self.dropping.look,
            "/api/pictures/train": self.dropping.train,
            "/api/pictures/forget": self.dropping.forget,
            "/api/training/start": steering.start,
            "/api/training/resume": steering.resume,
            "/api/training/reset": steering.reset,
            "/api/training/command": steering.command,
            "/api/training/set": steering.set,
        }
        routes = [
            Route("/", self.index),
            *(Route(path, answered(one)) for path, one in reading.items()),
            *(Route(path, answered(one), methods=["POST"]) for path, one in asking.items()),
            WebSocketRoute("/api/live", Live(self.library, self.job).talk),
            Mount("/assets", StaticFiles(directory=self.page / "assets")),
        ]
        return Starlette(routes=routes, lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        # the first reading of images imports for a second: nobody waits for it
        reading = asyncio.create_task(run_sync(Mnist3000Data().image_spec))
        await self.dropping.begin()
        with tempfile.TemporaryDirectory() as scratch:
            await self.job.prepare(Path(scratch))
            yield
            await self.job.close()
        await self.dropping.end()
        await reading

    async def index(self, request: Request) -> Response:
        """The page, which is told that it has a server."""
        html = (self.page / "index.html").read_text(encoding="utf-8")
        return HTMLResponse(html.replace('data-source="static"', 'data-source="server"'))

    async def runs(self, request: Request) -> Response:
        """Every run of the folder."""
        rows = await run_sync(self.library.rows, self.job.processes)
        return JSONResponse({"folder": str(self.library.folder), "runs": rows})

    async def opened(self, request: Request) -> Response:
        """The run that a page begins with: the one that it asks for, where it is there."""
        asked = request.query_params.get("run")
        await self.job.begun(asked or "")
        first = await run_sync(self.library.first, asked)
        return JSONResponse({"run": first, "compared": self.library.compared})

    async def bundle_file(self, request: Request) -> Response:
        """The manifest as it is now, or another file of a bundle."""
        name, file = request.path_params["run"], request.path_params["file"]
        await self.job.begun(name)
        if file == "manifest.json":
            bundle = await run_sync(self.library.bundle, name)
            return JSONResponse(await run_sync(bundle.manifest))
        bundle = await run_sync(Bundle, self.library.run(name))
        path = bundle.files.get(file)
        if path is None or not path.is_file():
            raise MissingFileError(f"the bundle of {name} holds no {file}")
        answer = FileResponse(path, stat_result=path.stat(), headers={"Cache-Control": KEPT})
        etag = answer.headers["etag"]
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"ETag": etag})
        if path.suffix == Path(file).suffix:
            return answer
        content = await run_sync(bundle.read, file)  # it lies there in fewer bytes
        headers = {"Cache-Control": KEPT, "ETag": etag}
        return Response(content, media_type="application/octet-stream", headers=headers)

    async def glance(self, request: Request) -> Response:
        """Where some codes of a run lie."""
        run = await run_sync(self.library.run, request.path_params["run"])
        return JSONResponse(await run_sync(glance, run))

    async def export(self, request: Request) -> Response:
        """The run's page to give away."""
        name, single = request.path_params["run"], (await body_of(request, Form)).single_file
        bundle = await run_sync(self.library.bundle, name)
        if self._exports.locked():
            raise NotNowError(f"{MAX_EXPORTS} exports are being made; try again in a moment")
        async with self._exports:
            content = await run_sync(single_file if single else _zipped, bundle)
        kind, ending = ("text/html", "html") if single else ("application/zip", "zip")
        attached = f'attachment; filename="{quote(plain(name))}.{ending}"'
        return Response(content, media_type=kind, headers={"Content-Disposition": attached})

    async def _computed(
        self,
        kind: type[A],
        compute: Callable[[Bundle, bytes | None, A], dict[str, str]],
        request: Request,
    ) -> Response:
        """Codes or images, by a model that the page cannot compute."""
        asked = await body_of(request, kind)
        bundle = await run_sync(Bundle, self.library.run(request.path_params["run"]))
        newest = self.job.listeners.newest("snapshot")
        return JSONResponse(await run_sync(compute, bundle, newest, asked))

    async def choices(self, request: Request) -> Response:
        """What a new run may be made of."""
        return JSONResponse(await run_sync(choices, self.library.folder))

    async def ready(self, request: Request) -> Response:
        """Comparisons to open, or to train what they want."""
        return JSONResponse({"rows": await run_sync(ready, self.library)})


def _zipped(bundle: Bundle) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        site = export_site(bundle, Path(folder) / "site")
        return Path(shutil.make_archive(f"{folder}/export", "zip", site)).read_bytes()
