"""Bounds on what strangers can hold open, in a connection as uvicorn speaks it."""

import asyncio
import logging

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

SECONDS = 10.0
"""In which a request must be here to its end, from the beginning of the connection or of the last
answer."""
COMES_SLOWLY = "vaelab.comes_slowly"
"""In the scope of a request that is waited for as long as some of it comes in that time."""
MAX_CONNECTIONS = 256
MAX_FRAME_BYTES = 16 * 1024
"""Bytes of what a page says through its WebSocket."""


class Connection(H11Protocol):
    """HTTP whose requests must come to their end, and of which there are not too many.

    Where there are, the one that has been waited for longest gives way to the next.
    """

    _deadline: asyncio.TimerHandle | None = None
    _came = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody has connected."""
        super().connection_made(transport)
        self._await_request()
        opened = [one for one in self.connections if not one.transport.is_closing()]
        if len(opened) > MAX_CONNECTIONS:
            late = {
                one: one._deadline.when()
                for one in opened
                if isinstance(one, Connection) and one._deadline is not None
            }
            min(late, key=late.__getitem__).transport.abort()

    def data_received(self, data: bytes) -> None:
        """Some of a request has come."""
        super().data_received(data)
        self._came = True
        self._await_request()

    def on_response_complete(self) -> None:
        """An answer has gone out."""
        self._stop_waiting()
        super().on_response_complete()
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side is gone."""
        super().connection_lost(exc)
        self._stop_waiting()

    def _await_request(self) -> None:
        """Wait for the rest of a request, while there is one to wait for."""
        unfinished = self.conn.their_state in {h11.IDLE, h11.SEND_BODY}
        mine = self.transport.get_protocol() is self  # and no WebSocket has taken over
        if not (unfinished and mine) or self.transport.is_closing():
            self._stop_waiting()
        elif self._deadline is None:
            self._came = False
            self._deadline = self.loop.call_later(SECONDS, self._give_up)

    def _give_up(self) -> None:
        self._deadline = None
        if self._came and self.scope and self.scope.get(COMES_SLOWLY):
            self._await_request()
        else:
            self.transport.abort()

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def keep_quiet() -> None:
    """Keep out of the terminal what its reader has not done and can do nothing about.

    That is text from a stranger that is no UTF-8, which was refused, and computations that are
    given up when the server ends.
    """
    noise = ("Invalid UTF-8", "Cancel ")
    uvicorn = logging.getLogger("uvicorn.error")
    uvicorn.addFilter(lambda record: not record.getMessage().startswith(noise))
