"""Arguments and options that several commands share."""

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vaelab.errors import STOPPED

if TYPE_CHECKING:
    from vaelab.experiment import Experiment

ConfigArgument = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG",
        help="A shipped config's name (`digits`, `mnist`, `vae_kl`, ...), a YAML file, a run, or "
        "your own pictures: a folder, or a .npz, .npy or .csv file.",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="Dotted overrides, e.g. `model.latent=4 objective.beta=2 training.epochs=20`.",
    ),
]
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's folder, or its name inside --runs.")
]
RunsFolder = Annotated[Path, typer.Option("--runs", help="The folder of all runs.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace a file of that name, if there is one.")
]

RUNS = Path("runs")
Split = Literal["train", "valid", "test"]


def output(what: str, usual: str) -> Any:
    """An option that says where a file is written, for `vaelab.files.output_path`."""
    return typer.Option(help=f"{what}; default: {usual}; numbered if it is there.")


def experiment_of(config: str, overrides: Sequence[str] | None) -> "Experiment":
    """The experiment the user means; what it says besides goes to the standard error stream."""
    from vaelab.runs.lookup import load_experiment

    experiment, notes = load_experiment(config, overrides or [])
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    return experiment


def exit_code(signal: int | None) -> int:
    """Of a command that a signal has stopped, or none."""
    return 0 if signal is None else STOPPED + signal


def _load_plugins(names: list[str] | None) -> None:
    if names:
        from vaelab.plugins import load_plugin

        for name in names:
            load_plugin(name)


Plugins = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin", metavar="FILE|MODULE", is_eager=True, expose_value=False,
        callback=_load_plugins,
        help="Python code that defines kinds of your own (docs/extending.md); may be repeated.",
    ),
]  # fmt: skip


def _find_names(options: dict[str, Any]) -> None:
    """Refuse names that are nobody's, before what takes seconds is imported."""
    from vaelab.runs.names import config_place, find_run_folder

    runs = options.get("runs", RUNS)
    if "config" in options:
        options["config"] = config_place(options["config"], runs)
    for name in (options.get("run"), *options.get("chosen", ())):
        if name is not None:
            find_run_folder(name, runs)


def with_plugins(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the option `--plugin`, which is done with before all others.

    What it is to work on is looked for before it starts.
    """

    @wraps(command)
    def run(*args: Any, plugin: None, **options: Any) -> None:
        _find_names(options)
        command(*args, **options)

    own = inspect.signature(command)
    added = inspect.Parameter(
        "plugin", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Plugins
    )
    run.__signature__ = own.replace(parameters=[*own.parameters.values(), added])  # type: ignore[attr-defined]
    run.__annotations__ = {**command.__annotations__, "plugin": Plugins}
    return run
