"""The final numbers of a run, each with its unit and its estimator."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import log, prod
from typing import Literal

from rich.box import SIMPLE
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table
from torch import Tensor

from vaelab.console import Console
from vaelab.data import Domain
from vaelab.data.feed import Feed
from vaelab.data.pixels import BinaryPixels
from vaelab.data.store import images_checksum
from vaelab.errors import BadValueError
from vaelab.files import write_text
from vaelab.likelihoods.base import Likelihood
from vaelab.metrics import (
    ActiveUnitsMetric,
    AISMetric,
    BaseMetric,
    BoundMetric,
    DCIMetric,
    ImpliedScaleMetric,
    IWAEMetric,
    LinearProbeMetric,
    MIGHistogramMetric,
    MIGPosteriorMetric,
    ModularityMetric,
    NeighboursMetric,
    Number,
    PerImageMetric,
    RatePartsMetric,
    SAPMetric,
)
from vaelab.models import LatentVariableModel
from vaelab.per_image import save_per_image
from vaelab.records import KeptBy, kept_words
from vaelab.run import Run

SplitName = Literal["train", "valid", "test"]


@dataclass(frozen=True)
class Evaluation:
    """What evaluation.json holds.

    Attributes:
        run: the run's folder name.
        split: of the images.
        images: how many.
        epoch: of the weights.
        weights: their digest; the numbers are of these, and of no others the run may get.
        kept_by: what they were chosen by.
        kept_value_nats: its value on validation images, where it has one.
        data_checksum: of the data and its splits.
        images_checksum: of the images measured, as they lie before their use draws pixels, and of
            their labels where the numbers depend on them; numbers of others are not comparable.
        likelihood: its kind.
        limit: what bounds its density, where the numbers are those of that bound; likewise.
        measure: what its density is against; numbers under different ones are not comparable.
        pixels: their domain and how they were drawn, likewise.
        conditional: whether they are about p(x|c), likewise.
        numbers: by name.
    """

    run: str
    split: str
    images: int
    epoch: int
    weights: str
    kept_by: KeptBy
    kept_value_nats: float | None
    data_checksum: str
    images_checksum: str
    likelihood: str
    limit: str
    measure: str
    pixels: str
    conditional: bool
    numbers: dict[str, Number]

    def table(self) -> Table:
        """The numbers for a terminal."""
        table = Table(
            box=SIMPLE,
            title=f"{escape(self.run)}: {self.images:,} {self.split} images, "
            f"weights of epoch {self.epoch} ({kept_words(asdict(self))})",
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
            error = "" if number.standard_error is None else f"± {number.standard_error:.2g}"
            table.add_row(name, f"{number.value:.6g}", error, number.unit, number.estimator)
        return table


def evaluate(
    run: Run,
    split: SplitName = "test",
    samples: int = 100,
    console: Console | None = None,
    ais: int = 0,
    bounds_only: bool = False,
) -> Evaluation:
    """Measure the weights that a run keeps and write evaluation.json.

    Beside it goes what its bounds are means of, image by image, for comparisons in pairs.

    Args:
        run: a trained run.
        split: the images; the test images unless there is a reason.
        samples: K of the importance weighted estimate.
        console: where progress is shown; none: nowhere.
        ais: images measured by annealed importance sampling too; it takes minutes.
        bounds_only: the ELBO with its parts and the importance weighted estimate, nothing about
            the codes, which may cost as much as these.

    Raises:
        UserError: no weights yet, the data is gone, the split is empty, or the model is not one
            that annealed importance sampling is for.
    """
    console = Console(quiet=True) if console is None else console
    model, about = run.load_model()
    store = run.experiment.data.load()
    images = store.splits[split]
    if not len(images):
        raise BadValueError(f"the {split} split of {run.path} is empty; choose another --split")
    feed = Feed(images, run.experiment.data.pixels, model.classes)
    metrics = _bounds(samples) if bounds_only else _metrics(run, samples, ais)
    numbers, per_image = _measure(run, model, feed, samples, console, metrics)
    config = run.experiment.model
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
        limit=config.likelihood.limit_words if _at_limit(model) else "",
        measure=config.likelihood.measure,
        pixels=pixels_name(run),
        conditional=config.numbers_conditional,
        numbers=numbers,
    )
    kept = {name: per_image[name] for name in ("elbo_nats", f"nll_iwae{samples}_nats")}
    save_per_image(run.per_image_path, evaluation.weights, evaluation.images_checksum, kept)
    write_text(run.evaluation_path, json.dumps(asdict(evaluation), indent=2) + "\n")
    return evaluation


def _bounds(samples: int) -> list[BaseMetric]:
    return [BoundMetric(), IWAEMetric(samples=samples)]


def _metrics(run: Run, samples: int, ais: int) -> list[BaseMetric]:
    metrics = [*_bounds(samples), RatePartsMetric(), ActiveUnitsMetric()]
    if run.experiment.data.pixels.domain is not Domain.BINARY:
        metrics.append(ImpliedScaleMetric())
    metrics += [
        NeighboursMetric(), LinearProbeMetric(), MIGPosteriorMetric(), MIGHistogramMetric(),
        DCIMetric(), SAPMetric(), ModularityMetric(),
    ]  # fmt: skip
    if not run.experiment.model.flat:
        metrics = [metric for metric in metrics if not metric.needs_flat]
    if ais:
        metrics.append(AISMetric(images=ais, samples=samples))
    return metrics


def _measure(
    run: Run,
    model: LatentVariableModel,
    feed: Feed,
    samples: int,
    console: Console,
    metrics: Sequence[BaseMetric],
) -> tuple[dict[str, Number], dict[str, Tensor]]:
    """The numbers, and what some of them are means of."""
    numbers: dict[str, Number] = {}
    values: dict[str, Tensor] = {}
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(metrics))
        for metric in metrics:
            progress.update(task, description=f"measuring {type(metric).__name__}")
            if isinstance(metric, PerImageMetric):
                each = metric.per_image(model, feed)
                values |= {name: one.values for name, one in each.items()}
                numbers |= {name: one.number for name, one in each.items()}
            else:
                numbers |= metric(model, feed)
            progress.advance(task)
    if run.experiment.model.likelihood.measure == "counting":
        nll = numbers[f"nll_iwae{samples}_nats"]
        per_dim = prod(model.image_shape) * log(2)
        error = None if nll.standard_error is None else nll.standard_error / per_dim
        numbers[f"nll_iwae{samples}_bits_per_dim"] = Number(
            nll.value / per_dim, "bits/dimension", nll.estimator, error
        )
    return numbers, values


def _at_limit(model: LatentVariableModel) -> bool:
    return any(part.at_limit for part in model.modules() if isinstance(part, Likelihood))


def pixels_name(run: Run) -> str:
    """The pixels' domain, and how they were drawn."""
    data = run.experiment.data
    static = isinstance(data.pixels, BinaryPixels) and data.pixels.mode == "static"
    return data.pixels.words + (f" by data.seed {data.seed}" if static else "")
