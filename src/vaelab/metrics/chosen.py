"""What is measured of a run, unless its config says otherwise."""

from typing import Annotated

from pydantic import Field

from vaelab.config import Config
from vaelab.metrics.base import BaseMetric
from vaelab.metrics.bound import BoundMetric
from vaelab.metrics.codes import ActiveUnitsMetric, NeighboursMetric
from vaelab.metrics.dci import DCIMetric
from vaelab.metrics.implied_scale import ImpliedScaleMetric
from vaelab.metrics.iwae import IWAEMetric
from vaelab.metrics.mig import MIGHistogramMetric, MIGPosteriorMetric
from vaelab.metrics.modularity import ModularityMetric
from vaelab.metrics.probe import LinearProbeMetric
from vaelab.metrics.rate_parts import RatePartsMetric
from vaelab.metrics.sap import SAPMetric
from vaelab.registry import ONE_OF

MetricConfig = Annotated[BaseMetric, ONE_OF]


class EvaluationConfig(Config):
    """What `vaelab evaluate` measures."""

    metrics: Annotated[tuple[MetricConfig, ...], Field(min_length=1, max_length=100)] = (
        BoundMetric(), IWAEMetric(), RatePartsMetric(), ActiveUnitsMetric(), ImpliedScaleMetric(),
        NeighboursMetric(), LinearProbeMetric(), MIGPosteriorMetric(), MIGHistogramMetric(),
        DCIMetric(), SAPMetric(), ModularityMetric(),
    )  # fmt: skip
    """In this order; those that say nothing of the model or its data are left out."""
