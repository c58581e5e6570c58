"""Commands about data."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from vaelab.cli.options import ConfigArgument, Overrides, Overwrite, experiment_of, output
from vaelab.console import Console
from vaelab.files import output_path

app = typer.Typer(
    help="Look at data, extract it, cut it into shards, fetch it before an offline class."
)


@app.command()
def show(
    config: ConfigArgument,
    overrides: Overrides = None,
    picture: Annotated[Path | None, output("Where to draw samples", "NAME_data.png")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Print a data card (counts, classes, sizes, values, checksum) and draw samples.

    Example: `vaelab data show mnist data.kind=images data.path=my_pictures data.size=32`
    """
    from vaelab.figures.data_card import show as show_card

    experiment = experiment_of(config, overrides)
    path = output_path(picture, f"{experiment.task_name}_data.png", overwrite)
    show_card(experiment.data, path, Console())


@app.command()
def extract(
    csv: Annotated[Path, typer.Argument(metavar="CSV", help="The Kaggle form: label, pixels.")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the folders go.")],
    split: Annotated[Literal["train", "test"], typer.Option(help="Which split the file is.")],
) -> None:
    """Write a CSV file as image folders: DIR/SPLIT/images/LABEL/ROW.png, rows from 1.

    Example: `vaelab data extract mnist_train.csv data --split train`
    """
    from vaelab.data.sources.csv import extract as extract_csv

    path = extract_csv(csv, directory, split)
    Console().say(f"written: {path}")


@app.command()
def shard(
    config: ConfigArgument,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new or empty folder.")],
    overrides: Overrides = None,
    samples_per_shard: Annotated[
        int | None,
        typer.Option(min=1, help="Default: a sixteenth of the training images, at most 10,000."),
    ] = None,
    megabytes: Annotated[int, typer.Option(min=1, help="A shard is full at this size too.")] = 500,
) -> None:
    """Write the data of a config as WebDataset shards: OUT/train-000000.tar, ..., index.json.

    Example: `vaelab data shard mnist mnist_shards data.validation=5000`, then
    `vaelab train mnist "data={kind: shards, path: mnist_shards}"`
    """
    from vaelab.data.shards.write import write_shards

    experiment = experiment_of(config, overrides)
    Console().say(write_shards(experiment.data, out, samples_per_shard, megabytes))


@app.command()
def fetch(
    name: Annotated[Literal["mnist", "fashion_mnist"], typer.Argument(help="The data set.")],
) -> None:
    """Download a data set into the cache, before an offline class.

    Example: `vaelab data fetch mnist`
    """
    from vaelab.data import FashionMnistData, MnistData

    source = MnistData() if name == "mnist" else FashionMnistData()
    Console().say(f"{name} is in {source.fetch()}")
