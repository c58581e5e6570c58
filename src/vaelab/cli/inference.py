"""Commands that use a trained run on files of the user's, or draw from it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from vaelab.cli.options import RUNS, Overwrite, RunArgument, RunsFolder, Split, output
from vaelab.console import Console
from vaelab.errors import BadValueError
from vaelab.files import output_path

Label = Annotated[
    str | None, typer.Option(help="The class to condition on, for a conditional model.")
]
app = typer.Typer()


@app.command()
def encode(
    run: RunArgument,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILES]...", help="PNG, JPEG, WebP, BMP or GIF images; or --split."
        ),
    ] = None,
    label: Label = None,
    split: Annotated[
        Split | None,
        typer.Option(help="The images of the run's own data, in the place of files."),
    ] = None,
    out: Annotated[Path | None, output("The file to write, .csv or .npz", "codes.csv")] = None,
    overwrite: Overwrite = False,
    runs: RunsFolder = RUNS,
) -> None:
    """Write the code of each image: location and scale of its posterior, as CSV or arrays.

    Files are scaled and cropped to the size the model knows.

    Example: `vaelab encode runs/mnist seven.png two.jpg`, `vaelab encode runs/mnist --split test
    --out codes.npz` (in Python `run.codes("test")`)
    """
    from vaelab.runs.inference import Inference, correlations, save_codes
    from vaelab.runs.lookup import find_run

    if bool(files) == (split is not None):
        raise BadValueError("name images, or a --split of the run's own data: one of the two")
    path, found = output_path(out, "codes.csv", overwrite, [".npz"]), find_run(run, runs)
    if split is not None:
        if label is not None:
            raise BadValueError("--label is for files; images of a --split have their own labels")
        _say(save_codes(found, split, path), correlations(found))
    else:
        inference = Inference(found)
        written = inference.encode(files or [], label, path)
        _say(written, [*inference.notes, *correlations(found)])


@app.command()
def reconstruct(
    run: RunArgument,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES...", help="PNG, JPEG, WebP, BMP or GIF images.")
    ],
    label: Label = None,
    out: Annotated[Path | None, output("The PNG to write", "reconstructed.png")] = None,
    overwrite: Overwrite = False,
    runs: RunsFolder = RUNS,
) -> None:
    """Draw each image as the model sees it (left) and decoded from its posterior mean (right).

    Example: `vaelab reconstruct runs/mnist seven.png --out seven_decoded.png`
    """
    from vaelab.runs.inference import Inference
    from vaelab.runs.lookup import find_run

    path = output_path(out, "reconstructed.png", overwrite)
    inference = Inference(find_run(run, runs))
    _say(inference.reconstruct(files, label, path), inference.notes)


@app.command()
def sample(
    run: RunArgument,
    num: Annotated[int, typer.Option(min=1, max=10_000, help="How many images.")] = 64,
    label: Label = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws from the prior.")] = 0,
    out: Annotated[Path | None, output("The PNG to write", "samples.png")] = None,
    overwrite: Overwrite = False,
    runs: RunsFolder = RUNS,
) -> None:
    """Draw new images: codes from the prior, decoded.

    Example: `vaelab sample runs/mnist --num 100`; with `--label 7` where the model is conditional.
    """
    from vaelab.runs.inference import Inference
    from vaelab.runs.lookup import find_run

    path = output_path(out, "samples.png", overwrite)
    _say(Inference(find_run(run, runs)).sample(num, label, seed, path))


def _say(path: Path, notes: Sequence[str] = ()) -> None:
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    Console().say(f"written: {path}")
