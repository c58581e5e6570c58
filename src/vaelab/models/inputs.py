"""Arrays in the place of tensors: what a model takes besides the tensors of training."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaelab.data.float_pixels import WORDS, check_values
from vaelab.data.loading.evaluation import class_context
from vaelab.data.mapped import channels_first
from vaelab.errors import BadValueError

if TYPE_CHECKING:
    from vaelab.models.base import LatentVariableModel

Images = Float[Tensor, "b c h w"]
"""In the domain of the model's pixels."""
Codes = Float[Tensor, "... d"]
Noise = Float[Tensor, "k b *latent"]
"""For K samples of each of b images."""
Classes = Float[Tensor, "... classes"] | None
"""One-hot; None for a model that reads no class."""

Method = TypeVar("Method", bound=Callable[..., Distribution])


def takes_images(method: Method) -> Method:
    """Let a method of (images, context) take arrays, uint8, and labels for the context.

    Tensors of floats are handed on as they are. What is made of anything else has no gradient.
    """
    return _taking(method, images_of)


def takes_codes(method: Method) -> Method:
    """Let a method of (codes, context) take arrays, and labels for the context."""
    return _taking(method, lambda model, z: torch.as_tensor(np.asarray(z)).to(_parameter(model)))


def _taking(method: Method, convert: Callable[["LatentVariableModel", Any], Tensor]) -> Method:
    @wraps(method)
    def taking(self: "LatentVariableModel", given: Any, context: Any = None) -> Distribution:
        if _is_plain(given) and (context is None or _is_plain(context)):
            return method(self, given, context)
        with torch.no_grad():
            x = given if _is_plain(given) else convert(self, given)
            return method(self, x, context_of(self, context))

    return cast(Method, taking)


def context_of(model: "LatentVariableModel", context: Any) -> Classes:
    """One-hot classes of labels; what is one-hot already is handed on."""
    if context is None or _is_plain(context):
        return context  # type: ignore[no-any-return]
    labels = torch.as_tensor(np.asarray(context)).long()
    if model.classes and labels.numel() and not 0 <= labels.min() <= labels.max() < model.classes:
        raise BadValueError(
            f"labels from {labels.min()} to {labels.max()}, but the model knows the classes 0 to "
            f"{model.classes - 1}"
        )
    return class_context(labels.to(_parameter(model).device), model.classes)


def images_of(model: "LatentVariableModel", given: Any) -> Images:
    """Images as the model takes them: uint8 by its pixels, floats checked."""
    images = np.asarray(given.detach().cpu() if isinstance(given, Tensor) else given)
    if images.ndim not in (3, 4):
        raise BadValueError(
            f"images of shape {images.shape}; wanted is (n, h, w), (n, h, w, c) or (n, c, h, w)"
        )
    images = np.ascontiguousarray(channels_first(images))
    if any(model.image_shape) and images.shape[1:] != model.image_shape:
        raise BadValueError(
            f"images of {' x '.join(map(str, images.shape[1:]))}, but the model is one of "
            f"{' x '.join(map(str, model.image_shape))} (channels x height x width)"
        )
    pixels = model.pixels
    if pixels is None:
        raise BadValueError(
            "the model does not know yet what a pixel is; use one that vaelab.fit or vaelab.load "
            "gave, or give float tensors in the domain of its pixels"
        )
    if images.dtype == np.uint8:
        x = pixels(torch.from_numpy(images))
    elif images.dtype.kind == "f":
        floats = images.astype(np.float32)
        check_values("the images", floats, pixels.domain)
        x = torch.from_numpy(floats)
    else:
        raise BadValueError(
            f"images of dtype {images.dtype}; wanted is uint8 from 0 to 255, or floats in "
            f"{WORDS[pixels.domain]}"
        )
    return x.to(_parameter(model))


def pictures_of(model: "LatentVariableModel", x: Float[Tensor, "n c h w"]) -> np.ndarray:
    """Images of the pixels' domain as uint8, or as the floats that they are."""
    pixels = model.pixels
    if pixels is None:
        raise BadValueError(
            "the model does not know yet what a pixel is; use one that vaelab.fit or vaelab.load "
            "gave, or sample(n).mean"
        )
    return pixels.as_stored(x).cpu().numpy()


def _is_plain(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _parameter(model: "LatentVariableModel") -> Tensor:
    return next(model.parameters())
