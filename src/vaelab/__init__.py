"""vaelab: a laboratory for understanding variational autoencoders."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vaelab import distributions, likelihoods, models, networks, objectives, priors
    from vaelab.api import diagnose, evaluate, explore, figure, fit, load, sample_quality, train
    from vaelab.data import arrays
    from vaelab.models import VAE, ConditionalDistribution, Terms
    from vaelab.quality import Features
    from vaelab.runs.run import Run
    from vaelab.training import Callback, Training

__all__ = [
    "VAE",
    "Callback",
    "ConditionalDistribution",
    "Features",
    "Run",
    "Terms",
    "Training",
    "arrays",
    "diagnose",
    "distributions",
    "evaluate",
    "explore",
    "figure",
    "fit",
    "likelihoods",
    "load",
    "models",
    "networks",
    "objectives",
    "priors",
    "sample_quality",
    "train",
]
PACKAGES = {"distributions", "likelihoods", "models", "networks", "objectives", "priors"}
HOMES = {
    "VAE": "models",
    "Callback": "training",
    "ConditionalDistribution": "models",
    "Features": "quality",
    "Run": "runs.run",
    "Terms": "models",
    "Training": "training",
    "arrays": "data",
}
"""Where else than in vaelab.api a name comes from."""


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


def __getattr__(name: str) -> Any:
    # PyTorch takes seconds to import; `import vaelab` should not
    if name in PACKAGES:
        return import_module(f"vaelab.{name}")
    if name in __all__:
        return getattr(import_module(f"vaelab.{HOMES.get(name, 'api')}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
