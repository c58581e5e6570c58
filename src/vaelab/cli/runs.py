"""Commands about trained runs."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from vaelab.cli.options import RUNS, Overwrite, RunArgument, RunsFolder, Split, output
from vaelab.console import Console
from vaelab.errors import BadValueError
from vaelab.files import output_path

app = typer.Typer()
ANY = 10_000
"""Columns of a terminal in which every table has room."""


@app.command()
def figures(
    run: RunArgument,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME [KEY=VALUE]...]...",
            help="Figures with their options, e.g. `manifold range=quantile grid=20 samples`; "
            "none: those of the config's `figures.at_end`.",
        ),
    ] = None,
    vector: Annotated[
        Literal["svg", "pdf"] | None,
        typer.Option("--format", help="Write each as SVG or PDF too, for print."),
    ] = None,
    runs: RunsFolder = RUNS,
) -> None:
    """Draw pictures of a run from the weights it keeps; `vaelab kinds figure` lists them.

    Examples: `vaelab figures runs/digits manifold range=quantile grid=20 samples`

    `vaelab figures runs/digits latent --format svg`
    """
    from vaelab.runs.lookup import find_run
    from vaelab.runs.render import draw_run, figures_named

    chosen = find_run(run, runs)
    wanted = figures_named(names) if names else chosen.experiment.figures.at_end
    draw_run(chosen, wanted, None, Console(), vector)


@app.command()
def evaluate(
    chosen: Annotated[
        list[str],
        typer.Argument(metavar="RUN...", help="Runs, by folder or by name inside --runs."),
    ],
    split: Annotated[
        Split, typer.Option(help="The images; `test` unless there is a reason.")
    ] = "test",
    samples: Annotated[
        int | None,
        typer.Option(min=1, help="K, importance samples per image; the config says 100."),
    ] = None,
    ais: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="IMAGES",
            help="Measure so many images by annealed importance sampling too, in minutes.",
        ),
    ] = 0,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help="A metric besides those of `evaluation.metrics` in the config; may be repeated. "
            "`vaelab kinds metric` lists them.",
        ),
    ] = None,
    runs: RunsFolder = RUNS,
) -> None:
    """Measure the weights that runs keep in nats, print tables, write each one's evaluation.json.

    Examples: `vaelab evaluate runs/digits --samples 1000`

    `vaelab evaluate runs/my_sweep/[0-9]*`
    """
    from vaelab.evaluation.evaluate import evaluate as evaluate_run
    from vaelab.evaluation.evaluate import metrics_of
    from vaelab.runs.lookup import find_run

    console = Console()
    for run in [find_run(name, runs) for name in chosen]:
        found = evaluate_run(run, split, samples, console, metrics_of(run, metric or [], ais))
        console.print(found.table())


@app.command()
def quality(
    run: RunArgument,
    features: Annotated[
        Literal["classifier", "pixels"],
        typer.Option(
            help="Of a `classifier` of the training images, learned once for a data set; or the "
            "`pixels`. Any others through Python: vaelab.sample_quality."
        ),
    ] = "classifier",
    images: Annotated[
        int | None,
        typer.Option(help="Real images, and as many samples; default: all up to 10,000."),
    ] = None,
    split: Annotated[
        Split, typer.Option(help="The real images; `test` unless there is a reason.")
    ] = "test",
    made: Annotated[
        Literal["mean", "draw"] | None,
        typer.Option(help="Samples: means or draws of p(x|z); default: draws if black and white."),
    ] = None,
    runs: RunsFolder = RUNS,
) -> None:
    """Compare a run's samples with real images: Fréchet distance, precision, recall, copies.

    Example: `vaelab quality runs/digits`

    Writes quality_FEATURES.json, and nearest.png: samples beside their nearest training images.
    """
    from vaelab.evaluation.samples import score_samples
    from vaelab.runs.lookup import find_run

    chosen = find_run(run, runs)
    console = Console()
    console.print(score_samples(chosen, features, split, images, made).table())
    console.say(f"samples beside their nearest training images: {chosen.figures / 'nearest.png'}")


@app.command()
def doctor(run: RunArgument, runs: RunsFolder = RUNS) -> None:
    """Say what is wrong with a trained run, if anything, how it shows, and what to try.

    Looks for posterior collapse, a neglected prior, a saturated likelihood, overfitting,
    holes in the aggregate posterior and spare dimensions, on validation images.

    Example: `vaelab doctor runs/digits`
    """
    from vaelab.evaluation.diagnosis.examine import examine, report
    from vaelab.runs.lookup import find_run

    Console(highlight=False).print(report(examine(find_run(run, runs))), crop=False)


@app.command()
def compare(
    chosen: Annotated[
        list[str], typer.Argument(metavar="RUN RUN...", help="Evaluated runs, by name or folder.")
    ],
    picture: Annotated[
        Path | None, output("Where to draw the plane of rate and distortion", "comparison.png")
    ] = None,
    overwrite: Overwrite = False,
    runs: RunsFolder = RUNS,
) -> None:
    """Put runs beside each other; refuse to rank numbers that cannot be compared, and say why.

    Example: `vaelab compare vae_kl fast --picture kl.png`
    """
    from vaelab.drawing import save_png
    from vaelab.evaluation.comparison import compare as compare_runs
    from vaelab.evaluation.comparison import differences, draw
    from vaelab.runs.names import find_run_folder

    console = Console()
    groups = compare_runs([find_run_folder(name, runs) for name in chosen])
    path = output_path(picture, "comparison.png", overwrite)
    for group in groups:
        table = group.table()
        needed = console.measure(table, options=console.options.update(max_width=ANY)).maximum
        fits = needed <= console.width
        console.print(table if fits else group.table(narrow=True))
    if reasons := differences(groups):
        console.print("not ranked together, because they differ in", highlight=False)
        for reason in reasons:
            console.say(f"  {reason}")
    save_png(draw(groups), path)
    console.say(f"drawn in {path}")


@app.command("runs")
def list_runs(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="The folder, as with --runs.")
    ] = None,
    size: Annotated[
        bool, typer.Option("--size", help="Say what each takes on the disk, and all of them.")
    ] = False,
    runs: RunsFolder = RUNS,
) -> None:
    """List runs with their numbers.

    Example: `vaelab runs`; test numbers appear once `vaelab evaluate RUN` has measured them.
    """
    from vaelab.runs.listing import overview

    Console().print(overview(folder or runs, size))


@app.command()
def clean(
    chosen: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs, by name or folder.")],
    history: Annotated[
        bool,
        typer.Option(
            "--history",
            help="Delete the course of the training too, which no command makes again: the "
            "explorer's steps (it then shows the weights kept), pictures of epochs, the film.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    runs: RunsFolder = RUNS,
) -> None:
    """Delete what can be made again: pictures with their arrays, values per image.

    Example: `vaelab clean runs/mnist`; `vaelab figures` and `vaelab evaluate` make them again.

    Weights, numbers, logs, and what --resume goes on from stay; so does what vaelab did not write.
    """
    from vaelab.runs.cleaning import clean_runs
    from vaelab.runs.names import find_run_folder

    folders = [find_run_folder(name, runs) for name in chosen]
    clean_runs(folders, history, None if yes else _confirmed, Console())


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise BadValueError(f"{question} Nobody is there to answer; --yes says so beforehand")
    return typer.confirm(question)
