"""For notebooks: the functions that `vaelab.` offers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from matplotlib.figure import Figure

from vaelab.config import override, validate
from vaelab.console import Console
from vaelab.data.store import SplitName
from vaelab.evaluation.diagnosis.examine import Examination, examine
from vaelab.evaluation.evaluate import Evaluation, measure, metrics_for, metrics_of
from vaelab.evaluation.evaluate import evaluate as evaluate_run
from vaelab.evaluation.samples import SampleQuality, score_samples
from vaelab.experiment import Experiment
from vaelab.metrics import EvaluationConfig, Number
from vaelab.models import FlatLatent, LatentVariableModel
from vaelab.networks.network import evaluating
from vaelab.notebook import refused_in_python, train_in_python
from vaelab.objects import data_of, experiment_of, feed_of, take_weights, try_out, with_model
from vaelab.quality import Features
from vaelab.runs.lookup import find_run, load_experiment, resets, run_folder
from vaelab.runs.names import RUNS, config_place
from vaelab.runs.render import figure_context, figure_of
from vaelab.runs.run import Run
from vaelab.training import Callback, Start

if TYPE_CHECKING:
    from vaelab.explorer.serve import Served


def fit(
    model: Any,
    *overrides: str,
    data: Any,
    domain: str | None = None,
    objective: Any = None,
    epochs: int | None = None,
    callbacks: Sequence[Callback] = (),
    name: str | None = None,
    folder: str | Path = RUNS,
    overwrite: bool = False,
    resume: bool = False,
    quiet: bool = False,
) -> Run:
    """Train a model of your own, or one of a config, on data in memory, or any other.

        run = vaelab.fit(vaelab.VAE(encoder, decoder), data=(x, y), epochs=10)

    The run is one like any other. Of what was given as an object its config says what it was; to
    open the run elsewhere, give the model again: `vaelab.load(run, model=...)`.

    Args:
        model: a `vaelab.VAE` or another model object, whose training goes on from the weights that
            it has, and which has the weights that the run keeps afterwards; or settings or the name
            of a kind.
        *overrides: of anything else, dotted as on the command line, e.g. "training.batch_size=128".
        data: images `(n, h, w)`, `(n, h, w, c)` or `(n, c, h, w)` as an array or a tensor, uint8 or
            float; (images, labels); a `torch.utils.data.Dataset` with a length;
            `vaelab.arrays(...)` for test images of your own; or settings or the name of a kind.
        domain: what pixels of arrays are: `unit`, `signed`, `binary`, `levels`, and for floats,
            which need one, `real`.
        objective: settings or the name of a kind; or a function of `Terms` to what is minimised, in
            nats: a number for each image `(b,)`, whose mean is taken, or one for all.
        epochs: passes over the training images; None: as many as the config says, 10.
        callbacks: what watches or changes the training, called in this order.
        name: of the run and its folder; None: `run`.
        folder: where runs are kept.
        overwrite: replace a run of that name.
        resume: go on with it; give the same objects.
        quiet: show no progress.

    Raises:
        UserError: something in the model, the data, the objective or the folder is not right.
    """
    training = {} if epochs is None else {"epochs": epochs}
    settings = {"task_name": name or "run", "training": training}
    with refused_in_python(named=True):
        experiment = experiment_of(model, data_of(data, domain), objective, settings, overrides)
        try_out(experiment)
    start = Start.RESUME if resume else Start.OVERWRITE if overwrite else Start.NEW
    run = train_in_python(experiment, Path(folder), start, quiet, callbacks, named=True)
    if isinstance(model, LatentVariableModel) and run.has_weights(run.path):
        take_weights(model, run)
    return run


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
        config: a shipped config's name, a YAML file, a run's folder or name, a mapping, or an
            Experiment.
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
        config = config_place(str(config), Path(folder))
        experiment, notes = load_experiment(config, overrides)
        folder = run_folder(config, Path(folder))
    else:
        plain = config.model_dump() if isinstance(config, Experiment) else dict(config)
        changed = override(Experiment, plain, overrides)
        experiment = validate(Experiment, changed, "the config given")
        notes = resets(plain, changed)
    start = Start.RESUME if resume else Start.OVERWRITE if overwrite else Start.NEW
    return train_in_python(experiment, Path(folder), start, quiet, notes=notes)


def load(
    run: str | Path | Run, device: str = "cpu", model: LatentVariableModel | None = None
) -> LatentVariableModel:
    """A trained model, ready to `sample` and `reconstruct`; most also `encode` and `decode`.

    Args:
        run: a run, its folder, or its name.
        device: where the model is wanted.
        model: of a run whose model was given as an object: one built in the same way. It stays as
            it is; what is returned is a copy with the run's weights.

    Raises:
        MissingFileError: there is no such run, or it has no weights yet.
        UserError: the weights do not fit the model.
    """
    return _run(run, model).load_model(device)[0]


def figure(
    run: str | Path | Run, name: str, model: LatentVariableModel | None = None, **options: Any
) -> Figure:
    """A picture of a run as a matplotlib figure, e.g. `figure("runs/digits", "manifold", grid=20)`.

    Args:
        run: a run, its folder, or its name.
        name: of a kind of figure.
        model: as for `load`.
        **options: of the figure.

    Raises:
        UserError: there is no such run, figure or option.
    """
    chosen = figure_of(name, options)
    return chosen.draw(chosen.compute(figure_context(_run(run, model))))


@overload
def evaluate(
    run: str | Path | Run, *, model: LatentVariableModel | None = None,
    split: SplitName = "test", samples: int | None = None, metrics: Sequence[str] = (),
) -> Evaluation: ...  # fmt: skip


@overload
def evaluate(
    run: LatentVariableModel, *, data: Any, domain: str | None = None, split: SplitName = "test",
    samples: int | None = None, metrics: Sequence[str] = (),
) -> dict[str, Number]: ...  # fmt: skip


def evaluate(
    run: str | Path | Run | LatentVariableModel,
    *,
    model: LatentVariableModel | None = None,
    data: Any = None,
    domain: str | None = None,
    split: SplitName = "test",
    samples: int | None = None,
    metrics: Sequence[str] = (),
) -> Evaluation | dict[str, Number]:
    """The numbers of a run, written into its evaluation.json, or of a model on any data.

    Args:
        run: a run, its folder or its name; or a model that has been trained or loaded.
        model: of a run, as for `load`.
        data: for a model: images, or (images, labels), of which all are measured; or settings or
            the name of a kind of data.
        domain: as for `fit`; None: the model's.
        split: of a run, or of a kind of data.
        samples: K of importance sampling and of its annealed kind; None: what the metrics say.
        metrics: names of kinds that are measured besides those that the config says.

    Returns:
        Of a run what evaluation.json holds, its `numbers` by name; of a model the numbers.

    Raises:
        UserError: there is no such run or metric, or the data does not fit.
    """
    if isinstance(run, LatentVariableModel):
        loader = feed_of(run, data, domain, split)
        flat, domain_of = isinstance(run, FlatLatent), loader.pixels.domain
        chosen = metrics_for(flat, domain_of, EvaluationConfig(), metrics)
        with evaluating(run):
            return measure(run, loader, chosen, samples)[0]
    found = _run(run, model)
    return evaluate_run(found, split, samples, Console(quiet=True), metrics_of(found, metrics))


def diagnose(run: str | Path | Run, model: LatentVariableModel | None = None) -> Examination:
    """What is wrong with a run, if anything; printed, it is what `vaelab doctor` shows.

    Args:
        run: a run, its folder, or its name.
        model: as for `load`.

    Returns:
        The findings with their evidence.

    Raises:
        UserError: there is no such run, or it has no weights yet.
    """
    return examine(_run(run, model))


def explore(
    run: str | Path | Run = RUNS,
    *,
    model: LatentVariableModel | None = None,
    port: int | None = None,
    browser: bool = False,
) -> "Served | Any":
    """The page on a run: in a notebook a widget, else served by a thread until `stop()`.

    Args:
        run: a run, its folder or its name; or a folder of runs.
        model: as for `load`; needed where the page cannot compute the model by itself.
        port: None: the first free one from 8008 on.
        browser: open it.

    Returns:
        A widget (extra `notebook`), whose `z` is the selected code; or a server with its `address`.

    Raises:
        UserError: there is no such run, the port is taken, or the page has not been built.
    """
    from vaelab.explorer.library import Library
    from vaelab.explorer.serve import Served  # a second to import, seldom needed
    from vaelab.explorer.widget import widget_of

    if not isinstance(run, Run) and not Run.exists(Path(run)) and Path(run).is_dir():
        library = Library(Path(run))
    else:
        found = _run(run, model)
        path = found.path.resolve()
        library = Library(path.parent, path.name, held={path.name: found})
        if port is None and not browser and (widget := widget_of(found)) is not None:
            return widget
    served = Served(library, port, browser)
    served.start()
    print(served)
    return served


def sample_quality(
    run: str | Path | Run,
    features: Literal["classifier", "pixels"] | Features = "classifier",
    images: int | None = None,
    split: SplitName = "test",
    made: Literal["mean", "draw"] | None = None,
    model: LatentVariableModel | None = None,
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
        model: as for `load`.

    Raises:
        UserError: there is no such run, it has no weights, or the features do not fit.
    """
    return score_samples(_run(run, model), features, split, images, made)


def _run(run: str | Path | Run, model: LatentVariableModel | None = None) -> Run:
    found = run if isinstance(run, Run) else find_run(str(run), RUNS)
    return found if model is None else with_model(found, model)
