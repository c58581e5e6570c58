"""What the page asks of a folder of pictures: take it, look at it, train on it or forget it."""

import asyncio
import io
import logging
import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import yaml
from anyio import from_thread
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vaelab.config import override, validate
from vaelab.data.sources.images import DamagedPictureError
from vaelab.errors import BadValueError, MissingFileError, UserError
from vaelab.experiment import Experiment
from vaelab.explorer.choices import for_a_page
from vaelab.explorer.job import Job
from vaelab.explorer.library import Library
from vaelab.explorer.limits import COMES_SLOWLY
from vaelab.explorer.pictures import Pictures, remove_left_over_pictures, unpack
from vaelab.explorer.requests import Body, NotNowError, body_of
from vaelab.explorer.steering import check_model
from vaelab.recipe import suggest
from vaelab.training import Start


class Naming(Body):
    """Pictures that were sent, by the name that they have here."""

    pictures: str


class Looking(Naming):
    """And whether files that cannot be read are left out."""

    skip: bool = False


@dataclass
class Offered:
    """Pictures that were sent and that no run is trained on yet."""

    pictures: Pictures
    recipe: str = ""
    notes: dict[str, None] = field(default_factory=dict)

    def look(self, skip: bool) -> dict[str, Any]:
        """What they are, and the recipe for them, as `vaelab train FOLDER` finds them."""
        path = self.pictures.path
        with self._plainly(), _overheard(self.notes):
            recipe = suggest(path, ["data.damaged=skip"] * skip)
            store = validate(Experiment, yaml.safe_load(recipe), path.name).data.load()
        self.recipe = recipe
        labels = np.concatenate([split.labels for split in store.splits.values()])
        counts = np.bincount(labels, minlength=len(store.classes)).tolist()
        return {
            "recipe": recipe, "images": len(labels), "train": store.training_images,
            "shape": store.image_shape,
            "classes": list(zip(store.classes, counts, strict=True)),
            "notes": [self._shortened(note) for note in self.notes],
        }  # fmt: skip

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """In this block errors name files as the user knows them."""
        try:
            yield
        except UserError as error:
            kind = DamagedPictureError if isinstance(error, DamagedPictureError) else BadValueError
            raise kind(self._shortened(str(error))) from error

    def _shortened(self, words: str) -> str:
        return words.replace(f"{self.pictures.path.parent}{os.sep}", "")


class Dropping:
    """The requests about pictures; one folder at a time waits to be trained on."""

    def __init__(self, library: Library, job: Job) -> None:
        self.library, self.job = library, job
        self._offered: Offered | None = None
        self._taking = asyncio.Lock()

    async def begin(self) -> None:
        """Remove what a killed server has left."""
        await run_sync(remove_left_over_pictures, self.library.folder.absolute())

    async def end(self) -> None:
        """Remove what no run was trained on."""
        offered, self._offered = self._offered, None
        if offered is not None:
            await run_sync(offered.pictures.remove)

    async def take(self, request: Request) -> Response:
        """Take a folder in, as a tar; it takes the place of one that waits."""
        files = request.query_params.get("files", "")
        if not (files.isascii() and files.isdecimal() and len(files) < 10):
            raise BadValueError("say how many files are sent: `?files=`")
        if self._taking.locked():
            raise NotNowError("another folder is being sent; try again in a moment")
        async with self._taking:
            await self.end()
            request.scope[COMES_SLOWLY] = True
            sent: io.BufferedReader = io.BufferedReader(_Sent(request.stream()), PART_BYTES)
            runs = self.library.folder.absolute()
            pictures = await run_sync(unpack, runs, sent, int(files))
            await self.end()  # a training on others could not be begun meanwhile
            self._offered = Offered(pictures)
            return JSONResponse({"pictures": pictures.path.name})

    async def look(self, request: Request) -> Response:
        """What the pictures are, and the recipe; what cannot be read may be left out."""
        body = await body_of(request, Looking)
        offered = self._named(body.pictures)
        try:
            return JSONResponse(await run_sync(offered.look, body.skip))
        except DamagedPictureError as error:
            return JSONResponse({"damaged": str(error)})
        except UserError:
            await self._forget(offered)
            raise

    async def train(self, request: Request) -> Response:
        """Train a new run, named after the folder, by the recipe that was shown."""
        offered = self._named((await body_of(request, Naming)).pictures)
        if not offered.recipe:
            raise NotNowError("the pictures have not been looked at yet")
        self.job.check_idle()
        given = yaml.safe_load(offered.recipe)
        assignments = for_a_page(self.library.unused(given["task_name"]))
        wanted = override(Experiment, given, assignments)
        experiment = validate(Experiment, wanted, offered.pictures.path.name, assignments)
        self._offered = None  # from here on they are the run's
        try:
            await run_sync(check_model, experiment)
            await run_sync(offered.pictures.keep)
            await self.job.begin(experiment, self.library.folder, Start.NEW, play=True)
        except UserError:
            await self._put_back(offered)
            raise
        return JSONResponse({"run": experiment.task_name})

    async def forget(self, request: Request) -> Response:
        """Remove pictures that no run is trained on."""
        await self._forget(self._named((await body_of(request, Naming)).pictures))
        return JSONResponse({})

    async def _put_back(self, offered: Offered) -> None:
        """Have pictures wait again, unless others have come meanwhile."""
        await run_sync(offered.pictures.offer)
        if self._offered is None:
            self._offered = offered
        else:
            await run_sync(offered.pictures.remove)

    async def _forget(self, offered: Offered) -> None:
        if self._offered is offered:
            await self.end()

    def _named(self, name: str) -> Offered:
        offered = self._offered
        if offered is None or offered.pictures.path.name != name:
            raise MissingFileError("these pictures are not here any more; send the folder again")
        return offered


PART_BYTES = 2**22
"""Of what is sent; for less at a time the threads would wait for each other most of the time."""


class _Sent(io.RawIOBase):
    """What a request brings, as a file for another thread to read."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks, self._rest = chunks, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        while not self._rest:
            self._rest = memoryview(from_thread.run(self._next))
            if not self._rest:
                return 0
        wanted = memoryview(room)
        part = self._rest[: len(wanted)]
        wanted[: len(part)] = part
        self._rest = self._rest[len(part) :]
        return len(part)

    async def _next(self) -> bytes:
        part = bytearray()
        async for chunk in self._chunks:
            part += chunk
            if len(part) >= PART_BYTES:
                break
        return bytes(part)


@contextmanager
def _overheard(notes: dict[str, None]) -> Iterator[None]:
    """In this block what this thread logs for the user is noted, each sentence once."""
    thread = threading.get_ident()

    class Notes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == thread:
                notes[record.getMessage()] = None

    logger, handler = logging.getLogger("vaelab"), Notes(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
