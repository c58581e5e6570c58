"""Starting the server."""

import signal
import socket
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import uvicorn

from vaelab.errors import BadValueError, MissingFileError
from vaelab.explorer.app import guarded
from vaelab.explorer.library import Library
from vaelab.explorer.limits import LARGEST_FRAME, Connection, keep_quiet
from vaelab.explorer.opening import opened_in_browser
from vaelab.explorer.security import LOOPBACK, Gate
from vaelab.run import Run

FIRST_PORT = 8008
PORTS = 10


def library_of(place: Path) -> Library:
    """The runs that a person means: a run's folder, or a folder of runs.

    Raises:
        MissingFileError: there is no such folder.
        UserError: the run's config is damaged.
    """
    if Run.exists(place):
        Run(place)
        return Library(place.resolve().parent, place.resolve().name)
    if not place.is_dir() and place != Path("runs"):
        raise MissingFileError(
            f"there is no run and no folder of runs {place}; `vaelab demo` makes a run in a minute"
        )
    return Library(place)


def serve(
    library: Library,
    port: int | None,
    remote: str | None,
    browser: bool,
    say: Callable[[str], object],
) -> None:
    """Serve until Ctrl-C.

    Args:
        library: the runs.
        port: None: the first free one of ten.
        remote: another address to bind, under which others may reach it.
        browser: whether to open one.
        say: told the address.

    Raises:
        BadValueError: the port is in use.
        MissingFileError: the page has not been built.
    """
    listening = _bind(remote or "127.0.0.1", port)
    number: int = listening.getsockname()[1]

    def used(address: str) -> None:
        say(f"that address has been used; another browser opens {address}")

    gate = Gate(number, (remote, *LOOPBACK) if remote else LOOPBACK, used)
    config = uvicorn.Config(
        guarded(library, gate), log_level="error", access_log=False, proxy_headers=False,
        server_header=False, date_header=False, http=Connection, ws="websockets-sansio",
        ws_max_size=LARGEST_FRAME, ws_per_message_deflate=False, timeout_graceful_shutdown=2,
    )  # fmt: skip
    keep_quiet()
    server = uvicorn.Server(config)

    def end(*_: object) -> None:
        server.should_exit = True

    signal.signal(signal.SIGINT, end)  # also while the server starts, and once more when it ends
    say(f"the explorer is at {gate.address}")
    say("it shows " + (f"{library.opened} and the other runs" if library.opened else "the runs") +
        f" in {library.folder}; Ctrl-C ends it")  # fmt: skip
    if remote:
        say(f"whoever can reach {remote} and is first to open this address can train on this "
            "machine")  # fmt: skip
    with opened_in_browser(gate.address) if browser else nullcontext():
        server.run(sockets=[listening])
    say("the explorer has ended; a training under way was saved")


def _bind(host: str, port: int | None) -> socket.socket:
    ports = range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else [port]
    for number in ports:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, number))
            listening.listen()
        except OSError as error:
            listening.close()
            reason = error.strerror
            continue
        return listening
    which = (
        f"port {ports[0]} on {host} cannot"
        if len(ports) == 1
        else f"none of the ports {ports[0]} to {ports[-1]} on {host} can"
    )
    raise BadValueError(
        f"{which} be used ({reason}); choose another with --port, or end the program that uses it"
    )
