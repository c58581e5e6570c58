"""The axes: every choice that a person makes, and the union of what can be chosen."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from vaelab.config import Config
from vaelab.data import DataConfig, PixelsConfig
from vaelab.distributions import PosteriorConfig
from vaelab.figures import FigureConfig
from vaelab.likelihoods import LikelihoodConfig
from vaelab.loggers import LoggerConfig
from vaelab.metrics import MetricConfig
from vaelab.models import ModelConfig
from vaelab.networks import DecoderConfig, EncoderConfig
from vaelab.objectives import ObjectiveConfig
from vaelab.optimizers import LearningRateScheduleConfig, OptimizerConfig
from vaelab.priors import GridPriorConfig, PriorConfig
from vaelab.schedules import ScheduleConfig


@dataclass(frozen=True)
class Axis:
    """A choice.

    Attributes:
        name: of the axis.
        place: the key of a config (or the command) that makes the choice.
        union: the configs to choose from.
        about: what the axis is, in a sentence.
        cites: whether each kind is somebody's idea, whose paper it has to name. Images, what
            their pixels mean, a number's way over the epochs, pictures and loggers need none.
        several: whether the place has a list of them.
    """

    name: str
    place: str
    union: Any
    about: str
    cites: bool = True
    several: bool = False


AXES = (
    Axis(
        "data", "data", DataConfig,
        "The images a model is trained and tested on.", cites=False,
    ),
    Axis(
        "pixels", "data.pixels", PixelsConfig,
        "What a pixel v of 0 to 255 is to the model: x, and so what a likelihood is a density of.",
        cites=False,
    ),
    Axis(
        "model", "model", ModelConfig,
        "Which latent variables there are, and how they and the image depend on each other.",
    ),
    Axis(
        "encoder", "model.encoder", EncoderConfig,
        "The network from an image x to the parameters of the posterior q(z|x).",
    ),
    Axis(
        "decoder", "model.decoder", DecoderConfig,
        "The network from a code z to the parameters of the likelihood p(x|z).",
    ),
    Axis(
        "posterior", "model.posterior", PosteriorConfig,
        "The family of q(z|x), the codes that the encoder thinks likely for an image.",
    ),
    Axis(
        "likelihood", "model.likelihood", LikelihoodConfig,
        "The family of p(x|z), the images that the decoder thinks likely for a code.",
    ),
    Axis(
        "prior", "model.prior", PriorConfig,
        "p(z), the codes that samples are decoded from, and what the rate is measured against.",
    ),
    Axis(
        "grid_prior", "model.prior", GridPriorConfig,
        "p(z) of model `vq`, the grids of codes that samples are decoded from.",
    ),
    Axis(
        "objective", "objective", ObjectiveConfig,
        "What training minimises, in nats per image; every run logs distortion, rate and ELBO "
        "whatever it is.",
    ),
    Axis(
        "schedule", "objective.beta", ScheduleConfig,
        "How a number such as beta changes over the epochs; a bare number stays what it is.",
        cites=False,
    ),
    Axis(
        "optimizer", "training.optimizer", OptimizerConfig,
        "What turns gradients into steps.",
    ),
    Axis(
        "learning_rate_schedule", "training.learning_rate_schedule", LearningRateScheduleConfig,
        "How the optimiser's learning rate changes over the epochs.", cites=False,
    ),
    Axis(
        "figure", "figures.every_epoch, figures.at_end", FigureConfig,
        "The pictures that are drawn while training and at its end, or later by `vaelab figures`.",
        cites=False, several=True,
    ),
    Axis(
        "logger", "training.loggers", LoggerConfig,
        "Experiment trackers that get every row of metrics.jsonl, the pictures and the settings "
        "too.",
        cites=False, several=True,
    ),
    Axis(
        "metric", "vaelab evaluate", MetricConfig,
        "The numbers of a trained model, each with its unit and its estimator.",
    ),
)  # fmt: skip


def members(union: Any) -> Iterator[type[Config]]:
    """The config classes of a union, through any annotations around it."""
    if isinstance(union, type) and issubclass(union, Config):
        yield union
    else:
        for inner in get_args(union):
            yield from members(inner)
