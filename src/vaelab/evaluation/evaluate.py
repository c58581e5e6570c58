"""The final numbers of a run, each with its unit and its estimator."""

import json
from collections.abc import Mapping, Sequence
from math import log, prod
from textwrap import shorten

import torch
from jaxtyping import Float
from rich.box import SIMPLE
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table
from torch import Tensor

from vaelab.config import validate
from vaelab.console import Console, plain, with_error
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.data.pixels import Domain
from vaelab.data.store import SplitName, images_checksum
from vaelab.errors import BadValueError
from vaelab.evaluation.entries import NLL, measured_on
from vaelab.files import write_text
from vaelab.metrics import AISMetric, BaseMetric, EvaluationConfig, Number, PerImageMetric
from vaelab.models import LatentVariableModel, likelihood_of
from vaelab.registry import About
from vaelab.runs.records import EvaluationFacts, Row, kept_words
from vaelab.runs.run import Run
from vaelab.tensorfile import write_tensors

MAX_WORDS = 50
"""Letters of what is being measured, beside a progress bar."""


class Evaluation(EvaluationFacts):
    """What evaluation.json holds."""

    numbers: dict[str, Number]

    def __repr__(self) -> str:
        """The table, as plain text."""
        return plain(self.table())

    __str__ = __repr__

    def table(self) -> Table:
        """The numbers for a terminal."""
        table = Table(
            box=SIMPLE,
            title=f"{escape(self.run)}: {self.images:,} {self.split} images, "
            f"weights of epoch {self.epoch} ({kept_words(self.model_dump())})",
            caption=f"likelihood {self.likelihood} on {self.pixels} pixels"
            + (", conditional on the class" if self.conditional else "")
            + ". Means over images ± standard error; nats are per image; pixel: in units of the "
            "pixels' domain. `vaelab compare` says with which numbers these can be compared.",
        )
        table.add_column("number", no_wrap=True)
        table.add_column("value", justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
        table.add_column("unit")
        table.add_column("estimator")
        for name, number in self.numbers.items():
            value, *error = with_error(number.value, number.standard_error, 6).split(" ", 1)
            table.add_row(name, value, *(error or [""]), number.unit, number.estimator)
        return table


def evaluate(
    run: Run,
    split: SplitName = "test",
    samples: int | None = None,
    console: Console | None = None,
    metrics: Sequence[BaseMetric] | None = None,
) -> Evaluation:
    """Measure the weights that a run keeps and write evaluation.json.

    Beside it goes what its bounds are means of, image by image, for comparisons in pairs. The
    arguments are those of `vaelab.evaluate`.
    """
    model, about = run.load_model()
    store = run.experiment.data.load()
    images = store.split(split)
    if not len(images):
        raise BadValueError(f"the {split} split of {run.path} is empty; choose another --split")
    loader = EvalLoader(images, run.experiment.data.pixels, model.classes)
    chosen = metrics_of(run) if metrics is None else metrics
    numbers, per_image = measure(model, loader, chosen, samples, console)
    config, likelihood = run.experiment.model, likelihood_of(model)
    if config.likelihood.measure == "counting":
        numbers |= _per_dimension(numbers, prod(model.image_shape))
    evaluation = Evaluation(
        run=run.path.name,
        split=split,
        images=len(images),
        epoch=about["epoch"],
        weights=about["digest"],
        kept_by=about["kept_by"],
        kept_value_nats=about["kept_value_nats"],
        data_checksum=store.checksum,
        images_checksum=images_checksum(images, config.numbers_conditional),
        likelihood=config.likelihood.kind,
        limit=config.likelihood.limit_words if likelihood and likelihood.at_limit else "",
        measure=config.likelihood.measure,
        pixels=pixels_name(run),
        conditional=config.numbers_conditional,
        numbers=numbers,
    )
    kept = {
        name: each for name, each in per_image.items() if name == "elbo_nats" or NLL.fullmatch(name)
    }
    record = evaluation.model_dump()
    save_per_image(run, record, kept)
    write_text(run.evaluation_path, json.dumps(record, indent=2) + "\n")
    return evaluation


def save_per_image(run: Run, evaluation: Row, values: Mapping[str, Float[Tensor, " n"]]) -> None:
    """Write what the bounds of an evaluation are means of, as float32: 40 kB of 10,000 images."""
    float32 = {name: each.to(torch.float32) for name, each in values.items()}
    write_tensors(run.per_image_path, float32, measured_on(evaluation))


def measure(
    model: LatentVariableModel,
    loader: EvalLoader,
    metrics: Sequence[BaseMetric],
    samples: int | None = None,
    console: Console | None = None,
) -> tuple[dict[str, Number], dict[str, Tensor]]:
    """The numbers of a model in evaluation mode, and what some are means of; else as `evaluate`."""
    console = Console(quiet=True) if console is None else console
    numbers: dict[str, Number] = {}
    values: dict[str, Tensor] = {}
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(metrics))
        for metric in metrics:
            what = About.of(type(metric)).sentence.rstrip(".")
            progress.update(task, description=shorten(what, MAX_WORDS, placeholder=" …"))
            wanted = metric if samples is None else metric.with_samples(samples)
            if isinstance(wanted, PerImageMetric):
                each = wanted.per_image(model, loader)
                values |= {name: one.values for name, one in each.items()}
                numbers |= {name: one.number for name, one in each.items()}
            else:
                numbers |= wanted(model, loader)
            progress.advance(task)
    return numbers, values


def metrics_for(
    flat: bool, domain: Domain, config: EvaluationConfig, also: Sequence[str] = ()
) -> list[BaseMetric]:
    """What a config says of a model whose code is `flat`, and the kinds named `also`."""
    metrics = [one for one in config.metrics if one.suits(flat, domain)]
    if also:
        metrics += validate(EvaluationConfig, {"metrics": list(also)}, "metrics").metrics
    return metrics


def metrics_of(run: Run, also: Sequence[str] = (), ais: int = 0) -> list[BaseMetric]:
    """As `metrics_for` of a run, and annealed importance sampling of `ais` images."""
    config, domain = run.experiment, run.experiment.data.pixels.domain
    metrics = metrics_for(config.model.flat, domain, config.evaluation, also)
    return [*metrics, AISMetric(images=ais)] if ais else metrics


def _per_dimension(numbers: Mapping[str, Number], dimensions: int) -> dict[str, Number]:
    """The bounds in bits per dimension of the image."""
    unit = dimensions * log(2)
    found = {}
    for name, nll in numbers.items():
        if NLL.fullmatch(name):
            error = None if nll.standard_error is None else nll.standard_error / unit
            found[f"{name.removesuffix('nats')}bits_per_dim"] = Number(
                nll.value / unit, "bits/dimension", nll.estimator, error
            )
    return found


def pixels_name(run: Run) -> str:
    """The pixels' domain, and how they were drawn."""
    data = run.experiment.data
    return data.pixels.words + (f" by data.seed {data.seed}" if data.pixels.drawn_once else "")
