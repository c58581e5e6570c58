"""Commands about the page in the browser."""

from pathlib import Path
from typing import Annotated

import typer

from vaelab.cli.options import RUNS, RunsFolder
from vaelab.console import Console
from vaelab.errors import BadValueError

app = typer.Typer()
FILES = {".html", ".htm", ".txt", ".zip", ".gz", ".json", ".pdf"}
"""Endings that are no folder's."""
export_app = typer.Typer(help="Give a run's page away.", no_args_is_help=True)


@app.command()
def explore(
    places: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUNS_DIR | RUN [RUN]...]",
            help="A folder of runs, a run by name or folder, or two to four to compare.",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Default: the first free one from 8008 on."),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
    allow_remote: Annotated[
        str | None,
        typer.Option(
            metavar="HOST",
            help="Bind this address of the machine instead of 127.0.0.1, so that others can reach "
            "the page. Whoever is first to open the printed address can train here.",
        ),
    ] = None,
    runs: RunsFolder = RUNS,
) -> None:
    """Open the explorer: walk in a run's latent space, train a new one and watch it form.

    Examples:
    `vaelab explore` : all runs in runs/

    `vaelab explore demo`

    `vaelab explore beta1 beta100` : beside each other, under one pointer

    `vaelab explore --port 9000 --no-browser` : prints the address

    Everything stays on this machine. Ctrl-C ends it; a training under way is saved first.
    """
    from vaelab.explorer.serve import library_of, serve

    serve(library_of(*(places or []), runs=runs), port, allow_remote, browser, Console().say)


@export_app.command("site")
def export_site(
    chosen: Annotated[
        list[str],
        typer.Argument(metavar="RUN...", help="A run; two to four are compared."),
    ],
    target: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="A new folder; with --single-file an .html file."),
    ],
    single_file: Annotated[
        bool, typer.Option("--single-file", help="One HTML file that opens by double click.")
    ] = False,
    images: Annotated[
        int, typer.Option("--images", min=1, help="Test images that it shows, at most.")
    ] = 2500,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier export, and nothing else.")
    ] = False,
    runs: RunsFolder = RUNS,
) -> None:
    """Write a run's explorer as a page that needs no server, no Python and no network.

    Examples:
    `vaelab export site runs/demo demo_site` : for any web server, or GitHub Pages

    `vaelab export site runs/demo demo.html --single-file` : to send by mail

    `vaelab export site runs/beta1 runs/beta100 both.html --single-file` : beside each other
    """
    path = target
    if single_file and target.is_dir():
        path = target / f"{Path(chosen[0]).name}.html"
    if single_file and path.suffix.lower() not in {".html", ".htm"}:
        raise BadValueError(
            f"cannot write {path}: what is written is .html; name it {path.with_suffix('.html')}"
        )
    if not single_file and path.suffix.lower() in FILES and not path.is_dir():
        raise BadValueError(
            f"{path} would be a folder; name one, or add --single-file, which writes one file, "
            f"such as {path.with_suffix('.html')}"
        )
    from vaelab.bundle import Bundle
    from vaelab.explorer import export
    from vaelab.runs.lookup import find_run

    bundles = [Bundle(find_run(name, runs)) for name in chosen]
    console = Console()
    if single_file:
        export.export_single_file(bundles, path, overwrite, images)
        console.say(f"{path}: {path.stat().st_size / 1e6:.1f} MB; open it in a browser")
    else:
        export.export_site(bundles, path, overwrite, images)
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        console.say(f"{path}: {size / 1e6:.1f} MB; look at it: python -m http.server -d {path}")
