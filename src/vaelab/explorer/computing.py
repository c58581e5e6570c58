"""Decoding and encoding in the server, for models that a page cannot compute."""

from base64 import b64decode, b64encode
from threading import Lock
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from pydantic import Field
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from vaelab.bundle import Bundle
from vaelab.bundle.kept import restore
from vaelab.data.float_pixels import real_pixels
from vaelab.data.loading.evaluation import class_context
from vaelab.distributions import rsample
from vaelab.errors import BadValueError
from vaelab.explorer import frames
from vaelab.explorer.requests import Body
from vaelab.models import Explorable, FlatLatent, likelihood_of
from vaelab.randomness import Purpose, generator
from vaelab.runs.run import Run

POSTERIOR_DRAWS = 256
"""Codes by which a posterior is shown that is no ellipse along the axes."""
MAX_COMPUTED_IMAGES = 1024
"""Codes or images in one request."""


class Asked(Body):
    """What is computed with: weights of a kept step, or (null) as a training has them now."""

    step: int | None = None
    classes: int | list[int] | None = Field(default=None, alias="class")


class Codes(Asked):
    """Codes to decode, n x d, base64 of float32."""

    z: str
    draw: bool = False
    """A draw x ~ p(x|z) of each, in place of its mean."""


class Images(Asked):
    """Images to encode, n x c x h x w, base64 of float32."""

    x: str


class Computer:
    """The model of the run that was asked for last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kind: object = None
        self._model: Explorable | None = None

    def decode(self, bundle: Bundle, snapshot: bytes | None, asked: Codes) -> dict[str, str]:
        """Images of codes; `snapshot` is the newest of a running training.

        `scale` is that of each pixel, where they differ.
        """
        with self._lock, torch.no_grad():
            model = self._loaded(bundle, snapshot, asked.step)
            z = _numbers("z", asked.z, (model.latent,))
            decoded = model.of_numbers(z, _context(asked, len(z), model))
            pictures = decoded.sample() if asked.draw else decoded.mean
            scale, unit = _scale_per_pixel(model, decoded), 1.0
            if real := real_pixels(model.pixels):
                pictures, unit = real.to_unit(pictures), real.high - real.low
        found = {} if scale is None else {"scale": _text(scale / unit)}
        return {"images": _text(pictures), **found}

    def encode(self, bundle: Bundle, snapshot: bytes | None, asked: Images) -> dict[str, Any]:
        """Means and standard deviations of the posteriors of images, as `decode`.

        Of one image whose posterior is not independent over dimensions `draws` are codes of it,
        whose mean and covariance are exactly those of a normal one; `normal` says whether it is.
        """
        with self._lock, torch.no_grad():
            model = self._loaded(bundle, snapshot, asked.step)
            x = _numbers("x", asked.x, bundle.image_shape)
            if real := real_pixels(model.pixels):
                x = real.low + x * (real.high - real.low)
            context = _context(asked, len(x), model)
            loc, scale = model.to_numbers(x, context)
            codes = {"loc": _text(loc), "scale": _text(scale)}
            if len(x) > 1 or not isinstance(model, FlatLatent):
                return codes
            posterior = model.encode(x, context)
            if _is_independent(posterior):
                return codes
            draws = rsample(posterior, _noise(model.latent).to(x))[:, 0]
            normal = isinstance(posterior, MultivariateNormal)
            return {**codes, "draws": _text(draws), "normal": normal}

    def _loaded(self, bundle: Bundle, snapshot: bytes | None, step: int | None) -> Explorable:
        kind = (bundle.run.path, bundle.run.experiment.model)
        if self._model is None or self._kind != kind:
            self._model, self._kind = bundle.model(), kind
        half = _weights_in(snapshot, bundle.run) if step is None else bundle.weights(step)
        try:
            restore(self._model, half)
        except ValueError as error:
            raise BadValueError(f"{bundle.run.path} does not fit its bundle: {error}") from error
        return self._model


def _scale_per_pixel(model: Explorable, decoded: Distribution) -> Tensor | None:
    family = likelihood_of(model)
    if family is None or family.exported_scale() is None or not isinstance(decoded, Independent):
        return None
    scale: Tensor = decoded.base_dist.scale
    return scale


def _is_independent(posterior: Distribution) -> bool:
    return isinstance(posterior, Independent) and isinstance(posterior.base_dist, Normal)


def _noise(latent: int) -> Float[Tensor, "k 1 d"]:
    """Draws from N(0, I), turned so that their mean is 0 and their covariance 1 to the last bit."""
    count = max(POSTERIOR_DRAWS, 2 * latent)
    noise = torch.randn(count, latent, generator=generator(0, Purpose.SHOWN_POSTERIOR)).double()
    noise -= noise.mean(0)
    factor = torch.linalg.cholesky(noise.T @ noise / count)
    turned: Tensor = torch.linalg.solve_triangular(factor, noise.T, upper=False)
    return turned.T[:, None].float()


def _weights_in(snapshot: bytes | None, run: Run) -> Float32[np.ndarray, " w"]:
    header, payload = frames.unpack(snapshot or frames.pack({"run": None}))
    if header["run"] != run.path.name:
        raise BadValueError(f"{run.path.name} is not being trained; choose a kept step")
    return np.frombuffer(payload, "<f2", header["weights"]).astype(np.float32)


def _numbers(key: str, text: str, shape: tuple[int, ...]) -> Tensor:
    try:
        table = np.frombuffer(b64decode(text, validate=True), "<f4").reshape(-1, *shape)
    except ValueError as error:
        sides = " x ".join(map(str, shape))
        raise BadValueError(f"`{key}` is no list of {sides} numbers") from error
    if not 1 <= len(table) <= MAX_COMPUTED_IMAGES or not np.isfinite(table).all():
        raise BadValueError(f"`{key}` holds 1 to {MAX_COMPUTED_IMAGES} entries of finite numbers")
    return torch.from_numpy(table.copy())


def _context(asked: Asked, count: int, model: Explorable) -> Tensor | None:
    if not model.classes:
        return None
    given = asked.classes
    labels = given if isinstance(given, list) else [given] * count
    if len(labels) != count or not all(one in range(model.classes) for one in labels):
        raise BadValueError(f"`class` is one class for all, or one for each of {count}")
    return class_context(torch.tensor(labels), model.classes)


def _text(values: Tensor) -> str:
    return b64encode(values.float().numpy().astype("<f4").tobytes()).decode()
