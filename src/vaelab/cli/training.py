"""Commands that train."""

import sys
from typing import Annotated

import typer

from vaelab.cli.options import (
    RUNS,
    ConfigArgument,
    Overrides,
    RunArgument,
    RunsFolder,
    exit_code,
)
from vaelab.console import Console
from vaelab.distributed.launch import launch
from vaelab.distributed.leave import leave
from vaelab.distributed.seat import Seat
from vaelab.errors import BadValueError

app = typer.Typer()


@app.command()
def reproduce(
    table: Annotated[
        str | None, typer.Argument(metavar="[TABLE]", help="Its name; none: list them.")
    ] = None,
    budget: Annotated[
        str, typer.Option(help="`quick`: some 20 minutes on two cores; `full`: as published.")
    ] = "quick",
    runs: RunsFolder = RUNS,
) -> None:
    """Run a published table again and print ours beside theirs, with the spread.

    Example: `vaelab reproduce mean_field --budget quick`

    Its runs are ordinary ones. Ctrl-C keeps what is done, and the same command goes on.
    """
    from vaelab.reproduction import overview
    from vaelab.reproduction import reproduce as repeat

    console = Console()
    if table is None:
        console.print(overview())
        return
    repetition = repeat(table, budget, runs, console)
    console.print(repetition.table())
    for note in repetition.published.notes:
        console.say(f"  {note}")


@app.command()
def trap(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A mistake; none: list them.")
    ] = None,
    runs: RunsFolder = RUNS,
) -> None:
    """Run a classic mistake beside what is right: two numbers, two pictures, and why.

    Example: `vaelab trap mean_against_sum`

    Trains on the embedded digits, in seconds; what is trained is not trained again.
    """
    from vaelab.traps import listed, spring

    console = Console(highlight=False)
    if name is None:
        console.print(listed())
        return
    sprung = spring(name, runs, console)
    console.print(sprung.report())
    console.say(f"drawn in {sprung.picture}")


@app.command()
def train(
    config: ConfigArgument,
    overrides: Overrides = None,
    runs: RunsFolder = RUNS,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the run was left, bit for bit.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a run of the same name.")
    ] = False,
    devices: Annotated[
        int | None,
        typer.Option(
            min=1, help="GPUs, or processes on CPU cores, of this node that share a batch."
        ),
    ] = None,
    nodes: Annotated[
        int | None,
        typer.Option(
            min=1, help="Machines, on each of which this is started; see docs/scaling.md."
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(
            min=1, max=86_400, help="Seconds that processes wait for each other at the start."
        ),
    ] = 300,
) -> None:
    """Train a model and draw its pictures.

    Examples:
    `vaelab train digits` : the embedded digits

    `vaelab train mnist model.latent=8 task_name=mnist8`

    `vaelab train mnist data.kind=images data.path=my_pictures data.size=32`

    `vaelab train runs/mnist8 --resume training.epochs=40`

    `vaelab train simple training.replicas=5` : five seeds at once, for an error bar

    `vaelab train mnist --devices 2` : two processes that share every batch, the same result

    Ctrl-C finishes the step, saves, and prints the command that goes on; the exit code is 130.
    """
    if resume and overwrite:
        raise BadValueError("--resume goes on with a run and --overwrite replaces it; choose one")
    seat = Seat.of()
    if seat is not None:
        seat.check(devices, nodes)
    elif (devices or 1) * (nodes or 1) > 1:
        sys.exit(launch(sys.argv[1:], devices or 1, nodes or 1))

    from vaelab.doctor import glance
    from vaelab.library import load_experiment, run_folder
    from vaelab.training import Start, replicas, train_together
    from vaelab.training.shared import sharing

    experiment, notes = load_experiment(config, overrides or [])
    console = Console()
    start = Start.RESUME if resume else Start.OVERWRITE if overwrite else Start.NEW
    folder = run_folder(config, runs)
    with sharing(seat, experiment.training, timeout) as world:
        for note in notes if world.leads else []:
            console.say(f"note: {note}")
        outcomes = train_together(replicas(experiment), folder, start, console, world=world)
        world.wait()  # nobody leaves before rank 0 has saved
    for outcome in outcomes if world.leads else []:
        if outcome.stopped is None:
            console.say(f"{glance(outcome.run)}\nnext: vaelab evaluate {outcome.run.path}")
    signal = next((outcome.signal for outcome in outcomes if outcome.signal), None)
    if seat is not None:
        leave(exit_code(signal))
    raise typer.Exit(exit_code(signal))


@app.command("fit-prior")
def fit_prior(
    run: RunArgument,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="Of the prior and of its fit, e.g. `model.prior.components=20 "
            "prior_fit.epochs=100`.",
        ),
    ] = None,
    prior: Annotated[
        str | None,
        typer.Option(help="`mixture` (default) or `flow`; `pixelcnn` for grids of codes."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Of the new run; default: RUN_PRIOR, such as vq_pixelcnn.")
    ] = None,
    runs: RunsFolder = RUNS,
) -> None:
    """Fit another prior to the codes of a trained run, everything else kept, as a run of its own.

    Example: `vaelab fit-prior runs/digits --prior flow`

    Prints the bound before and after. Ctrl-C ends the fit with the best prior so far.
    """
    from vaelab.fitting import fit_prior as fit
    from vaelab.library import find_run

    console = Console()
    outcome = fit(find_run(run, runs), prior, overrides or [], name, console)
    console.print(outcome.table())
    console.say(f"next: vaelab evaluate {outcome.run.path}")
    raise typer.Exit(exit_code(outcome.signal))


@app.command()
def demo(runs: RunsFolder = RUNS) -> None:
    """Train a VAE on 1,797 real handwritten digits, draw every picture, print its numbers.

    Needs no download; it replaces the run of an earlier demo.
    """
    from vaelab.evaluation import evaluate
    from vaelab.library import load_experiment
    from vaelab.training import Start
    from vaelab.training import train as train_experiment

    console = Console()
    experiment, _ = load_experiment("digits", ["task_name=demo"])
    outcome = train_experiment(experiment, runs, Start.OVERWRITE, console)
    if outcome.stopped is not None:
        raise typer.Exit(exit_code(outcome.signal))
    run = outcome.run
    console.print(evaluate(run, console=console).table())
    console.say(
        f"look at the pictures in {run.figures}: latent.png (where each test image lies), "
        "manifold.png (what the decoder makes of each place), latent.gif (how it formed)\n"
        f"walk in its latent space in the browser: vaelab explore {run.path} (or make explore)"
    )
