"""vaelab: a laboratory for understanding variational autoencoders."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vaelab.api import figure, load, sample_quality, train
    from vaelab.quality import Features

__all__ = ["Features", "figure", "load", "sample_quality", "train"]


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


def __getattr__(name: str) -> Any:
    # PyTorch takes seconds to import; `import vaelab` should not
    if name in __all__:
        return getattr(import_module("vaelab.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
