"""What strangers may try on the explorer's server: `python -m tests.robustness.server`.

Every trial is made from a fixed seed and stands by itself. None may get what is not for it, make
the server answer 500, hang or print a traceback.
"""

import argparse
import random
import resource
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from tests.robustness.admission import gate, handshakes, keys
from tests.robustness.dropped import dropped
from tests.robustness.nonsense import bodies, frames, odd, traversal
from tests.robustness.wire import RUN, Server, Trial, request
from vaelab.explorer.pictures import PICTURES

SEED = 0
Result = tuple[str, bool, str]


def cases() -> list[Trial]:
    """All trials, but those that are many at once."""
    return [
        *gate(), *keys(), *odd(), *traversal(), *bodies(), *dropped(), *handshakes(), *frames(),
    ]  # fmt: skip


def run(sample: int | None = None) -> list[Result]:
    """Try them on a server of their own.

    Args:
        sample: so many of each group, and fewer at once; None: all.

    Returns:
        For each its name, whether the server did right, and what it did.
    """
    trials = cases()
    if sample is not None:
        groups: dict[str, list[Trial]] = {}
        for one in trials:
            groups.setdefault(one.name.partition("/")[0], []).append(one)
        draw = random.Random(SEED)
        trials = [one for group in groups.values()
                  for one in draw.sample(group, min(sample, len(group)))]  # fmt: skip
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        try:
            (kept := server.runs / PICTURES).mkdir()
            before = sorted(path.name for path in server.runs.iterdir())
            for one in trials:
                wrong = one.ask(server)
                results.append((one.name, wrong is None, wrong or ""))
            results += _many_clients(server, 20 if sample is None else 4)
            results += _half_open(server, 1400 if sample is None else 400)
            after = sorted(path.name for path in server.runs.iterdir())
            results.append(("after/no run was made", before == after, str(after)))
            pictures = sorted(path.name for path in kept.rglob("*"))
            results.append(("after/no picture is kept", not pictures, str(pictures)))
        finally:
            said = server.stop()
    loud = "Traceback" in said or "ERROR" in said
    results.append(("after/the terminal is quiet", not loud, said[-2000:] if loud else ""))
    return results


def _many_clients(server: Server, clients: int) -> list[Result]:
    """Clients with ten requests each, and six exports at once."""
    manifest = f"/api/runs/{RUN}/bundle/manifest.json"
    results: list[Result] = []

    def note(name: str, wanted: set[int], content: bytes) -> None:
        began = time.monotonic()
        status, took = server.send(content).status, time.monotonic() - began
        good = status in wanted and took < 20
        results.append((f"many/{name}", good, f"{status} after {took:.1f} s"))

    def client(number: int) -> None:
        for one in range(10):
            path = "/api/runs" if one % 2 else manifest
            note(f"{number} {path}", {200}, request("GET", path, server.own))

    def export() -> None:
        headers = {**server.own, "Content-Type": "application/json"}
        body = b'{"single_file": true}'
        content = request("POST", f"/api/runs/{RUN}/export", headers, body)
        note("export", {200, 409}, content)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    threads += [threading.Thread(target=export) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return results


def _half_open(server: Server, many: int) -> list[Result]:
    """Requests that never come to their end: others are answered, and they are closed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, many + 200)), hard))
    opened: list[socket.socket] = []
    try:
        for _ in range(many):
            one = socket.create_connection(("127.0.0.1", server.port), timeout=20)
            opened.append(one)
            one.sendall(b"GET / HTTP/1.1\r\nHost: ")
        files = Path(f"/proc/{server.process.pid}/fd")
        began = time.monotonic()
        status = server.ask("GET", "/api/runs", server.own).status
        took = time.monotonic() - began
        held = len(list(files.iterdir()))
        time.sleep(12)
        left = sum(not _ended(one) for one in opened)
        rest = len(list(files.iterdir()))
        return [
            ("half open/others are answered", status == 200 and took < 10, f"{status} {took:.1f}"),
            ("half open/not too many are held", held < 350, f"{held} files"),
            ("half open/all are closed in time", left == 0 and rest < 60, f"{left}, {rest} files"),
        ]
    finally:
        for one in opened:
            one.close()


def _ended(one: socket.socket) -> bool:
    one.settimeout(0.5)
    try:
        return one.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def main() -> int:
    """Try everything and print a table; 0 where all is well."""
    parser = argparse.ArgumentParser(prog="python -m tests.robustness.server", description=__doc__)
    parser.add_argument("--sample", type=int, help="so many of each group")
    results = run(parser.parse_args().sample)
    for name, good, detail in results:
        if not good:
            print(f"{name}: {detail}")
    print("| what | tried | good |\n|---|---:|---:|")
    groups = [name.partition("/")[0] for name, _, _ in results]
    good_of = Counter(name.partition("/")[0] for name, good, _ in results if good)
    for group, tried in Counter(groups).items():
        print(f"| {group} | {tried:,} | {good_of[group]:,} |")
    return int(not all(good for _, good, _ in results))


if __name__ == "__main__":
    sys.exit(main())
