"""Commands about trained runs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vaelab.cli.options import (
    RUNS,
    ConfigArgument,
    Overrides,
    Overwrite,
    RunArgument,
    RunsFolder,
    SplitChoice,
    experiment_of,
)
from vaelab.console import Console

app = typer.Typer()


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
    runs: RunsFolder = RUNS,
) -> None:
    """Draw pictures of a run from the weights it keeps; `vaelab kinds figure` lists them.

    Example: `vaelab figures runs/digits manifold range=quantile grid=20 samples`
    """
    from vaelab.library import find_run
    from vaelab.pictures import draw_run, figures_named

    chosen = find_run(run, runs)
    wanted = figures_named(names) if names else chosen.experiment.figures.at_end
    draw_run(chosen, wanted, None, Console())


@app.command()
def evaluate(
    run: RunArgument,
    split: Annotated[
        SplitChoice, typer.Option(help="The images; `test` unless there is a reason.")
    ] = SplitChoice.TEST,
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
    """Measure the weights a run keeps in nats, print a table, write evaluation.json.

    Example: `vaelab evaluate runs/digits --samples 1000`
    """
    from vaelab.evaluation import evaluate as evaluate_run
    from vaelab.evaluation import metrics_of
    from vaelab.library import find_run

    console = Console()
    measured = find_run(run, runs)
    metrics = metrics_of(measured, metric or [], ais)
    found = evaluate_run(measured, split.value, samples, console, metrics)
    console.print(found.table())


class FeaturesChoice(StrEnum):
    """Features that images are compared by."""

    CLASSIFIER = "classifier"
    PIXELS = "pixels"


class MadeChoice(StrEnum):
    """What a sample is."""

    MEAN = "mean"
    DRAW = "draw"


@app.command()
def quality(
    run: RunArgument,
    features: Annotated[
        FeaturesChoice,
        typer.Option(
            help="Of a `classifier` of the training images, learned once for a data set; or the "
            "`pixels`. Any others through Python: vaelab.sample_quality."
        ),
    ] = FeaturesChoice.CLASSIFIER,
    images: Annotated[
        int | None,
        typer.Option(help="Real images, and as many samples; default: all up to 10,000."),
    ] = None,
    split: Annotated[
        SplitChoice, typer.Option(help="The real images; `test` unless there is a reason.")
    ] = SplitChoice.TEST,
    made: Annotated[
        MadeChoice | None,
        typer.Option(help="Samples: means or draws of p(x|z); default: draws if black and white."),
    ] = None,
    runs: RunsFolder = RUNS,
) -> None:
    """Compare a run's samples with real images: Fréchet distance, precision, recall, copies.

    Example: `vaelab quality runs/digits`

    Writes quality_FEATURES.json, and nearest.png: samples beside their nearest training images.
    """
    from vaelab.library import find_run
    from vaelab.quality.images import usual
    from vaelab.scoring import score_samples

    chosen = find_run(run, runs)
    console = Console()
    how = usual(chosen.experiment.data.pixels) if made is None else made.value
    console.print(score_samples(chosen, features.value, split.value, images, how).table())
    console.say(f"samples beside their nearest training images: {chosen.figures / 'nearest.png'}")


@app.command()
def doctor(run: RunArgument, runs: RunsFolder = RUNS) -> None:
    """Say what is wrong with a trained run, if anything, how it shows, and what to try.

    Looks for posterior collapse, an autoencoder in disguise, a saturated likelihood, overfitting,
    holes in the aggregate posterior and spare dimensions, on validation images.

    Example: `vaelab doctor runs/digits`
    """
    from vaelab.doctor import examine, report
    from vaelab.library import find_run

    Console(highlight=False).print(report(examine(find_run(run, runs))))


@app.command()
def compare(
    chosen: Annotated[
        list[str], typer.Argument(metavar="RUN RUN...", help="Evaluated runs, by name or folder.")
    ],
    picture: Annotated[
        Path | None,
        typer.Option(
            help="Where to draw the plane of rate and distortion; default: comparison.png; "
            "numbered if it is there."
        ),
    ] = None,
    overwrite: Overwrite = False,
    runs: RunsFolder = RUNS,
) -> None:
    """Put runs beside each other; refuse to rank numbers that cannot be compared, and say why.

    Example: `vaelab compare vae_kl fast --picture kl.png`
    """
    from vaelab.comparison import compare as compare_runs
    from vaelab.comparison import differences, draw
    from vaelab.figures import save_png
    from vaelab.library import find_run
    from vaelab.outputs import output_path

    console = Console()
    groups = compare_runs([find_run(name, runs) for name in chosen])
    path = output_path(picture, "comparison.png", overwrite)
    for group in groups:
        console.print(group.table())
    if reasons := differences(groups):
        console.print("not ranked together, because they differ in", highlight=False)
        for reason in reasons:
            console.say(f"  {reason}")
    save_png(draw(groups), path)
    console.say(f"drawn in {path}")


@app.command()
def describe(
    config: ConfigArgument,
    overrides: Overrides = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            help="Where to draw the architecture; default: NAME_architecture.png; "
            "numbered if it is there."
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Print a model layer by layer (shapes, parameters, multiply-adds) and draw it.

    Example: `vaelab describe vae_kl --picture vae_kl.png`
    """
    from vaelab.describe import describe as describe_model
    from vaelab.figures import save_png
    from vaelab.outputs import output_path
    from vaelab.training import build_model

    experiment = experiment_of(config, overrides)
    model = build_model(experiment, experiment.data.outline())
    description = describe_model(model, experiment)
    console = Console()
    console.print(description.table())
    if (drawing := description.draw()) is None:
        console.print(f"no picture: model `{experiment.model.kind}` has no code that is one vector")
        return
    path = output_path(picture, f"{experiment.task_name}_architecture.png", overwrite)
    save_png(drawing, path)
    console.say(f"drawn in {path}")


@app.command("runs")
def list_runs(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="The folder of runs.")] = RUNS,
) -> None:
    """List runs with their numbers.

    Example: `vaelab runs`; test numbers appear once `vaelab evaluate RUN` has measured them.
    """
    from vaelab.overview import overview

    Console().print(overview(folder))
