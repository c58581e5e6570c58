"""Starting the server."""

import atexit
import os
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from html import escape
from pathlib import Path
from tempfile import mkstemp
from types import FrameType

import uvicorn

from vaelab.data.cache import cache_folder
from vaelab.errors import BadValueError
from vaelab.explorer.app import Explorer
from vaelab.explorer.export import MAX_COMPARED, page_folder
from vaelab.explorer.library import Library
from vaelab.explorer.limits import MAX_FRAME_BYTES, Connection, keep_quiet
from vaelab.explorer.security import LOOPBACK, Gate, Guard
from vaelab.files import is_process
from vaelab.runs.names import RUNS, find_run_folder
from vaelab.runs.run import Run

FIRST_PORT = 8008
PORTS = 10
PAGE = (
    '<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
    '<meta http-equiv="refresh" content="0; url={address}"><title>vaelab</title>'
)
SECONDS = 0.5
"""Until the server answers, and a browser is told to open it."""


def library_of(*places: Path, runs: Path = RUNS) -> Library:
    """What the user means: a folder of runs; or a run, or runs to compare.

    Args:
        places: folders, or names of runs; none: all runs.
        runs: the folder of runs, in which names are looked for.
    """
    if not places:
        return Library(runs)
    if len(places) == 1 and places[0].is_dir() and not Run.exists(places[0]):
        return Library(places[0])
    found = [Run(find_run_folder(str(place), runs)).path for place in places]
    folders, names = zip(*((path.resolve().parent, path.resolve().name) for path in found),
                         strict=True)  # fmt: skip
    if len(set(folders)) > 1:
        raise BadValueError(
            f"runs that are compared lie in one folder, but {found[0]} is in {folders[0]} and "
            f"another in {next(one for one in folders if one != folders[0])}"
        )
    if not len(set(names)) == len(names) <= MAX_COMPARED:
        raise BadValueError(f"{len(names)} runs to compare; give two to four different ones")
    return Library(folders[0], names[0], names[1:] and names)


class _Server(uvicorn.Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End it within seconds, what trains saved; a second Ctrl-C adds nothing."""
        if not self.should_exit:
            super().handle_exit(sig, frame)


class Served:
    """The explorer on a port of this machine."""

    def __init__(
        self,
        library: Library,
        port: int | None,
        browser: bool,
        remote: str | None = None,
        say: Callable[[str], object] = lambda words: None,
    ) -> None:
        self._browser = browser
        self._socket = _bind(remote or "127.0.0.1", port)
        self._gate = Gate(
            self._socket.getsockname()[1],
            (remote, *LOOPBACK) if remote else LOOPBACK,
            lambda address: say(f"that address has been used; another browser opens {address}"),
        )
        self._explorer = Explorer(library, page_folder())
        config = uvicorn.Config(
            Guard(self._explorer.app(), self._gate), log_level="error",
            access_log=False, proxy_headers=False, server_header=False, date_header=False,
            http=Connection, ws="websockets-sansio", ws_max_size=MAX_FRAME_BYTES,
            ws_per_message_deflate=False, timeout_graceful_shutdown=2,
        )  # fmt: skip
        keep_quiet()
        self._server = _Server(config)
        self._thread = threading.Thread(target=self.run, name="explorer", daemon=True)

    @property
    def saved_training(self) -> Path | None:
        """The run that was under training when it ended, and was saved."""
        return self._explorer.job.saved_at_end

    @property
    def address(self) -> str:
        """What a browser opens; good once, as its secret is."""
        return self._gate.address

    def __repr__(self) -> str:
        return f"the explorer is at {self.address}"

    def run(self) -> None:
        """Serve until it is told to end."""
        with opened_in_browser(self.address) if self._browser else nullcontext():
            self._server.run(sockets=[self._socket])

    def start(self) -> None:
        """Serve from a thread until `stop`, or until the process ends."""
        self._thread.start()
        atexit.register(self.stop)

    def end(self, *_: object) -> None:
        """Have it end soon."""
        self._server.should_exit = True

    def stop(self) -> None:
        """End it; a training under way is saved."""
        self.end()
        self._thread.join()
        atexit.unregister(self.stop)


def serve(
    library: Library,
    port: int | None,
    remote: str | None,
    browser: bool,
    say: Callable[[str], object],
) -> None:
    """Serve until Ctrl-C, and say where; the rest is as `Served` has it."""
    served = Served(library, port, browser, remote, say)
    # also while the server starts, and once more when it ends
    signal.signal(signal.SIGINT, served.end)
    say(repr(served))
    shown = f"{library.opened} and the other runs" if library.opened else "the runs"
    if library.compared:
        shown = f"{', '.join(library.compared)} beside each other, and the other runs"
    say(f"it shows {shown} in {library.folder}; Ctrl-C ends it")
    if remote:
        say(f"whoever can reach {remote} and is first to open this address can train on this "
            "machine")  # fmt: skip
    served.run()
    say("the explorer has ended")
    if saved := served.saved_training:
        say(f"{saved.name} was saved; to go on: vaelab train {Run(saved).typed} --resume")


def _bind(host: str, port: int | None) -> socket.socket:
    ports = range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else [port]
    for number in ports:
        try:
            return socket.create_server((host, number))
        except OSError as error:
            reason = str(error.strerror).partition(" (")[0]  # without the address once more
    which = (
        f"port {ports[0]} on {host} cannot"
        if len(ports) == 1
        else f"none of the ports {ports[0]} to {ports[-1]} on {host} can"
    )
    raise BadValueError(
        f"{which} be used ({reason}); choose another with --port, or end the program that uses it"
    )


@contextmanager
def opened_in_browser(address: str) -> Iterator[None]:
    """A browser told to open an address, by a file that only this user can read.

    The file is there inside the block. Where it cannot be written no browser is opened.
    """
    path = _write(PAGE.format(address=escape(address, quote=True)))
    if path is not None:
        timer = threading.Timer(SECONDS, webbrowser.open, (path.as_uri(),))
        timer.daemon = True
        timer.start()
    try:
        yield
    finally:
        if path is not None:
            path.unlink(missing_ok=True)


def _write(page: str) -> Path | None:
    folder = cache_folder() / "explorer"
    with suppress(OSError, RuntimeError):
        folder.mkdir(parents=True, exist_ok=True)
        for left_over in folder.glob("open-*.html"):  # of servers that were killed
            pid = left_over.name.split("-")[1]
            if pid.isdecimal() and not is_process(int(pid)):
                left_over.unlink()
        descriptor, path = mkstemp(".html", f"open-{os.getpid()}-", folder)  # 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(page)
        return Path(path).resolve()
    return None
