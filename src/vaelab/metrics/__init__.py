"""Metrics: a model and a split to named numbers with units."""

from typing import Annotated

from pydantic import Field

from vaelab.config import Config
from vaelab.metrics.ais import AISMetric
from vaelab.metrics.base import BaseMetric, Number, PerImageMetric
from vaelab.metrics.bound import BoundMetric, IWAEMetric
from vaelab.metrics.codes import ActiveUnitsMetric, LinearProbeMetric, NeighboursMetric
from vaelab.metrics.implied_scale import ImpliedScaleMetric
from vaelab.metrics.information import MIGHistogramMetric, MIGPosteriorMetric, ModularityMetric
from vaelab.metrics.prediction import DCIMetric, SAPMetric
from vaelab.metrics.rate_parts import RatePartsMetric
from vaelab.registry import ONE_OF


class EvaluationConfig(Config):
    """What `vaelab evaluate` measures."""

    metrics: Annotated[
        tuple[Annotated[BaseMetric, ONE_OF], ...], Field(min_length=1, max_length=100)
    ] = (
        BoundMetric(), IWAEMetric(), RatePartsMetric(), ActiveUnitsMetric(), ImpliedScaleMetric(),
        NeighboursMetric(), LinearProbeMetric(), MIGPosteriorMetric(), MIGHistogramMetric(),
        DCIMetric(), SAPMetric(), ModularityMetric(),
    )  # fmt: skip
    """Metrics, in this order; those that say nothing of the model or its data are left out."""


__all__ = [
    "AISMetric",
    "ActiveUnitsMetric",
    "BaseMetric",
    "BoundMetric",
    "DCIMetric",
    "EvaluationConfig",
    "IWAEMetric",
    "ImpliedScaleMetric",
    "LinearProbeMetric",
    "MIGHistogramMetric",
    "MIGPosteriorMetric",
    "ModularityMetric",
    "NeighboursMetric",
    "Number",
    "PerImageMetric",
    "RatePartsMetric",
    "SAPMetric",
]
