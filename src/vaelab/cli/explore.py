"""Commands about the page in the browser."""

from pathlib import Path
from typing import Annotated

import typer

from vaelab.cli.options import RUNS, RunArgument, RunsFolder
from vaelab.console import Console

app = typer.Typer()
export_app = typer.Typer(help="Give a run's page away.", no_args_is_help=True)


def _say(text: str) -> None:
    Console().say(text)


@app.command()
def explore(
    place: Annotated[
        Path, typer.Argument(metavar="[RUN | RUNS_DIR]", help="A run, or a folder of runs.")
    ] = RUNS,
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
) -> None:
    """Open the explorer: walk in a run's latent space, train a new one and watch it form.

    Examples:
    `vaelab explore` : all runs in runs/

    `vaelab explore runs/demo`

    `vaelab explore --port 9000 --no-browser` : prints the address

    Everything stays on this machine. Ctrl-C ends it; a training under way is saved first.
    """
    from vaelab.explorer.serve import library_of, serve

    serve(library_of(place), port, allow_remote, browser, _say)


@export_app.command("site")
def export_site(
    run: RunArgument,
    target: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="A new folder; with --single-file an .html file."),
    ],
    single_file: Annotated[
        bool, typer.Option("--single-file", help="One HTML file that opens by double click.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier export, and nothing else.")
    ] = False,
    runs: RunsFolder = RUNS,
) -> None:
    """Write a run's explorer as a page that needs no server, no Python and no network.

    Examples:
    `vaelab export site runs/demo demo_site` : for any web server, or GitHub Pages

    `vaelab export site runs/demo demo.html --single-file` : to send by mail
    """
    from vaelab.bundle import Bundle
    from vaelab.explorer import export
    from vaelab.library import find_run

    bundle = Bundle(find_run(run, runs))
    if single_file:
        path = target / f"{bundle.run.path.name}.html" if target.is_dir() else target
        export.export_single_file(bundle, path, overwrite)
        _say(f"{path}: {path.stat().st_size / 1e6:.1f} MB; open it in a browser")
    else:
        export.export_site(bundle, target, overwrite)
        size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
        _say(f"{target}: {size / 1e6:.1f} MB; look at it: python -m http.server -d {target}")
