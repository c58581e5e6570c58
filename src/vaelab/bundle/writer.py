"""Writing a bundle while a model trains."""

import json
from base64 import b64encode
from bisect import bisect_left
from importlib.metadata import version
from math import log, pi, prod, sqrt
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.bundle.export import ExportedGraphs, export
from vaelab.bundle.graph import Graph
from vaelab.bundle.images import BundleImages
from vaelab.bundle.kept import LARGE, PACKED, encode_quantised, flatten, pack, usual_steps
from vaelab.bundle.prior import prior_parts
from vaelab.bundle.schema import FORMAT, MAX_MANIFEST_BYTES, VERSION, ManifestRecord
from vaelab.data import Store
from vaelab.data.float_pixels import real_pixels
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.errors import BadValueError, UserError
from vaelab.experiment import Experiment
from vaelab.files import make_folder, read_bytes, write_bytes, write_text
from vaelab.metrics.bound import BoundMetric
from vaelab.models import Explorable, likelihood_of
from vaelab.networks.exported import UnsupportedLayerError
from vaelab.networks.network import evaluating
from vaelab.randomness import Purpose, generator

GOLDEN_CODES = 8


class BundleWriter:
    """Keeps the weights and codes of a model under training at some steps."""

    def __init__(
        self, folder: Path, name: str, experiment: Experiment, store: Store, model: Explorable
    ) -> None:
        self.folder, self.model = folder, model
        device = next(model.parameters()).device
        self.images = BundleImages(store, experiment.data.pixels, model.classes, device)
        self.unsupported: str | None = None
        self.graphs: ExportedGraphs | None = None
        self._likelihood = likelihood_of(model)
        try:
            self.graphs = export(model)
        except UnsupportedLayerError as error:
            self.unsupported = error.layer
        self._name, self._experiment = name, experiment
        self.steps: list[dict[str, Any]] = []
        self._golden: dict[str, Any] = {}  # of the last step, which is given away as it is
        self._written, self._vaelab = False, version("vaelab")

    def rewind(self, step: int) -> None:
        """Go on with what was kept up to a step, and forget what lies after it."""
        path = self.folder / "manifest.json"
        if self.steps or not path.is_file():
            return
        try:
            manifest = json.loads(read_bytes(path, MAX_MANIFEST_BYTES))
            ManifestRecord.model_validate(manifest)
            if manifest["images"]["count"] == self.images.count:  # else codes are of other images
                self.steps = [entry for entry in manifest["steps"] if entry["step"] <= step]
                self._golden = manifest.get("golden", {})  # as its schema allows
        except (UserError, ValueError, RecursionError):
            self.steps = []  # damaged: it is made anew from here on

    def keep(self, step: int, epoch: float) -> dict[str, Any]:
        """Keep the model as it is after a step, and return the entry of the manifest's `steps`."""
        place = bisect_left(self.steps, step, key=itemgetter("step"))
        if place < len(self.steps) and self.steps[place]["step"] == step:
            return self.steps[place]
        for folder in (self.folder, self.folder / "weights", self.folder / "codes"):
            make_folder(folder)
        self._write_images()
        index = 1 + max((entry["index"] for entry in self.steps), default=-1)
        about, codes, half = self._now(self.images.loader)
        with evaluating(self.model), torch.no_grad():
            readings = self._readings()
            if self.graphs is not None and place == len(self.steps):
                z = _golden_codes(self.model)
                pairs = _golden_pairs(self.graphs, half, self.images, z)
                self._golden = {"index": index, **pairs}
        write_bytes(self._weights(index), half.tobytes())
        write_bytes(self.folder / "codes" / f"{index:04}.i16", codes.tobytes())
        whole = self._pack_last(len(half)) if place == len(self.steps) else None
        self.steps.insert(place, {
            "index": index, "step": step, "epoch": epoch, "best": False, "bits": 16, **about,
            "readings": readings,
        })  # fmt: skip
        write_text(self.folder / "manifest.json", json.dumps(self._manifest(len(half))))
        if whole is not None:
            whole.unlink(missing_ok=True)
        return self.steps[place]

    def _weights(self, index: int) -> Path:
        return self.folder / "weights" / f"{index:04}.f16"

    def _pack_last(self, count: int) -> Path | None:
        """Write the last step of a large network in fewer bits; the file that is not needed now."""
        if count < LARGE or not self.steps or self.steps[-1].get("bits") == 7:
            return None
        path = self._weights(self.steps[-1]["index"])
        if not path.is_file():
            return None
        half = np.frombuffer(read_bytes(path, 2 * count), "<f2")
        write_bytes(path.with_suffix(PACKED), pack(half))
        self.steps[-1] = {**self.steps[-1], "bits": 7}
        return path

    @property
    def usual_steps(self) -> int:
        """How many steps are kept where the config does not say."""
        count = sum(tensor.numel() for tensor in self.model.state_dict().values())
        return usual_steps(count, self.images.count * self.model.latent)

    def snapshot(self) -> tuple[dict[str, Any], bytes]:
        """The model as it is now for a live page: a frame's header and its payload."""
        about, codes, half = self._now(self.images.live)
        counts = {"count": len(codes), "total": self.images.count, "weights": len(half)}
        return counts | about, half.tobytes() + codes.tobytes()

    def _now(self, loader: EvalLoader) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
        """What is said of the model as it is now, its codes and its weights."""
        with evaluating(self.model), torch.no_grad():
            codes = encode_quantised(self.model, loader)
            prior = prior_parts(self.model)
        scale = None if self._likelihood is None else self._likelihood.shared_scale()
        about = {
            "loc_unit": codes.loc_unit, "log_scale_unit": codes.log_scale_unit,
            "scale": None if scale is None else scale.item(), "prior": prior,
        }  # fmt: skip
        weights = flatten(self.model) if self.graphs is None else self.graphs.weights()
        with np.errstate(over="ignore"):
            half = weights.astype("<f2")
        if not np.isfinite(half).all():
            place = int(np.flatnonzero(~np.isfinite(half))[0])
            raise BadValueError(
                f"a weight of `{_owner(self.graphs, place)}` is {weights[place]:g}, "
                "which float16 cannot hold; a smaller learning rate keeps weights smaller"
            )
        return about, codes.values, half

    def _readings(self) -> dict[str, Any]:
        loader = self.images.live
        bound = BoundMetric()(self.model, loader)
        names = ("distortion_nats", "rate_nats", "elbo_nats")
        levels = [name for name in bound if name.startswith("rate_level")]
        readings = {name: bound[name].value for name in (*names, *levels)}
        scale = None if self._likelihood is None else self._likelihood.gaussian_scale()
        if scale is not None:  # distortion = D log(scale sqrt(2 pi)) + D mse / (2 scale^2)
            variance = scale.item() ** 2
            each = 2 * readings["distortion_nats"] / prod(self.images.store.image_shape)
            readings["implied_scale"] = sqrt(max(0, variance * (each - log(2 * pi * variance))))
        return {"split": self.images.name, "images": len(loader), **readings}

    def _write_images(self) -> None:
        if not self._written:
            write_bytes(self.folder / "labels.u8", self.images.labels)
            write_bytes(self.folder / "thumbs.png", self.images.atlas())
            self._written = True

    def _codebook(self) -> dict[str, Any] | None:
        if not self.model.entries:
            return None
        return {"entries": self.model.entries, "grid": list(self.model.latent_shape)}

    def _levels(self) -> dict[str, Any] | None:
        graphs = self.graphs
        if graphs is None or graphs.upwards is None or graphs.downwards is None:
            return None
        return {
            "lower": graphs.downwards.ops[-1].shape[0],
            "upwards": graphs.upwards.to_json(), "downwards": graphs.downwards.to_json(),
        }  # fmt: skip

    def _manifest(self, weights: int) -> dict[str, Any]:
        store, experiment = self.images.store, self._experiment
        pixels = experiment.data.pixels
        domain = "unit" if real_pixels(pixels) else pixels.domain.value  # as the page has them
        graphs = self.graphs
        return {
            "format": FORMAT, "version": VERSION, "vaelab": self._vaelab,
            "run": {
                "name": self._name, "config": experiment.model_dump(mode="json"), "finished": False,
            },
            "data": {
                "name": store.name, "domain": domain,
                "shape": list(store.image_shape), "classes": list(store.classes),
                "checksum": store.checksum, "ink": self.images.ink,
            },
            "images": {
                "count": self.images.count, "total": len(self.images.split),
                "columns": self.images.columns, "split": self.images.name,
            },
            "latent": self.model.latent, "codebook": self._codebook(), "levels": self._levels(),
            "conditional": {
                side: side in self.model.reads_class for side in ("encoder", "decoder")
            },
            "prior": {"kind": experiment.model.prior_kind},
            "likelihood": {"kind": experiment.model.likelihood.kind},
            "weights": weights,
            "encoder": None if graphs is None else graphs.encoder.to_json(),
            "decoder": None if graphs is None else graphs.decoder.to_json(),
            "unsupported": self.unsupported,
            "steps": self.steps, "metrics": [], "golden": self._golden,
        }  # fmt: skip


def _golden_codes(model: Explorable) -> Float[Tensor, "n d"]:
    draws, shape = generator(0, Purpose.GOLDEN), (GOLDEN_CODES, model.latent)
    if model.entries:
        return torch.randint(model.entries, shape, generator=draws).float()
    return torch.randn(shape, generator=draws).float()


def _owner(graphs: ExportedGraphs | None, place: int) -> str:
    for op in () if graphs is None else graphs.ops:
        for name, tensor in op.tensors.items():
            if tensor is not None and tensor[0] <= place < sum(tensor):
                return f"{op.name}.{name}"
    return "the network"


def _golden_pairs(
    graphs: ExportedGraphs, half: np.ndarray, images: BundleImages, z: Float[Tensor, "n d"]
) -> dict[str, Any]:
    """Codes with their images, and images with their codes, by weights rounded to float16."""
    weights = torch.from_numpy(half.astype(np.float32))
    classes = torch.arange(GOLDEN_CODES) % max(1, images.classes)
    every = torch.arange(images.classes)
    outputs = graphs.decode(weights, z, (classes[:, None] == every).float())
    named = {("image" if name == "mean" else name): each for name, each in outputs.items()}
    decode = [
        {"z": code, "class": label, **{name: _text(each[i]) for name, each in named.items()}}
        for i, (code, label) in enumerate(
            zip(z.tolist(), _read(graphs.decoder, classes), strict=True)
        )
    ]

    chosen, x, labels = images.golden
    codes = graphs.encode(weights, x, (torch.from_numpy(labels)[:, None] == every).float())
    encode = [
        {"image": image, "class": label, **{name: code[i].tolist() for name, code in codes.items()}}
        for i, (image, label) in enumerate(
            zip(chosen.tolist(), _read(graphs.encoder, labels), strict=True)
        )
    ]
    return {"decode": decode, "encode": encode}


def _text(values: Tensor) -> str:
    return b64encode(values.numpy().astype("<f4").tobytes()).decode()


def _read(graph: Graph, classes: Tensor | np.ndarray) -> list[int | None]:
    """The classes, if the graph reads them."""
    return classes.tolist() if "class" in graph.inputs else [None] * len(classes)
