"""For notebooks: train, load, draw."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from matplotlib.figure import Figure

from vaelab.config import override, validate
from vaelab.console import Console
from vaelab.data.store import SplitName
from vaelab.experiment import Experiment
from vaelab.library import find_run, load_experiment, resets, run_folder
from vaelab.models import LatentVariableModel
from vaelab.pictures import figure_of, subject_of
from vaelab.quality import Features
from vaelab.run import Run
from vaelab.scoring import SampleQuality, score_samples
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
        experiment, notes = load_experiment(str(config), overrides)
        folder = run_folder(str(config), Path(folder))
    else:
        plain = config.model_dump() if isinstance(config, Experiment) else dict(config)
        changed = override(Experiment, plain, overrides)
        experiment = validate(Experiment, changed, "the config given")
        notes = resets(plain, changed)
    console = Console(quiet=quiet)
    for note in notes:
        console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    start = Start.RESUME if resume else Start.OVERWRITE if overwrite else Start.NEW
    return train_experiment(experiment, Path(folder), start, console).run


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


def sample_quality(
    run: str | Path,
    features: Literal["classifier", "pixels"] | Features = "classifier",
    images: int | None = None,
    split: SplitName = "test",
    made: Literal["mean", "draw"] | None = None,
) -> SampleQuality:
    """How good a run's samples are, as `vaelab quality` measures it; under any features.

    With Inception's: `sample_quality("runs/mine", vaelab.Features("inception_v3", function))`,
    where `function` takes images `(n, c, h, w)` in [0, 1] to features `(n, f)`.

    Args:
        run: a trained run.
        features: those vaelab has, or a name and a function.
        images: real images, and as many samples; none: all, but no more than 10,000.
        split: of the real images.
        made: samples are means or draws of p(x|z); none: draws where pixels are black or white.

    Raises:
        UserError: there is no such run, it has no weights, or the features do not fit.
    """
    return score_samples(find_run(str(run), RUNS), features, split, images, made)
