"""For notebooks: train, load, draw."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich.console import Console

from vaelab.config import override, validate
from vaelab.experiment import Experiment
from vaelab.library import find_run, load_experiment, run_folder
from vaelab.models import LatentVariableModel
from vaelab.pictures import figure_of, subject_of
from vaelab.run import Run
from vaelab.training import Start
from vaelab.training import train as train_experiment

RUNS = Path("runs")


def train(
    config: str | Path | Mapping[str, Any] | Experiment,
    *overrides: str,
    folder: str | Path = RUNS,
    overwrite: bool = False,
    resume: bool = False,
    quiet: bool = False,
) -> Run:
    """Train a model and draw its pictures, as `vaelab train` does.

    Args:
        config: a shipped config's name, a YAML file, a run's folder, a mapping, or an Experiment.
        *overrides: dotted, such as "model.latent=4".
        folder: where runs are kept; a run that is named as `config` stays where it is.
        overwrite: replace a run of that name.
        resume: go on with it.
        quiet: show no progress.

    Returns:
        The run: `run.load_model()`, `run.metrics()`, `run.figures` (a folder).

    Raises:
        UserError: something in the config, the data or the folder is not right.
    """
    if isinstance(config, str | Path):
        experiment, _ = load_experiment(str(config), overrides)
        folder = run_folder(str(config), Path(folder))
    else:
        plain = config.model_dump() if isinstance(config, Experiment) else dict(config)
        experiment = validate(
            Experiment, override(Experiment, plain, overrides), "the config given"
        )
    start = Start.RESUME if resume else Start.OVERWRITE if overwrite else Start.NEW
    return train_experiment(experiment, Path(folder), start, Console(quiet=quiet)).run


def load(run: str | Path, device: str = "cpu") -> LatentVariableModel:
    """A trained model, ready to `sample` and `reconstruct`; most also `encode` and `decode`.

    Raises:
        MissingFileError: there is no such run, or it has no weights yet.
    """
    return find_run(str(run), RUNS).load_model(device)[0]


def figure(run: str | Path, name: str, **options: Any) -> Figure:
    """A picture of a run as a matplotlib figure, e.g. `figure("runs/digits", "manifold", grid=20)`.

    Raises:
        UserError: there is no such run, figure or option.
    """
    chosen = figure_of(name, options)
    return chosen.draw(chosen.compute(subject_of(find_run(str(run), RUNS))))
