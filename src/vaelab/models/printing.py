"""A model in a few lines, as what it is."""

from typing import TYPE_CHECKING

from torch import nn

from vaelab.data.float_pixels import WORDS
from vaelab.networks import Network, OwnNetwork

if TYPE_CHECKING:
    from vaelab.models.base import LatentVariableModel

MOST = 12
"""Parts of a module that are named."""


def words(module: nn.Module) -> str:
    """A module by the classes of its parts, such as `Sequential(Flatten, Linear, ReLU)`."""
    if isinstance(module, OwnNetwork):
        return words(module.module)
    if isinstance(module, Network):
        return ", ".join(type(layer).__name__ for layer in module.layers)
    parts = [words(part) for part in module.children()]
    parts = [part for part in parts if part != "ModuleList"]  # one that is empty
    inner = ", ".join(parts[:MOST]) + ", ..." * (len(parts) > MOST)
    return f"{type(module).__name__}({inner})" if parts else type(module).__name__


def lines(model: "LatentVariableModel") -> str:
    """A model: what images it is of, and a line for each of its parts."""
    pixels = "" if model.pixels is None else f" in {WORDS[model.pixels.domain]}"
    count = sum(parameter.numel() for parameter in model.parameters())
    images = "images not known yet"
    if any(model.image_shape):
        images = f"images of {sides(model.image_shape)}{pixels}"
    about = f"{images}, code of {sides(model.latent_shape)}, {count:,} parameters"
    parts = [f"  {name}: {words(part)}" for name, part in model.named_children()]
    return "\n".join([f"{type(model).__name__}: {about}", *parts])


def sides(shape: tuple[int, ...]) -> str:
    """Such as `1 x 28 x 28`."""
    return " x ".join(map(str, shape))
