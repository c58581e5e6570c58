"""The server's routes: the page, runs, training."""

import asyncio
import tempfile
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from vaelab.bundle import Bundle
from vaelab.data import DigitsData
from vaelab.errors import MissingFileError
from vaelab.explorer.choices import choices
from vaelab.explorer.computing import Computer
from vaelab.explorer.export import export_site, single_file
from vaelab.explorer.job import Job
from vaelab.explorer.library import Library
from vaelab.explorer.listeners import Listeners
from vaelab.explorer.live import Live
from vaelab.explorer.page import page_folder
from vaelab.explorer.requests import NotNowError, answered, body_of, plain
from vaelab.explorer.security import Gate, Guard
from vaelab.explorer.steering import Steering
from vaelab.explorer.watch import describe, is_own
from vaelab.runlock import writer_of

Computation = Callable[[Bundle, bytes | None, Mapping[str, Any]], dict[str, str]]

MOST_EXPORTS = 2
"""At once."""


class Explorer:
    """Answers to the page's requests.

    Args:
        library: the runs.
        page: the folder of the built page.
    """

    def __init__(self, library: Library, page: Path) -> None:
        self.library, self.page = library, page
        self.listeners = Listeners()
        self.job = Job(self.listeners)
        self.computer = Computer()
        self._exports = asyncio.Semaphore(MOST_EXPORTS)

    def app(self) -> Starlette:
        """The application, not guarded yet."""
        steering = Steering(self.library, self.job)
        reading = {
            "/api/runs": self.runs,
            "/api/choices": self.choices,
            "/api/runs/{run}/bundle/{file:path}": self.bundle_file,
        }
        asking = {
            "/api/runs/{run}/export": self.export,
            "/api/runs/{run}/decode": self.decode,
            "/api/runs/{run}/encode": self.encode,
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
            WebSocketRoute("/api/live", Live(self.library, self.job, self.listeners).talk),
            Mount("/assets", StaticFiles(directory=self.page / "assets")),
        ]
        return Starlette(routes=routes, lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        # the first reading of the digits imports for a second: nobody waits for it
        reading = asyncio.create_task(run_sync(DigitsData().outline))
        with tempfile.TemporaryDirectory() as scratch:
            await self.job.prepare(Path(scratch))
            yield
            await self.job.close()
        await reading

    async def index(self, request: Request) -> Response:
        """The page, which is told that it has a server."""
        html = (self.page / "index.html").read_text(encoding="utf-8")
        return HTMLResponse(html.replace('data-source="static"', 'data-source="server"'))

    async def runs(self, request: Request) -> Response:
        """Every run of the folder."""
        rows = await run_sync(self._rows)
        return JSONResponse({"folder": str(self.library.folder), "runs": rows})

    def _rows(self) -> list[dict[str, Any]]:
        rows = []
        for row in self.library.rows():
            writer = writer_of(self.library.folder / row["id"])
            other = None if is_own(writer, self.job.processes) else describe(writer)
            rows.append(row | {"copy": self.library.unused(row["id"]), "writer": other})
        return rows

    async def bundle_file(self, request: Request) -> Response:
        """The manifest as it is now, or another file of a bundle."""
        name, file = request.path_params["run"], request.path_params["file"]
        if file == "manifest.json":
            bundle = await run_sync(self.library.bundle, name)
            return JSONResponse(await run_sync(bundle.manifest))
        path = (await run_sync(Bundle, self.library.run(name))).files.get(file)
        if path is None or not path.is_file():
            raise MissingFileError(f"the bundle of {name} holds no {file}")
        return FileResponse(path)

    async def export(self, request: Request) -> Response:
        """The run's page to give away."""
        name, single = request.path_params["run"], (await body_of(request)).get("single_file")
        bundle = await run_sync(self.library.bundle, name)
        if self._exports.locked():
            raise NotNowError(f"{MOST_EXPORTS} exports are being made; try again in a moment")
        async with self._exports:
            content = await run_sync(_page if single else _zipped, bundle)
        kind, ending = ("text/html", "html") if single else ("application/zip", "zip")
        attached = f'attachment; filename="{quote(plain(name))}.{ending}"'
        return Response(content, media_type=kind, headers={"Content-Disposition": attached})

    async def decode(self, request: Request) -> Response:
        """Images of codes, by a model that the page cannot compute."""
        return await self._computed(request, self.computer.decode)

    async def encode(self, request: Request) -> Response:
        """Codes of images, by the same."""
        return await self._computed(request, self.computer.encode)

    async def _computed(self, request: Request, compute: Computation) -> Response:
        body = await body_of(request)
        bundle = await run_sync(Bundle, self.library.run(request.path_params["run"]))
        newest = self.listeners.newest("snapshot")
        return JSONResponse(await run_sync(compute, bundle, newest, body))

    async def choices(self, request: Request) -> Response:
        """What a new run may be made of."""
        return JSONResponse(await run_sync(choices, self.library.folder))


def guarded(library: Library, gate: Gate) -> Guard:
    """The whole server.

    Raises:
        MissingFileError: the page has not been built.
    """
    return Guard(Explorer(library, page_folder()).app(), gate)


def _page(bundle: Bundle) -> bytes:
    return single_file(bundle).encode()


def _zipped(bundle: Bundle) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        site = export_site(bundle, Path(folder) / "site")
        path = Path(folder) / "site.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(site.rglob("*")):
                archive.write(file, file.relative_to(site))
        return path.read_bytes()
