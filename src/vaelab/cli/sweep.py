"""Commands that train many runs and set them beside each other."""

from typing import Annotated, Literal

import typer

from vaelab.cli.options import RUNS, ConfigArgument, RunsFolder, exit_code
from vaelab.console import Console
from vaelab.runs.names import find_sweep

app = typer.Typer(
    help=(
        "Train a model at many settings, and see which is best by validation ELBO at beta 1.\n\n"
        "Example: `vaelab sweep run digits objective.beta=0.5,1,2,4 training.seed=0,1,2`"
    ),
    no_args_is_help=True,
)

SweepArgument = Annotated[
    str,
    typer.Argument(metavar="SWEEP", help="A sweep's folder, or its name inside --runs."),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=0, max=256,
        help="Processes of this machine, which share its cores, 1 if not given; for Ray, workers "
        "at once, as many as there is room for if not given. 0 trains nothing, for workers that "
        "are started elsewhere.",
        show_default=False,
    ),
]  # fmt: skip
Address = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT|auto",
        help="Ray: the cluster to join; `auto` finds the one that this machine is a node of. "
        "Without it this machine is one by itself.",
    ),
]
Cpus = Annotated[
    int | None,
    typer.Option(min=1, help="Cores for each worker of Ray, 1 if not given."),
]
Gpus = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="GPUs likewise; a part of one, such as 0.25, lets workers share it. Without it each "
        "has one where there are any.",
    ),
]
Engine = Annotated[
    Literal["local", "ray"],
    typer.Option(
        help="`local`: processes of this machine; `ray`: workers that Ray places on a "
        "cluster (`pip install 'vaelab[ray]'`). On Slurm: docs/sweeps.md."
    ),
]


@app.command()
def run(
    config: ConfigArgument,
    swept: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY=VALUES...",
            help="`key=v1,v2,...` or a range of numbers, `key=LOW..HIGH`; `:log` behind it draws "
            "evenly in the logarithm. A key with one value is an override, as for `vaelab train`.",
        ),
    ],
    search: Annotated[
        Literal["grid", "random", "tpe"],
        typer.Option(
            help="`grid`: all combinations; `random`: independent draws; `tpe`: where the trials "
            "so far promise most."
        ),
    ] = "grid",
    trials: Annotated[
        int | None, typer.Option(min=1, help="Runs in all, seeds counted, for random and tpe.")
    ] = None,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            help="Stop trials early, at a fifth, two fifths and four fifths of their epochs, that "
            "are not in the better half of those that came as far (ASHA).",
        ),
    ] = False,
    runs: RunsFolder = RUNS,
    engine: Engine = "local",
    workers: Workers = None,
    address: Address = None,
    cpus: Cpus = None,
    gpus: Gpus = None,
) -> None:
    """Train a config at many settings; those that differ in seed, beta or learning rate together.

    The objective is the validation ELBO at beta 1, in nats per image, of the weights that
    each run keeps, maximised: never the training loss, never the test images. Values of
    `training.seed` repeat every setting; they are never searched over.

    Examples:
    `vaelab sweep run digits objective.beta=0.5,1,2,4 training.seed=0,1,2` : 12 runs

    `vaelab sweep run digits training.optimizer.learning_rate=1e-4..1e-1:log model.latent=2..16
    --search tpe --trials 40 --workers 2 --prune`

    `vaelab sweep run mnist model.latent=2,8,32 --engine ray --address auto --gpus 0.25`

    Each trial is a run in RUNS/NAME_sweep, NAME being the config's task_name. Its pictures are
    left out; `figures.at_end=[latent]` asks for them. Ctrl-C saves everything, and
    `vaelab sweep resume` goes on.
    """
    from vaelab.runs.lookup import load_settings
    from vaelab.sweep import resets_of, resume_sweep, start_sweep
    from vaelab.sweep.engine import choose

    settings, notes = load_settings(config)
    console = Console()
    here = engine == "local" and workers != 0
    with choose(engine, workers, address, cpus, gpus) as chosen:
        folder = start_sweep(settings, swept, search, trials, prune, runs, here)
        for note in [*notes, *resets_of(settings, swept)]:
            console.say(f"note: {note}")
        signal = resume_sweep(folder, chosen, console)
    raise typer.Exit(exit_code(signal))


@app.command()
def resume(
    name: SweepArgument,
    runs: RunsFolder = RUNS,
    engine: Engine = "local",
    workers: Workers = None,
    address: Address = None,
    cpus: Cpus = None,
    gpus: Gpus = None,
) -> None:
    """Go on with a sweep, or join in from another machine that sees its folder, on any engine.

    Trials whose worker was killed are gone on with from their last whole epoch or save. Of a
    sweep that is done, table and pictures are made again.

    Example: `vaelab sweep resume digits --workers 2`
    """
    folder = find_sweep(name, runs)
    from vaelab.sweep import resume_sweep
    from vaelab.sweep.engine import choose

    with choose(engine, workers, address, cpus, gpus) as chosen:
        signal = resume_sweep(folder, chosen, Console())
    raise typer.Exit(exit_code(signal))


@app.command()
def status(name: SweepArgument, runs: RunsFolder = RUNS) -> None:
    """Print how far a sweep is: its settings, the best first, and what went wrong.

    Example: `vaelab sweep status digits`, or `vaelab sweep status runs/digits_sweep`
    """
    folder = find_sweep(name, runs)
    from vaelab.sweep import show_status

    show_status(folder, Console())


@app.command()
def best(name: SweepArgument, runs: RunsFolder = RUNS) -> None:
    """Print the setting with the highest mean validation ELBO at beta 1, and its best run.

    Example: `vaelab sweep best digits`, or `vaelab sweep best runs/digits_sweep`
    """
    folder = find_sweep(name, runs)
    from vaelab.sweep import show_best

    show_best(folder, Console())
