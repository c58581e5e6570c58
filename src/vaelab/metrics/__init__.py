"""Metrics: a model and a split to named numbers with units."""

from vaelab.metrics.ais import AISMetric
from vaelab.metrics.base import BaseMetric, Number, PerImage, PerImageMetric
from vaelab.metrics.bound import BoundMetric
from vaelab.metrics.chosen import EvaluationConfig, MetricConfig
from vaelab.metrics.codes import ActiveUnitsMetric, NeighboursMetric
from vaelab.metrics.dci import DCIMetric
from vaelab.metrics.implied_scale import ImpliedScaleMetric
from vaelab.metrics.iwae import NLL, IWAEMetric
from vaelab.metrics.mig import MIGHistogramMetric, MIGPosteriorMetric
from vaelab.metrics.modularity import ModularityMetric
from vaelab.metrics.probe import LinearProbeMetric
from vaelab.metrics.rate_parts import RatePartsMetric
from vaelab.metrics.sap import SAPMetric

__all__ = [
    "NLL",
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
    "MetricConfig",
    "ModularityMetric",
    "NeighboursMetric",
    "Number",
    "PerImage",
    "PerImageMetric",
    "RatePartsMetric",
    "SAPMetric",
]
