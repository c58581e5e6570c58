"""Decoding and encoding in the server, for models that a page cannot compute."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from threading import Lock
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from vaelab.bundle import Bundle
from vaelab.bundle.whole import restore
from vaelab.data.feed import class_context
from vaelab.errors import BadValueError
from vaelab.explorer import frames
from vaelab.models import FlatLatent
from vaelab.run import Run

MOST = 1024
"""Codes or images in one request."""


class Computer:
    """The model of the run that was asked for last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kind: object = None
        self._model: FlatLatent | None = None

    def decode(
        self, bundle: Bundle, snapshot: bytes | None, body: Mapping[str, Any]
    ) -> dict[str, str]:
        """Images of codes.

        Args:
            bundle: of the run.
            snapshot: the newest of a running training, for `step: null`.
            body: `step`, `z` (base64 float32, n x d), `class`.

        Raises:
            BadValueError: what is asked for does not fit the model.
        """
        with self._lock, torch.no_grad():
            model = self._loaded(bundle, snapshot, body.get("step"))
            z = _numbers(body, "z", (model.latent,))
            mean = model.decode(z, _context(body, len(z), model)).mean
        return {"images": _text(mean)}

    def encode(
        self, bundle: Bundle, snapshot: bytes | None, body: Mapping[str, Any]
    ) -> dict[str, str]:
        """Locations and scales of images: as `decode`, with `x` (base64 float32, n x c x h x w).

        Raises:
            BadValueError: what is asked for does not fit the model.
        """
        with self._lock, torch.no_grad():
            model = self._loaded(bundle, snapshot, body.get("step"))
            x = _numbers(body, "x", tuple(bundle.image_shape))
            posterior = model.encode(x, _context(body, len(x), model))
            return {"loc": _text(posterior.mean), "scale": _text(posterior.stddev)}

    def _loaded(self, bundle: Bundle, snapshot: bytes | None, step: Any) -> FlatLatent:
        kind = (bundle.run.path, bundle.run.experiment.model)
        if self._model is None or self._kind != kind:
            self._model, self._kind = bundle.model(), kind
        half = bundle.weights(step) if isinstance(step, int) else _weights_in(snapshot, bundle.run)
        try:
            restore(self._model, half)
        except ValueError as error:
            raise BadValueError(f"{bundle.run.path} does not fit its bundle: {error}") from error
        return self._model


def _weights_in(snapshot: bytes | None, run: Run) -> Float32[np.ndarray, " w"]:
    if snapshot is None or frames.header_of(snapshot)["run"] != run.path.name:
        raise BadValueError(f"{run.path.name} is not being trained; choose a kept step")
    count = frames.header_of(snapshot)["weights"]
    return np.frombuffer(frames.payload_of(snapshot), "<f2", count).astype(np.float32)


def _numbers(body: Mapping[str, Any], key: str, shape: tuple[int, ...]) -> Tensor:
    try:
        values = np.frombuffer(b64decode(body[key], validate=True), "<f4")
        table = values.reshape(-1, *shape)
    except (KeyError, TypeError, ValueError) as error:
        raise BadValueError(f"`{key}` is no list of {' x '.join(map(str, shape))} numbers") from (
            error
        )
    if not 1 <= len(table) <= MOST or not np.isfinite(table).all():
        raise BadValueError(f"`{key}` holds 1 to {MOST} entries of finite numbers")
    return torch.from_numpy(table.copy())


def _context(body: Mapping[str, Any], count: int, model: FlatLatent) -> Tensor | None:
    if not model.classes:
        return None
    given = body.get("class")
    labels = [given] * count if isinstance(given, int) else given
    if (
        not isinstance(labels, list)
        or len(labels) != count
        or not all(isinstance(one, int) and 0 <= one < model.classes for one in labels)
    ):
        raise BadValueError(f"`class` is one class for all, or one for each of {count}")
    return class_context(torch.tensor(labels), model.classes)


def _text(values: Tensor) -> str:
    return b64encode(values.float().numpy().astype("<f4").tobytes()).decode()
