"""Commands on the user's own files."""

from pathlib import Path
from typing import Annotated

import typer

from vaelab.cli.options import (
    RUNS,
    FileArguments,
    Label,
    Overwrite,
    RunArgument,
    RunsFolder,
    SplitChoice,
)
from vaelab.console import Console
from vaelab.errors import BadValueError

app = typer.Typer()


@app.command()
def encode(
    run: RunArgument,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILES]...", help="PNG, JPEG, WebP or BMP images; or --split."),
    ] = None,
    label: Label = None,
    split: Annotated[
        SplitChoice | None,
        typer.Option(help="The images of the run's own data, in the place of files."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The file to write, .csv or .npz; default: codes.csv; numbered if it is there."
        ),
    ] = None,
    overwrite: Overwrite = False,
    runs: RunsFolder = RUNS,
) -> None:
    """Write the code of each image: location and scale of its posterior, as CSV or arrays.

    Files are scaled and cropped to the size the model knows.

    Example: `vaelab encode runs/mnist seven.png two.jpg`, `vaelab encode runs/mnist --split test
    --out codes.npz` (in Python `run.codes("test")`)
    """
    from vaelab.library import find_run
    from vaelab.outputs import output_path
    from vaelab.own_images import Workbench, save_codes

    if bool(files) == (split is not None):
        raise BadValueError("name images, or a --split of the run's own data: one of the two")
    path, found = output_path(out, "codes.csv", overwrite), find_run(run, runs)
    if split is not None:
        if label is not None:
            raise BadValueError("--label is for files; images of a --split have their own labels")
        _say(save_codes(found, split.value, path))
    else:
        _say(Workbench(found).encode(files or [], label, path))


@app.command()
def reconstruct(
    run: RunArgument,
    files: FileArguments,
    label: Label = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The PNG to write; default: reconstructed.png; numbered if it is there."),
    ] = None,
    overwrite: Overwrite = False,
    runs: RunsFolder = RUNS,
) -> None:
    """Draw each image as the model sees it (left) and decoded from its posterior mean (right).

    Example: `vaelab reconstruct runs/mnist seven.png --out seven_decoded.png`
    """
    from vaelab.library import find_run
    from vaelab.outputs import output_path
    from vaelab.own_images import Workbench

    path = output_path(out, "reconstructed.png", overwrite)
    _say(Workbench(find_run(run, runs)).reconstruct(files, label, path))


@app.command()
def sample(
    run: RunArgument,
    num: Annotated[int, typer.Option(min=1, max=10_000, help="How many images.")] = 64,
    label: Label = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws from the prior.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="The PNG to write; default: samples.png; numbered if it is there."),
    ] = None,
    overwrite: Overwrite = False,
    runs: RunsFolder = RUNS,
) -> None:
    """Draw new images: codes from the prior, decoded.

    Example: `vaelab sample runs/mnist --num 100`; with `--label 7` where the model is conditional.
    """
    from vaelab.library import find_run
    from vaelab.outputs import output_path
    from vaelab.own_images import Workbench

    path = output_path(out, "samples.png", overwrite)
    _say(Workbench(find_run(run, runs)).sample(num, label, seed, path))


def _say(path: Path) -> None:
    Console().say(f"written: {path}")
