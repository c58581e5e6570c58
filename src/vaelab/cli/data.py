"""Commands about data."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from vaelab.cli.options import ConfigArgument, Overrides

app = typer.Typer(help="Look at data, extract it, fetch it before an offline class.")


class Fetchable(StrEnum):
    """Data sets that are downloaded."""

    MNIST = "mnist"
    FASHION_MNIST = "fashion_mnist"


class ExtractedSplit(StrEnum):
    """The split a CSV file becomes."""

    TRAIN = "train"
    TEST = "test"


@app.command()
def show(
    config: ConfigArgument,
    overrides: Overrides = None,
    picture: Annotated[
        Path | None, typer.Option(help="Where to draw samples; default NAME_data.png.")
    ] = None,
) -> None:
    """Print a data card (counts, classes, sizes, values, checksum) and draw samples.

    Example: `vaelab data show mnist data.kind=images data.path=my_pictures data.size=32`
    """
    from vaelab.data.card import show as show_card
    from vaelab.library import load_experiment

    experiment, _ = load_experiment(config, overrides or [])
    show_card(experiment.data, picture or Path(f"{experiment.task_name}_data.png"), Console())


@app.command()
def extract(
    csv: Annotated[Path, typer.Argument(metavar="CSV", help="The Kaggle form: label, pixels.")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the folders go.")],
    split: Annotated[ExtractedSplit, typer.Option(help="Which split the file is.")],
) -> None:
    """Write a CSV file as image folders: DIR/SPLIT/images/LABEL/ROW.png, rows from 1.

    Example: `vaelab data extract mnist_train.csv data --split train`
    """
    from vaelab.data.extract import extract as extract_csv

    path = extract_csv(csv, directory, split.value)
    Console().print(f"written: {path}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def fetch(name: Annotated[Fetchable, typer.Argument(help="The data set.")]) -> None:
    """Download a data set into the cache, before an offline class.

    Example: `vaelab data fetch mnist`
    """
    from vaelab.data import FashionMnistData, MnistData

    source = MnistData() if name is Fetchable.MNIST else FashionMnistData()
    path = source.fetch()
    Console().print(f"{name.value} is in {path}", markup=False, highlight=False, soft_wrap=True)
