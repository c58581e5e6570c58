"""Writing a bundle while a model trains."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vaelab.bundle.codes import encode
from vaelab.bundle.golden import golden_pairs
from vaelab.bundle.graph import Op, UnsupportedLayerError
from vaelab.bundle.images import BundleImages
from vaelab.bundle.lowering import Lowered, lower
from vaelab.bundle.schema import FORMAT, LONGEST, VERSION, ManifestRecord
from vaelab.bundle.whole import flatten
from vaelab.data import Store
from vaelab.errors import BadValueError, UserError
from vaelab.experiment import Experiment
from vaelab.files import make_folder, read_bytes, write_bytes, write_text
from vaelab.likelihoods.discretized_logistic import DiscretizedLogistic
from vaelab.likelihoods.location_scale import LocationScale
from vaelab.likelihoods.optimal_gaussian import OptimalGaussian
from vaelab.metrics.bound import BoundMetric
from vaelab.metrics.implied_scale import ImpliedScaleMetric
from vaelab.models import Condition, FlatLatent
from vaelab.models.ends import BaseVectorModel
from vaelab.models.vae import VAE


class BundleWriter:
    """Keeps a model's weights and codes at some steps.

    Args:
        folder: of the bundle.
        name: of the run.
        experiment: what is trained.
        store: its data.
        model: under training; its mode is put back after each use.
    """

    def __init__(
        self, folder: Path, name: str, experiment: Experiment, store: Store, model: FlatLatent
    ) -> None:
        self.folder, self.model = folder, model
        device = next(model.parameters()).device
        self.images = BundleImages(store, experiment.data.pixels, model.classes, device)
        self.unsupported: str | None = None
        self.lowered: Lowered | None = None
        self._likelihood: LocationScale | OptimalGaussian | DiscretizedLogistic | None = None
        try:
            self.lowered = lower(model)
        except UnsupportedLayerError as error:
            self.unsupported = error.layer
        family = model.decoder.family if isinstance(model, VAE) else None
        if isinstance(family, LocationScale | OptimalGaussian | DiscretizedLogistic):
            self._likelihood = family
        self._name, self._experiment = name, experiment
        self._steps: list[dict[str, Any]] = []
        self._written = False

    def rewind(self, step: int) -> None:
        """Go on with what was kept up to a step, and forget what lies after it."""
        path = self.folder / "manifest.json"
        if self._steps or not path.is_file():
            return
        try:
            manifest = json.loads(read_bytes(path, LONGEST))
            ManifestRecord.model_validate(manifest)
            self._steps = [entry for entry in manifest["steps"] if entry["step"] <= step]
        except (UserError, ValueError, RecursionError):
            self._steps = []  # damaged: it is made anew from here on

    def keep(self, step: int, epoch: float) -> dict[str, Any]:
        """Keep the model as it is now.

        Args:
            step: optimiser steps done.
            epoch: the same in epochs.

        Returns:
            The entry of the manifest's `steps`.

        Raises:
            BadValueError: a weight is too large for float16, or no finite number.
            StorageError: the disk is full.
        """
        if self._steps and self._steps[-1]["step"] == step:
            return self._steps[-1]
        for folder in (self.folder, self.folder / "weights", self.folder / "codes"):
            make_folder(folder)
        self._write_images()
        index = len(self._steps)
        golden: dict[str, Any] = {}
        with _evaluating(self.model):
            codes = encode(self.model, self.images.feed)
            readings = self._readings()
            half = self._half()
            write_bytes(self.folder / "weights" / f"{index:04}.f16", half.tobytes())
            if self.lowered is not None:
                pairs = golden_pairs(self.lowered, half, self.images, self.model.latent)
                golden = {"index": index, **pairs}
        write_bytes(self.folder / "codes" / f"{index:04}.i16", codes.values.tobytes())
        self._steps.append({
            "index": index, "step": step, "epoch": epoch, "best": False,
            "loc_unit": codes.loc_unit, "log_scale_unit": codes.log_scale_unit,
            "scale": self._scale(), "readings": readings,
        })  # fmt: skip
        write_text(self.folder / "manifest.json", json.dumps(self._manifest(golden)))
        return self._steps[-1]

    def snapshot(self) -> tuple[dict[str, Any], bytes]:
        """The model as it is now for a live page: a frame's header and its payload.

        Raises:
            BadValueError: a weight is too large for float16, or no finite number.
        """
        with _evaluating(self.model):
            codes = encode(self.model, self.images.live)
        half = self._half()
        header = {
            "count": len(codes.values), "total": self.images.count, "weights": len(half),
            "loc_unit": codes.loc_unit, "log_scale_unit": codes.log_scale_unit,
            "scale": self._scale(),
        }  # fmt: skip
        return header, half.tobytes() + codes.values.tobytes()

    def _weights(self) -> np.ndarray:
        return flatten(self.model) if self.lowered is None else self.lowered.weights()

    def _half(self) -> np.ndarray:
        weights = self._weights()
        with np.errstate(over="ignore"):
            half = weights.astype("<f2")
        if not np.isfinite(half).all():
            place = int(np.flatnonzero(~np.isfinite(half))[0])
            raise BadValueError(
                f"a weight of `{_owner(self.lowered, place)}` is {weights[place]:g}, "
                "which float16 cannot hold; a smaller learning rate keeps weights smaller"
            )
        return half

    def _scale(self) -> float | None:
        return None if self._likelihood is None else self._likelihood.scale.item()

    def _readings(self) -> dict[str, Any]:
        feed = self.images.live
        bound = BoundMetric()(self.model, feed)
        implied = ImpliedScaleMetric()(self.model, feed)["implied_gaussian_scale"]
        names = ("distortion_nats", "rate_nats", "elbo_nats")
        return {
            "split": self.images.name, "images": len(feed),
            **{name: bound[name].value for name in names}, "implied_scale": implied.value,
        }  # fmt: skip

    def _write_images(self) -> None:
        if not self._written:
            write_bytes(self.folder / "labels.u8", self.images.labels)
            write_bytes(self.folder / "thumbs.png", self.images.atlas())
            self._written = True

    def _manifest(self, golden: Mapping[str, Any]) -> dict[str, Any]:
        store, experiment = self.images.store, self._experiment
        config = experiment.model
        condition = config.condition if isinstance(config, BaseVectorModel) else Condition()
        graphs: dict[str, Any] = {"encoder": None, "decoder": None}
        if self.lowered is not None:
            graphs = {
                "encoder": self.lowered.encoder.to_json(),
                "decoder": self.lowered.decoder.to_json(),
            }
        return {
            "format": FORMAT, "version": VERSION, "vaelab": version("vaelab"),
            "run": {
                "name": self._name, "config": experiment.model_dump(mode="json"), "finished": False,
            },
            "data": {
                "name": store.name, "domain": experiment.data.pixels.domain.value,
                "shape": list(store.image_shape), "classes": list(store.classes),
                "checksum": store.checksum,
            },
            "images": {
                "count": self.images.count, "total": len(self.images.split),
                "columns": self.images.columns, "split": self.images.name,
            },
            "latent": self.model.latent,
            "conditional": {
                "encoder": condition.encoder != "none", "decoder": condition.decoder != "none",
            },
            "prior": {"kind": experiment.model.prior_kind},
            "likelihood": {"kind": experiment.model.likelihood.kind},
            "weights": len(self._weights()),
            **graphs,
            "unsupported": self.unsupported,
            "steps": self._steps, "metrics": [], "golden": dict(golden),
        }  # fmt: skip


def _owner(lowered: Lowered | None, place: int) -> str:
    ops: tuple[Op, ...] = ()
    if lowered is not None:
        ops = (*lowered.encoder.ops, *lowered.decoder.ops)
    for op in ops:
        for name, tensor in op.tensors.items():
            if tensor is not None and tensor[0] <= place < sum(tensor):
                return f"{op.name}.{name}"
    return "the network"


@contextmanager
def _evaluating(model: FlatLatent) -> Iterator[None]:
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)
