"""Pictures of a model: `compute` gives arrays, `draw` makes the picture of them."""

from vaelab.drawing import save_png
from vaelab.figures.background import Drawer
from vaelab.figures.base import BaseFigure, FigureConfig, Panel
from vaelab.figures.context import Codes, FigureContext
from vaelab.figures.curves import CurvesFigure
from vaelab.figures.dimensions import ActivityFigure, RatesFigure
from vaelab.figures.film import film_is_stale, latent_film
from vaelab.figures.grids import ReconstructionFigure, SamplesFigure
from vaelab.figures.interpolation import InterpolationFigure
from vaelab.figures.latent import LatentFigure
from vaelab.figures.manifold import ManifoldFigure
from vaelab.figures.nearest import NearestFigure
from vaelab.figures.plane import Plane
from vaelab.figures.traversal import TraversalFigure

__all__ = [
    "ActivityFigure",
    "BaseFigure",
    "Codes",
    "CurvesFigure",
    "Drawer",
    "FigureConfig",
    "FigureContext",
    "InterpolationFigure",
    "LatentFigure",
    "ManifoldFigure",
    "NearestFigure",
    "Panel",
    "Plane",
    "RatesFigure",
    "ReconstructionFigure",
    "SamplesFigure",
    "TraversalFigure",
    "film_is_stale",
    "latent_film",
    "save_png",
]
