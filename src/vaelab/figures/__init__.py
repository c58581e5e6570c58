"""Pictures of a model: `compute` gives arrays, `draw` makes the picture of them."""

from typing import Annotated

from vaelab.figures.activity import ActivityFigure
from vaelab.figures.background import Drawer
from vaelab.figures.base import BaseFigure, Panel
from vaelab.figures.curves import CurvesFigure
from vaelab.figures.film import film_is_stale, latent_film
from vaelab.figures.interpolation import InterpolationFigure
from vaelab.figures.latent import LatentFigure
from vaelab.figures.manifold import ManifoldFigure
from vaelab.figures.nearest import NearestFigure
from vaelab.figures.plane import Plane
from vaelab.figures.rates import RatesFigure
from vaelab.figures.reconstruction import ReconstructionFigure
from vaelab.figures.samples import SamplesFigure
from vaelab.figures.style import save_png
from vaelab.figures.subject import Codes, Subject
from vaelab.figures.traversal import TraversalFigure
from vaelab.registry import ONE_OF

FigureConfig = Annotated[BaseFigure, ONE_OF]
"""A figure: its kind alone, or its kind and options."""

__all__ = [
    "ActivityFigure",
    "BaseFigure",
    "Codes",
    "CurvesFigure",
    "Drawer",
    "FigureConfig",
    "InterpolationFigure",
    "LatentFigure",
    "ManifoldFigure",
    "NearestFigure",
    "Panel",
    "Plane",
    "RatesFigure",
    "ReconstructionFigure",
    "SamplesFigure",
    "Subject",
    "TraversalFigure",
    "film_is_stale",
    "latent_film",
    "save_png",
]
