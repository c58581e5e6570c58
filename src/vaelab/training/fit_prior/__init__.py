"""A prior fitted to the codes of a trained model, everything else kept."""

from collections.abc import Sequence
from time import monotonic

from vaelab.console import Console
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.errors import BadValueError
from vaelab.experiment import Experiment, PriorFitConfig
from vaelab.metrics import BoundMetric, Number
from vaelab.models import OneLevel
from vaelab.randomness import Purpose, seeded
from vaelab.runs.records import Row
from vaelab.runs.render import draw_run, suited
from vaelab.runs.run import Run
from vaelab.training.environment import describe_environment
from vaelab.training.fit_prior.codes import Encoder, gain
from vaelab.training.fit_prior.learning import Log, learn
from vaelab.training.fit_prior.outcome import FittingFolder, PriorFit
from vaelab.training.fit_prior.request import check_coded, check_kind, fitted_experiment
from vaelab.training.interrupt import interruptible
from vaelab.training.precision import choose_place
from vaelab.training.start import progress_of

__all__ = ["PriorFit", "fit_prior"]

SAMPLES, MOST = 10, 10_000
"""Posterior samples per image for the bounds, and of how many images; one of each of more."""


def fit_prior(
    run: Run,
    kind: str | None = None,
    assignments: Sequence[str] = (),
    name: str | None = None,
    console: Console | None = None,
) -> PriorFit:
    """Fit a prior to the codes of a trained run, and make a run of its own of it.

    The codes are samples of the aggregate posterior, so that the new ELBO is one: "From variational
    to deterministic autoencoders" (Ghosh et al., 2020, section 4, arXiv 1903.12436). For grids of
    codes: "Neural discrete representation learning" (van den Oord et al., 2017, section 3.3, arXiv
    1711.00937).

    Raises:
        UserError: the run has no weights, its model no prior to exchange, a setting is not right,
            there is a run of that name, or the prior found is worse on the training codes than the
            one there was; nothing was written.
    """
    console = Console(quiet=True) if console is None else console
    trained, about = run.load_model()
    before = check_coded(run, trained)
    experiment, settings = fitted_experiment(run, check_kind(before, kind), assignments, name)
    done, epochs = progress_of(run).epoch, run.experiment.training.epochs
    if 0 < done < epochs:
        console.say(f"note: {run.path} has had {done} of its {epochs} epochs of training")
    with FittingFolder(run.path.resolve().parent / experiment.task_name) as folder:
        return _fit(run, before, about, experiment, settings, folder, console)


def _fit(
    run: Run,
    before: OneLevel,
    about: Row,
    experiment: Experiment,
    settings: PriorFitConfig,
    folder: FittingFolder,
    console: Console,
) -> PriorFit:
    store, pixels = experiment.data.load(), experiment.data.pixels
    if len(store.train) < store.training_images:
        console.say(
            f"note: the prior learns from the codes of the first {len(store.train):,} of "
            f"{store.training_images:,} training images"
        )
    device = choose_place(experiment.training).device
    with seeded(settings.seed, Purpose.INITIALISATION):
        built = experiment.model.build(before.image_shape, pixels.domain, len(about["classes"]))
    built.pixels = pixels
    after = check_coded(run, built)
    after.load_state_dict(
        {key: kept for key, kept in before.state_dict().items() if not key.startswith("prior.")},
        strict=False,
    )
    before, after = before.to(device), after.to(device).eval()
    encoder = Encoder(before, pixels)
    loaders = {
        split: EvalLoader(images, pixels, before.classes, device)
        for split, images in (("train", store.train), ("valid", store.valid))
        if len(images)
    }
    codes = {split: list(encoder.fixed(loader)) for split, loader in loaders.items()}
    numbers = {split: _bound(before, loader) for split, loader in loaders.items()}
    log = Log(console, settings.epochs, numbers)
    began = monotonic()
    with interruptible() as interrupt:
        valid = codes.get("valid", [])
        learn(after.prior, encoder, loaders["train"], valid, settings, log, interrupt)
    seconds = monotonic() - began

    gains = {split: gain(before.prior, after.prior, some) for split, some in codes.items()}
    if gains["train"].value < 0:
        raise BadValueError(
            f"the best prior found is worse than `{run.experiment.model.prior_kind}` was, by "
            f"{-gains['train'].value:.2f} nats over the training codes; nothing was written. Try "
            "more prior_fit.epochs, a larger model.prior, or another --prior"
        )
    split = "valid" if "valid" in loaders else "train"
    measured = _bound(after, loaders[split])
    if split == "valid":
        value = measured["elbo_nats"].value
        about |= {"valid_elbo_nats": value, "kept_by": "valid_elbo", "kept_value_nats": value}
    facts = describe_environment(device, store.checksum, experiment)
    new = folder.finish(experiment, after, about, log.rows, facts, seconds)
    draw_run(new, suited(experiment.figures.at_end, experiment.model), store, console)
    return PriorFit(
        new, run.path.name, split, len(loaders[split]), numbers[split], measured, gains[split],
        gains["train"], interrupt.signal,
    )  # fmt: skip


def _bound(model: OneLevel, loader: EvalLoader) -> dict[str, Number]:
    return BoundMetric(samples=SAMPLES if len(loader) <= MOST else 1)(model, loader)
