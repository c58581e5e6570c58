"""The server's routes: the page, runs, training."""

import asyncio
import json
import tempfile
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from vaelab.bundle import Bundle
from vaelab.data import DigitsData
from vaelab.errors import BadValueError, MissingFileError, UserError
from vaelab.experiment import Experiment
from vaelab.explorer.choices import choices
from vaelab.explorer.computing import Computer
from vaelab.explorer.export import export_site, single_file
from vaelab.explorer.job import Job, NotNowError
from vaelab.explorer.library import Library
from vaelab.explorer.listeners import Listeners
from vaelab.explorer.page import page_folder
from vaelab.explorer.security import Gate, Guard
from vaelab.explorer.wishes import check_live, experiment_of
from vaelab.training import Start

Computation = Callable[[Bundle, bytes | None, Mapping[str, Any]], dict[str, str]]

COMMANDS = {"play", "pause", "step", "epoch", "stop", "reset"}
STATUS = ((MissingFileError, 404), (NotNowError, 409), (UserError, 400))


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

    def app(self) -> Starlette:
        """The application, not guarded yet."""
        routes = [
            Route("/", self.index),
            Route("/api/runs", _told(self.runs)),
            Route("/api/runs/{run}/bundle/{file:path}", _told(self.bundle_file)),
            Route("/api/runs/{run}/export", _told(self.export)),
            Route("/api/runs/{run}/decode", _told(self.decode), methods=["POST"]),
            Route("/api/runs/{run}/encode", _told(self.encode), methods=["POST"]),
            Route("/api/choices", _told(self.choices)),
            Route("/api/training/start", _told(self.start), methods=["POST"]),
            Route("/api/training/resume", _told(self.resume), methods=["POST"]),
            Route("/api/training/command", _told(self.command), methods=["POST"]),
            Route("/api/training/set", _told(self.set), methods=["POST"]),
            WebSocketRoute("/api/live", self.live),
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
        rows = await run_sync(self.library.rows)
        return JSONResponse({"folder": str(self.library.folder), "runs": rows})

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
        name = request.path_params["run"]
        bundle = await run_sync(self.library.bundle, name)
        if request.query_params.get("single_file") == "1":
            content, kind, ending = (
                (await run_sync(single_file, bundle)).encode(),
                "text/html",
                "html",
            )
        else:
            content, kind, ending = await run_sync(_zipped, bundle), "application/zip", "zip"
        attached = f'attachment; filename="{_plain(name)}.{ending}"'
        return Response(content, media_type=kind, headers={"Content-Disposition": attached})

    async def decode(self, request: Request) -> Response:
        """Images of codes, by a model that the page cannot compute."""
        return await self._computed(request, self.computer.decode)

    async def encode(self, request: Request) -> Response:
        """Codes of images, by the same."""
        return await self._computed(request, self.computer.encode)

    async def _computed(self, request: Request, compute: Computation) -> Response:
        body = await _body(request)
        bundle = await run_sync(Bundle, self.library.run(request.path_params["run"]))
        newest = self.listeners.newest("snapshot")
        return JSONResponse(await run_sync(compute, bundle, newest, body))

    async def choices(self, request: Request) -> Response:
        """What a new run may be made of."""
        return JSONResponse(await run_sync(choices, self.library.folder))

    async def start(self, request: Request) -> Response:
        """Train something new."""
        body = await _body(request)
        base, name = _text(body, "base"), body.get("name") or body.get("base")
        unused = self._unused(str(name))
        wished = body.get("set", {})
        if not isinstance(wished, dict):
            raise BadValueError("`set` is a mapping of keys to values")
        folder = self.library.folder
        experiment = await run_sync(experiment_of, base, wished, folder, unused)
        await run_sync(_check_model, experiment)
        await self.job.begin(experiment, folder, Start.NEW, bool(body.get("play", True)))
        return JSONResponse({"run": unused})

    async def resume(self, request: Request) -> Response:
        """Go on with a run."""
        body = await _body(request)
        run = self.library.run(_text(body, "run"))
        experiment = run.experiment
        epochs = body.get("epochs")
        training = experiment.training.model_dump() | ({"epochs": epochs} if epochs else {})
        changed = experiment.model_dump() | {"training": training, "task_name": run.path.name}
        try:
            wanted = Experiment.model_validate(changed)
        except ValueError as error:
            raise BadValueError(f"epochs: {epochs!r} is no number of epochs") from error
        play = bool(body.get("play", True))
        await self.job.begin(wanted, self.library.folder, Start.RESUME, play)
        return JSONResponse({"run": run.path.name})

    async def command(self, request: Request) -> Response:
        """Play, pause, step, epoch, stop, reset."""
        name = _text(await _body(request), "do")
        if name not in COMMANDS:
            raise BadValueError(f"`{name}` is no command; there are {', '.join(sorted(COMMANDS))}")
        await self.job.command(name)
        return JSONResponse({})

    async def set(self, request: Request) -> Response:
        """Change settings while a run trains."""
        await self.job.set(check_live(await _body(request)))
        return JSONResponse({})

    async def live(self, socket: WebSocket) -> None:
        """Tell a page how the training goes."""
        await socket.accept()
        listener = self.listeners.add()

        async def send() -> None:
            while True:
                await socket.send_bytes(await listener.waiting.get())

        with suppress(WebSocketDisconnect, RuntimeError):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send)
                try:
                    while True:
                        await socket.receive_text()  # that it has drawn
                        await self.listeners.drawn(listener)
                except WebSocketDisconnect:
                    tasks.cancel_scope.cancel()
        await self.listeners.remove(listener)

    def _unused(self, name: str) -> str:
        plain = _plain(name)
        names = [plain, *(f"{plain}-{number}" for number in range(2, 10_000))]
        return next(one for one in names if not (self.library.folder / one).exists())


def guarded(library: Library, gate: Gate) -> Guard:
    """The whole server.

    Raises:
        MissingFileError: the page has not been built.
    """
    return Guard(Explorer(library, page_folder()).app(), gate)


def _told(
    endpoint: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """What the user can put right is told in words."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except UserError as error:
            status = next(code for kind, code in STATUS if isinstance(error, kind))
            return JSONResponse({"error": str(error)}, status_code=status)

    return answer


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise BadValueError(f"this is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadValueError("a JSON object is expected")
    return body


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str):
        raise BadValueError(f"`{key}` is missing")
    return value


def _plain(name: str) -> str:
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
    return kept.strip(".")[:100] or "run"


def _check_model(experiment: Experiment) -> None:
    """Networks, likelihood and data that do not go together are found before anything is made."""
    shape, classes = experiment.data.outline()
    experiment.model.build(shape, experiment.data.pixels.domain, classes)


def _zipped(bundle: Bundle) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        site = export_site(bundle, Path(folder) / "site")
        path = Path(folder) / "site.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(site.rglob("*")):
                archive.write(file, file.relative_to(site))
        return path.read_bytes()
