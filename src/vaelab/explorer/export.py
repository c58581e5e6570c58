"""A run's page to give away: a folder for any web server, or one file to open by double click."""

import json
import os
import re
import shutil
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

from pydantic import TypeAdapter

from vaelab.bundle import Bundle
from vaelab.errors import BadValueError
from vaelab.explorer.page import page_folder
from vaelab.files import make_folders, opened, read_bytes, storage_error, write_bytes, write_text
from vaelab.outputs import output_path

LIST = ".vaelab-export.json"
"""Names of the files of an exported site."""
LARGEST = 2**31
"""Bytes of a single file that is replaced."""
MARK = "bundle/manifest.json"
USUAL = re.compile(
    r"index\.html|assets/[\w.-]+\.(?:js|css|wasm)|bundle/(?:manifest\.json|labels\.u8|thumbs\.png)"
    r"|bundle/(?:codes/\d{4}\.i16|weights/\d{4}\.f16)"
)
"""What an export may have written; earlier ones hold no list."""
TITLE = "<title>vaelab explorer</title>"
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval'; worker-src blob:; "
    "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
)


def export_site(bundle: Bundle, folder: Path, overwrite: bool = False) -> Path:
    """Write the page and a bundle into a folder, which opens from any web server.

    An earlier export is replaced file by file, by the list that it holds of them; what else lies in
    the folder, such as `.git` or `CNAME`, stays.

    Args:
        bundle: of the run.
        folder: new, empty, or an earlier export.
        overwrite: replace an earlier export.

    Raises:
        BadValueError: the folder holds something else, or the model cannot be computed in a page.
        StorageError: the folder cannot be written.
    """
    files = _page_files() | {f"bundle/{name}": content for name, content in _files(bundle).items()}
    former = _exported(folder)
    if former and not overwrite:
        raise BadValueError(f"{folder} holds an exported page already; --overwrite replaces it")
    if not former and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadValueError(f"{folder} holds something else; choose a new or an empty folder")
    for name in sorted(files.keys() - former):
        if os.path.lexists(folder / name):
            raise BadValueError(
                f"{folder / name} is in the way, and no earlier export has written it; move it"
            )
    if not former:
        with _beside(folder) as temporary:
            _write(temporary, files, frozenset())
            if folder.exists():
                folder.rmdir()
            temporary.rename(folder)
        return folder
    _write(folder, files, former)
    return folder


def _write(folder: Path, files: Mapping[str, bytes], former: frozenset[str]) -> None:
    """Write files whole, those that name the others last; then remove those of before."""
    names = sorted(files, key=lambda name: (name in {MARK, "index.html"}, name))
    before_and_now = sorted(former | files.keys())
    write_text(folder / LIST, json.dumps(before_and_now))  # also for one killed in between
    try:
        for name in names:
            write_bytes(folder / name, files[name], parents=True)
        for name in sorted(former - files.keys()):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error
    write_text(folder / LIST, json.dumps(sorted(files)))


def _exported(folder: Path) -> frozenset[str]:
    """The files that an earlier export has written into a folder."""
    if not (folder / MARK).is_file():
        return frozenset()
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    usual = {name for name in found if USUAL.fullmatch(name)}
    if not (folder / LIST).is_file():
        return frozenset(usual)
    with opened(folder / LIST) as file:
        try:
            listed = TypeAdapter(list[str]).validate_json(file.read())
        except ValueError as error:
            raise BadValueError(f"{folder / LIST} is damaged; choose a new folder") from error
    return frozenset(usual & set(listed))


def export_single_file(bundle: Bundle, path: Path, overwrite: bool = False) -> Path:
    """Write the page with everything inside as one HTML file.

    Args:
        bundle: of the run.
        path: the file.
        overwrite: replace an earlier export.

    Raises:
        BadValueError: there is another file of that name, or the model cannot be computed in a
            page.
        StorageError: it cannot be written.
    """
    if os.path.lexists(path) and TITLE.encode() not in read_bytes(path, LARGEST, follow=True):
        raise BadValueError(f"{path} is something else; choose another name")
    path = output_path(path, path.name, overwrite)
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


def _page_files() -> dict[str, bytes]:
    page = page_folder()
    files = (path for path in page.rglob("*") if path.is_file())
    return {path.relative_to(page).as_posix(): path.read_bytes() for path in files}


def _files(bundle: Bundle) -> dict[str, bytes]:
    bundle.graphs()
    bundle.check()
    manifest = json.dumps(_without_paths(bundle.manifest())).encode()
    others = {name: bundle.read(name) for name in bundle.files}
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
        make_folders(folder.parent)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        temporary.chmod(0o755)
        try:
            yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise storage_error(folder, error) from error
