"""Commands that train many runs and set them beside each other."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vaelab.cli.options import RUNS, ConfigArgument, RunsFolder, exit_code
from vaelab.console import Console

app = typer.Typer(
    help=(
        "Train a model at many settings, and see which is best by validation ELBO at beta 1.\n\n"
        "Example: `vaelab sweep run digits objective.beta=0.5,1,2,4 training.seed=0,1,2`"
    ),
    no_args_is_help=True,
)

SweepArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a sweep.")]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1, max=256,
        help="Processes of this machine, which share its cores, or jobs of Slurm, 1 if not given; "
        "for Ray, trials at once, as many as there is place for if not given.",
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
    typer.Option(min=1, help="Cores for each trial of Ray or job of Slurm, 1 if not given."),
]
Gpus = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="GPUs likewise; with Ray a part of one, such as 0.25, lets trials share it. Without "
        "it a trial of Ray has one where there are any, a job of Slurm none.",
    ),
]
Sbatch = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        help="Slurm: any option of sbatch, e.g. `partition=gpu`, `mem=16G`, `time=8:00:00` (4 "
        "hours if not given); more than once for more.",
    ),
]


class EngineChoice(StrEnum):
    """What trains."""

    LOCAL = "local"
    RAY = "ray"
    SLURM = "slurm"


Engine = Annotated[
    EngineChoice,
    typer.Option(
        help="`local`: processes of this machine; `ray`: trials that Ray Tune places on a "
        "cluster; `slurm`: workers on a queue. Ray and submitit are extras of vaelab."
    ),
]


class SearchChoice(StrEnum):
    """How settings are chosen."""

    GRID = "grid"
    RANDOM = "random"
    TPE = "tpe"


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
        SearchChoice,
        typer.Option(
            help="`grid`: all combinations; `random`: independent draws; `tpe`: where the trials "
            "so far promise most."
        ),
    ] = SearchChoice.GRID,
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
    engine: Engine = EngineChoice.LOCAL,
    workers: Workers = None,
    address: Address = None,
    cpus: Cpus = None,
    gpus: Gpus = None,
    sbatch: Sbatch = None,
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
    from vaelab.library import load_settings
    from vaelab.sweep import begin, go_on, resets_of
    from vaelab.sweep.engines import choose

    settings, notes = load_settings(config)
    console = Console()
    here = engine is EngineChoice.LOCAL
    with choose(engine.value, workers, address, cpus, gpus, sbatch or []) as chosen:
        folder = begin(settings, swept, search.value, trials, prune, runs, here)
        for note in [*notes, *resets_of(settings, swept)]:
            console.say(f"note: {note}")
        signal = go_on(folder, chosen, console)
    raise typer.Exit(exit_code(signal))


@app.command()
def resume(
    folder: SweepArgument,
    engine: Engine = EngineChoice.LOCAL,
    workers: Workers = None,
    address: Address = None,
    cpus: Cpus = None,
    gpus: Gpus = None,
    sbatch: Sbatch = None,
) -> None:
    """Go on with a sweep, or join in from another machine that sees its folder, on any engine.

    Trials whose worker was killed are gone on with from their last whole epoch or save. Of a
    sweep that is done, table and pictures are made again.

    Example: `vaelab sweep resume runs/digits_sweep --workers 2`
    """
    from vaelab.sweep import go_on
    from vaelab.sweep.engines import choose

    with choose(engine.value, workers, address, cpus, gpus, sbatch or []) as chosen:
        signal = go_on(folder, chosen, Console())
    raise typer.Exit(exit_code(signal))


@app.command()
def status(folder: SweepArgument) -> None:
    """Print how far a sweep is: its settings, the best first, and what went wrong.

    Example: `vaelab sweep status runs/digits_sweep`
    """
    from vaelab.sweep import show_status

    show_status(folder, Console())


@app.command()
def best(folder: SweepArgument) -> None:
    """Print the setting with the highest mean validation ELBO at beta 1, and its best run.

    Example: `vaelab sweep best runs/digits_sweep`
    """
    from vaelab.sweep import show_best

    show_best(folder, Console())
