"""The final numbers of a run, each with its unit and its estimator."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import log, prod

from rich.box import SIMPLE
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table
from torch import Tensor

from vaelab.config import validate
from vaelab.console import Console
from vaelab.data.feed import Feed
from vaelab.data.pixels import BinaryPixels
from vaelab.data.store import SplitName, images_checksum
from vaelab.errors import BadValueError
from vaelab.files import write_text
from vaelab.likelihoods.base import Likelihood
from vaelab.metrics import (
    NLL,
    AISMetric,
    BaseMetric,
    EvaluationConfig,
    IWAEMetric,
    Number,
    PerImageMetric,
)
from vaelab.models import LatentVariableModel
from vaelab.per_image import save_per_image
from vaelab.records import KeptBy, kept_words
from vaelab.run import Run


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
    samples: int | None = None,
    console: Console | None = None,
    metrics: Sequence[BaseMetric] | None = None,
) -> Evaluation:
    """Measure the weights that a run keeps and write evaluation.json.

    Beside it goes what its bounds are means of, image by image, for comparisons in pairs.

    Args:
        run: a trained run.
        split: the images; the test images unless there is a reason.
        samples: K of the importance weighted estimates; none: as the metrics have it.
        console: where progress is shown; none: nowhere.
        metrics: none: `metrics_of(run)`.

    Raises:
        UserError: no weights yet, the data is gone, the split is empty, or a metric is not for such
            a model.
    """
    console = Console(quiet=True) if console is None else console
    model, about = run.load_model()
    store = run.experiment.data.load()
    images = store.splits[split]
    if not len(images):
        raise BadValueError(f"the {split} split of {run.path} is empty; choose another --split")
    feed = Feed(images, run.experiment.data.pixels, model.classes)
    chosen = [_with(samples, one) for one in (metrics_of(run) if metrics is None else metrics)]
    numbers, per_image = _measure(model, feed, console, chosen)
    config = run.experiment.model
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
        limit=config.likelihood.limit_words if _at_limit(model) else "",
        measure=config.likelihood.measure,
        pixels=pixels_name(run),
        conditional=config.numbers_conditional,
        numbers=numbers,
    )
    kept = {
        name: each for name, each in per_image.items() if name == "elbo_nats" or NLL.fullmatch(name)
    }
    save_per_image(run.per_image_path, evaluation.weights, evaluation.images_checksum, kept)
    write_text(run.evaluation_path, json.dumps(asdict(evaluation), indent=2) + "\n")
    return evaluation


def metrics_of(run: Run, also: Sequence[str] = (), ais: int = 0) -> list[BaseMetric]:
    """What the run's config says is to be measured, as far as it says something of its model.

    Args:
        run: any.
        also: names of kinds that are measured too.
        ais: images measured by annealed importance sampling too; it takes minutes.

    Raises:
        BadValueError: there is no metric of that name.
    """
    model, domain = run.experiment.model, run.experiment.data.pixels.domain
    metrics = [one for one in run.experiment.evaluation.metrics if one.suits(model.flat, domain)]
    if also:
        metrics += validate(EvaluationConfig, {"metrics": list(also)}, "--metric").metrics
    return [*metrics, AISMetric(images=ais)] if ais else metrics


def _with(samples: int | None, metric: BaseMetric) -> BaseMetric:
    if samples is None or not isinstance(metric, IWAEMetric | AISMetric):
        return metric
    return metric.model_copy(update={"samples": samples})


def _measure(
    model: LatentVariableModel, feed: Feed, console: Console, metrics: Sequence[BaseMetric]
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
    return numbers, values


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


def _at_limit(model: LatentVariableModel) -> bool:
    return any(part.at_limit for part in model.modules() if isinstance(part, Likelihood))


def pixels_name(run: Run) -> str:
    """The pixels' domain, and how they were drawn."""
    data = run.experiment.data
    static = isinstance(data.pixels, BinaryPixels) and data.pixels.mode == "static"
    return data.pixels.words + (f" by data.seed {data.seed}" if static else "")
