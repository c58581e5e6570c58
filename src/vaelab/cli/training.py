"""Commands that train."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from vaelab.background import DRAWING, BackgroundProcess
from vaelab.cli.launch import check_launched, end, launch
from vaelab.cli.options import RUNS, ConfigArgument, Overrides, RunArgument, RunsFolder, exit_code
from vaelab.console import Console
from vaelab.errors import BadValueError, MissingFileError

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
    from vaelab.lessons.reproduction import overview
    from vaelab.lessons.reproduction import reproduce as repeat

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
    from vaelab.lessons.traps.running import listed, run_trap

    console = Console(highlight=False)
    if name is None:
        console.print(listed())
        return
    sprung = run_trap(name, runs, console)
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
            min=1,
            help="Number of GPUs, or of processes on CPU cores, of this machine that share every "
            "batch. Several machines: by torchrun, see docs/scaling.md.",
        ),
    ] = None,
) -> None:
    """Train a model and draw its pictures.

    Examples:
    `vaelab train digits` : digits of 8 x 8 pixels, in seconds

    `vaelab train mnist model.latent=8 task_name=mnist8`

    `vaelab train my_pictures/` : a recipe chosen for your own pictures, and printed

    `vaelab train runs/mnist8 --resume training.epochs=40`

    `vaelab train simple training.replicas=5` : five seeds at once, for an error bar

    `vaelab train mnist --devices 2` : two processes that share every batch, the same result

    Ctrl-C finishes the step, saves, and prints the command that goes on; the exit code is 130.
    """
    if resume and overwrite:
        raise BadValueError("--resume goes on with a run and --overwrite replaces it; choose one")
    start = "resume" if resume else "overwrite" if overwrite else "new"
    with BackgroundProcess(DRAWING) as drawing:
        if "RANK" not in os.environ and devices in (None, 1):
            drawing.try_to_start()  # it imports what it needs while this process does
        code = _train(config, overrides or [], runs, start, devices, drawing)
    end(code)


def _train(
    config: str,
    overrides: list[str],
    runs: Path,
    start: str,
    devices: int | None,
    drawing: BackgroundProcess,
) -> int:
    from vaelab.distributed import barrier, is_launched, is_main, local_rank, process_group
    from vaelab.evaluation.diagnosis.examine import one_line_diagnosis
    from vaelab.runs.lookup import load_experiment, run_folder
    from vaelab.training import Start, notes_to_resume, replicas, train_together
    from vaelab.training.precision import choose_place

    if not is_launched() and (devices or 1) > 1:
        return launch(sys.argv[1:], devices or 1)
    check_launched(devices)
    experiment, notes = load_experiment(config, overrides)
    console = Console()
    folder = run_folder(config, runs)
    place = choose_place(experiment.training, local_rank())
    with process_group(place.device):
        chosen = replicas(experiment)
        if Start(start) is Start.RESUME:
            notes += notes_to_resume(chosen, folder, overrides)
        for note in notes if is_main() else []:
            console.say(f"note: {note}")
        outcomes = train_together(chosen, folder, Start(start), console, process=drawing)
        barrier()  # nobody leaves before rank 0 has saved
        if is_main() and (done := [one.run for one in outcomes if one.stopped is None]):
            for run in done:
                console.say(one_line_diagnosis(run))
            console.say(f"next: vaelab evaluate {' '.join(run.typed for run in done)}")
    return exit_code(next((outcome.signal for outcome in outcomes if outcome.signal), None))


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
    from vaelab.runs.lookup import find_run
    from vaelab.training.fit_prior import fit_prior as fit

    console = Console()
    outcome = fit(find_run(run, runs), prior, overrides or [], name, console)
    console.print(outcome.table())
    console.say(f"next: vaelab evaluate {outcome.run.typed}")
    raise typer.Exit(exit_code(outcome.signal))


@app.command()
def demo(runs: RunsFolder = RUNS) -> None:
    """Train a VAE on 3,000 handwritten digits of MNIST, draw every picture, print its numbers.

    Needs no download; it replaces the run of an earlier demo.
    """
    console = Console()
    with BackgroundProcess(DRAWING) as drawing:
        drawing.try_to_start()
        from vaelab.evaluation.evaluate import evaluate
        from vaelab.explorer.export import page_folder
        from vaelab.runs.lookup import load_experiment
        from vaelab.training import Start
        from vaelab.training import train as train_experiment

        experiment, _ = load_experiment("mnist_3000", ["task_name=demo"])
        outcome = train_experiment(experiment, runs, Start.OVERWRITE, console, process=drawing)
    if outcome.stopped is not None:
        raise typer.Exit(exit_code(outcome.signal))
    run = outcome.run
    console.print(evaluate(run, console=console).table())
    try:
        page_folder()
        command = f"vaelab explore {run.typed}"
    except MissingFileError:
        command = "make explore (which builds the page first)"
    console.say(
        f"look at the pictures in {run.figures}: latent.png (where each test image lies), "
        "manifold.png (what the decoder makes of each place), latent.gif (how it formed)\n"
        f"walk in its latent space in the browser: {command}"
    )
