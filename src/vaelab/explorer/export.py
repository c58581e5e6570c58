"""A run's page to give away: a folder for any web server, or one file to open by double click."""

import json
import re
import shutil
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

from vaelab.bundle import Bundle
from vaelab.errors import BadValueError
from vaelab.explorer.page import page_folder
from vaelab.files import storage_error, write_text

MARK = "bundle/manifest.json"
TITLE = "<title>vaelab explorer</title>"
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval'; worker-src blob:; "
    "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
)


def export_site(bundle: Bundle, folder: Path) -> Path:
    """Write the page and a bundle into a folder, which opens from any web server.

    Args:
        bundle: of the run.
        folder: new, empty, or an earlier export, which is replaced.

    Raises:
        BadValueError: the folder holds something else, or the model cannot be computed in a page.
        StorageError: the folder cannot be written.
    """
    files = _files(bundle)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not (folder / MARK).is_file():
            raise BadValueError(f"{folder} holds something else; choose a new or an empty folder")
    with _beside(folder) as temporary:
        shutil.copytree(page_folder(), temporary, dirs_exist_ok=True)
        for name, content in files.items():
            path = temporary / "bundle" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)
    return folder


def export_single_file(bundle: Bundle, path: Path) -> Path:
    """Write the page with everything inside as one HTML file.

    Raises:
        BadValueError: there is another file of that name, or the model cannot be computed in a
            page.
        StorageError: it cannot be written.
    """
    if path.is_dir() or (path.exists() and TITLE not in path.read_text("utf-8", "replace")):
        raise BadValueError(f"{path} is something else; choose another name")
    return write_text(path, single_file(bundle))


def single_file(bundle: Bundle) -> str:
    """The page with everything inside.

    Raises:
        BadValueError: the model cannot be computed in a page.
    """
    files = {name: b64encode(content).decode() for name, content in _files(bundle).items()}
    page = page_folder()
    html = (page / "index.html").read_text(encoding="utf-8")
    (script,) = page.glob("assets/*.js")
    (style,) = page.glob("assets/*.css")
    code = script.read_text(encoding="utf-8").replace("</script", r"<\/script")
    data = json.dumps({"files": files})
    html = re.sub(r'\s*<(script type="module"|link rel="stylesheet")[^>]*>(</script>)?', "", html)
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<style>{style.read_text(encoding='utf-8')}</style>\n"
    )
    tail = (
        f'<script type="application/json" id="vaelab-bundle">{data}</script>\n'
        f'<script type="module">{code}</script>\n'
    )
    html = html.replace('data-source="static"', 'data-source="inline"')
    html = html.replace("<head>", f"<head>\n{head}", 1)
    before, _, after = html.rpartition("</body>")
    return f"{before}{tail}</body>{after}"


def _files(bundle: Bundle) -> dict[str, bytes]:
    bundle.graphs()
    bundle.check()
    manifest = json.dumps(_without_paths(bundle.manifest())).encode()
    others = {name: path.read_bytes() for name, path in bundle.files.items()}
    return {"manifest.json": manifest, **others}


def _without_paths(manifest: dict[str, Any]) -> dict[str, Any]:
    """Folders of this machine reduced to their last part."""
    run = manifest["run"]
    data = {
        key: PurePath(value).name
        if isinstance(value, str) and PurePath(value).is_absolute()
        else value
        for key, value in run["config"]["data"].items()
    }
    return {**manifest, "run": {**run, "config": {**run["config"], "data": data}}}


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A temporary folder that becomes the real one; nothing half-written is left."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        temporary.chmod(0o755)
        try:
            yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise storage_error(folder, error) from error
