"""A run's page to give away: a folder for any web server, or one file to open by double click."""

import json
import os
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence, Set
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import TypeAdapter

from vaelab.bundle import Bundle
from vaelab.bundle.packed import IMAGES, packed
from vaelab.errors import BadValueError, MissingFileError
from vaelab.files import (
    make_folders,
    output_path,
    read_bytes,
    storing,
    write_bytes,
    write_text,
)

LIST = ".vaelab-export.json"
"""Names of the files of an exported site."""
MAX_LIST_BYTES = 2**24
WRITTEN = ("index.html", "assets", "bundle")
"""What alone an export writes, whatever its list says."""
MAX_EXPORT_BYTES = 2**31
"""Bytes of a single file that is replaced."""
MAX_COMPARED = 4
TITLE = "<title>vaelab explorer</title>"
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval'; worker-src blob:; "
    "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
)


def page_folder() -> Path:
    """The page inside the installed package, or in a source checkout where it was built."""
    package = Path(__file__).parents[1]
    for folder in (package / "page", package.parents[1] / "web" / "dist"):
        if (folder / "index.html").is_file():
            return folder
    raise MissingFileError(
        "the explorer's page is not built: in a source checkout `make page` builds it with Node "
        "20.19 or newer; an installed wheel has it inside"
    )


def export_site(
    bundles: Bundle | Sequence[Bundle], folder: Path, overwrite: bool = False, images: int = IMAGES
) -> Path:
    """Write the page and a bundle into a folder, which opens from any web server.

    Several runs are seen beside each other. An earlier export is replaced file by file, by the
    list that it holds of them; what else lies in the folder, such as `.git` or `CNAME`, stays.
    """
    compared = _compared(bundles)
    files = _page_files()
    for run, bundle in compared.items():
        place = f"bundle/{run}" if len(compared) > 1 else "bundle"
        files |= {f"{place}/{name}": text for name, text in _files(bundle, images).items()}
    if len(compared) > 1:
        before, _, after = files["index.html"].decode().rpartition("</body>")
        data = _data("vaelab-compared", dict.fromkeys(compared))
        files["index.html"] = f"{before}{data}</body>{after}".encode()
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
    with storing(folder):
        if former:
            return _write(folder, files, former)
        make_folders(folder.parent)  # beside it first: nothing half-written is left
        with TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
            site = _write(Path(temporary) / "site", files, former)
            if folder.exists():
                folder.rmdir()
            return site.rename(folder)


def _write(folder: Path, files: Mapping[str, bytes], former: Set[str]) -> Path:
    """Write files whole, those that name the others last; then remove those of before."""
    last = ("manifest.json", "index.html")
    names = sorted(files, key=lambda name: (name.endswith(last), name))
    before_and_now = json.dumps(sorted(former | files.keys()))
    write_text(folder / LIST, before_and_now, parents=True)  # also for one killed in between
    for name in names:
        write_bytes(folder / name, files[name], parents=True)
    for name in former - files.keys():
        (folder / name).unlink(missing_ok=True)
    write_text(folder / LIST, json.dumps(sorted(files)))
    return folder


def _exported(folder: Path) -> Set[str]:
    """The files that an earlier export has written into a folder, where they are there."""
    if not (folder / LIST).is_file():
        return frozenset()
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    try:
        listed = TypeAdapter(list[str]).validate_json(read_bytes(folder / LIST, MAX_LIST_BYTES))
    except ValueError as error:
        raise BadValueError(f"{folder / LIST} is damaged; choose a new folder") from error
    return {name for name in found & set(listed) if name.partition("/")[0] in WRITTEN}


def export_single_file(
    bundles: Bundle | Sequence[Bundle], path: Path, overwrite: bool = False, images: int = IMAGES
) -> Path:
    """Write the page with everything inside as one HTML file, over an earlier one if so wished.

    Several runs are seen beside each other.
    """
    if os.path.lexists(path) and TITLE.encode() not in read_bytes(
        path, MAX_EXPORT_BYTES, follow=True
    ):
        raise BadValueError(f"{path} is something else; choose another name")
    path = output_path(path, path.name, overwrite)
    pages = {run: single_file(bundle, images) for run, bundle in _compared(bundles).items()}
    (page, *others) = pages.values()
    return write_text(path, _with_data("vaelab-compared", pages) if others else page)


def _compared(bundles: Bundle | Sequence[Bundle]) -> dict[str, Bundle]:
    given = [bundles] if isinstance(bundles, Bundle) else bundles
    compared = {bundle.run.path.name: bundle for bundle in given}
    if not len(compared) == len(given) <= MAX_COMPARED:
        raise BadValueError(f"{len(given)} runs to compare; give two to four different ones")
    return compared


def single_file(bundle: Bundle, images: int = IMAGES) -> str:
    """The page with everything inside."""
    files = {name: b64encode(content).decode() for name, content in _files(bundle, images).items()}
    return _with_data("vaelab-bundle", {"files": files})


def _with_data(name: str, content: Mapping[str, Any]) -> str:
    """The page as one file, with data inside."""
    page = page_folder()
    html = (page / "index.html").read_text(encoding="utf-8")
    (script,) = page.glob("assets/*.js")
    (style,) = page.glob("assets/*.css")
    code = script.read_text(encoding="utf-8").replace("</script", r"<\/script")
    html = re.sub(r'\s*<(script type="module"|link rel="stylesheet")[^>]*>(</script>)?', "", html)
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<style>{style.read_text(encoding='utf-8')}</style>\n"
    )
    tail = f'{_data(name, content)}<script type="module">{code}</script>\n'
    html = html.replace('data-source="static"', 'data-source="inline"')
    html = html.replace("<head>", f"<head>\n{head}", 1)
    before, _, after = html.rpartition("</body>")
    return f"{before}{tail}</body>{after}"


def _data(name: str, content: Mapping[str, Any]) -> str:
    """What the page reads, in it."""
    data = json.dumps(content).replace("<", r"\u003c")
    return f'<script type="application/json" id="{name}">{data}</script>\n'


def _page_files() -> dict[str, bytes]:
    page = page_folder()
    files = (path for path in page.rglob("*") if path.is_file())
    return {path.relative_to(page).as_posix(): path.read_bytes() for path in files}


def _files(bundle: Bundle, images: int) -> dict[str, bytes]:
    files = packed(bundle, images)
    manifest = json.dumps(_without_paths(json.loads(files["manifest.json"]))).encode()
    return {**files, "manifest.json": manifest}


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
