"""The axes in the order in which one meets them."""

from vaelab.data import Source
from vaelab.data.pixels import Pixels
from vaelab.distributions import BasePosterior
from vaelab.figures import BaseFigure
from vaelab.likelihoods import BaseLikelihood
from vaelab.loggers import BaseLoggerConfig
from vaelab.metrics import BaseMetric
from vaelab.models import BaseModel
from vaelab.networks import BaseDecoder, BaseEncoder
from vaelab.objectives import BaseObjective
from vaelab.optimizers import BaseOptimizer, LearningRateSchedule
from vaelab.priors import BaseGridPrior, BasePrior
from vaelab.registry import Kind
from vaelab.schedules import Schedule

BASES: tuple[type[Kind], ...] = (
    Source, Pixels, BaseModel, BaseEncoder, BaseDecoder, BasePosterior, BaseLikelihood, BasePrior,
    BaseGridPrior, BaseObjective, Schedule, BaseOptimizer, LearningRateSchedule, BaseFigure,
    BaseLoggerConfig, BaseMetric,
)  # fmt: skip
AXES = tuple(base.axis for base in BASES)
