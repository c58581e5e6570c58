"""The WebSocket: a page hears of trainings, and says what it shows."""

import asyncio
from contextlib import suppress
from pathlib import Path

import anyio
from anyio.to_thread import run_sync
from starlette.websockets import WebSocket, WebSocketDisconnect

from vaelab.errors import BadValueError, UserError
from vaelab.explorer import frames
from vaelab.explorer.job import Job
from vaelab.explorer.library import Library
from vaelab.explorer.listeners import Listener
from vaelab.explorer.requests import parse
from vaelab.explorer.security import PROTOCOL
from vaelab.explorer.watch import SECONDS, Shelf, Watch

MAX_PAGES = 32
NO_TEXT, NO_SENSE, TOO_MANY = 1003, 1008, 1013
"""Codes that a connection is closed with, RFC 6455 section 7.4.1 and the registry of IANA."""


class Live:
    """What goes through the sockets of all pages."""

    def __init__(self, library: Library, job: Job) -> None:
        self.library, self.job, self.listeners = library, job, job.listeners

    async def talk(self, socket: WebSocket) -> None:
        """Talk to a page until either side ends."""
        with suppress(WebSocketDisconnect, RuntimeError):
            await socket.accept(PROTOCOL if PROTOCOL in socket.scope["subprotocols"] else None)
            if len(self.listeners) >= MAX_PAGES:
                await socket.close(TOO_MANY, f"{MAX_PAGES} pages are open already; close one")
                return
        listener = self.listeners.add()
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_send, socket, listener)
                tasks.start_soon(_follow, listener, self.library.folder)
                with suppress(WebSocketDisconnect, RuntimeError):
                    await self._hear(socket, listener)
                tasks.cancel_scope.cancel()
        finally:
            await self.job.leave(listener)

    async def _hear(self, socket: WebSocket, listener: Listener) -> None:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if (text := message.get("text")) is None:
                await socket.close(NO_TEXT, "text is expected")
                return
            try:
                await self._take(text, listener)
            except UserError as error:
                await socket.close(NO_SENSE, str(error).encode()[:100].decode(errors="ignore"))
                return

    async def _take(self, text: str, listener: Listener) -> None:
        """Do what a page says."""
        match parse(text):
            case {"type": "drawn"}:
                await self.job.drawn(listener)
            case {"type": "watch", "run": str(run), "step": int(step)}:
                path = self.library.path(run)
                listener.watch = Watch(path, step, lambda: self.job.processes)
                listener.asked.set()
            case {"type": "watch", "run": None}:
                listener.watch = None
            case _:
                raise BadValueError("a page says that it has `drawn`, or what it shows: `watch`")


async def _send(socket: WebSocket, listener: Listener) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await socket.send_bytes(await listener.waiting.get())


async def _follow(listener: Listener, folder: Path) -> None:
    shelf = Shelf(folder)
    while True:
        watch = listener.watch
        message = await run_sync(watch.look) if watch is not None else None
        if message is not None and watch is listener.watch:
            listener.take("followed", frames.pack(message))
        if await run_sync(shelf.look):
            listener.take("runs", frames.pack({"type": "runs"}))
        with suppress(TimeoutError):
            await asyncio.wait_for(listener.asked.wait(), SECONDS)
            listener.asked.clear()
