"""Reading a bundle: checked against its manifest, brought up to date, made where there is none."""

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from pydantic import ValidationError

from vaelab.bundle.graph import Graph, Graphs
from vaelab.bundle.kept import PACKED, unpack
from vaelab.bundle.schema import FORMAT, MAX_MANIFEST_BYTES, VERSION, ManifestRecord, check_atlas
from vaelab.bundle.writer import BundleWriter
from vaelab.errors import BadCombinationError, BadValueError, MissingFileError, RunBusyError
from vaelab.files import opened, read_bytes
from vaelab.models import Explorable, LatentVariableModel
from vaelab.runs.records import in_words
from vaelab.runs.run import Run
from vaelab.runs.runfiles import remove_bundle
from vaelab.runs.runlock import RunLock, writer_of
from vaelab.tensorfile import read_tensors
from vaelab.yamlfile import quoted

Manifest = dict[str, Any]

NOTHING_KEPT = (
    "it has kept no step to show yet (explorer.keep says how many it keeps); it can be shown once "
    "it has, or when that process has ended"
)


class Bundle:
    """The bundle of a run, made from its saved weights where there is none."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.folder = run.bundle
        self._path = self.folder / "manifest.json"
        if not self._path.is_file():
            if (writer := writer_of(run.path)) is not None:
                raise RunBusyError(run.path, writer, NOTHING_KEPT)
            with RunLock(run.path, "making the explorer's bundle"):
                if not self._path.is_file():
                    rebuild(run)
        self._stored = self._read()
        if links := [name for name, path in self.files.items() if path.is_symlink()]:
            raise self._damaged(f"{links[0]} is a symbolic link, which is not followed")

    @property
    def files(self) -> dict[str, Path]:
        """Every file but the manifest, by its name in the bundle, under which `read` has it."""
        steps = self._stored["steps"]
        names = ["labels.u8", "thumbs.png", *(f"codes/{step['index']:04}.i16" for step in steps)]
        files = {name: self.folder / PurePosixPath(name) for name in names}
        for step in steps:
            path = self.folder / "weights" / f"{step['index']:04}.f16"
            packed = step.get("bits", 16) == 7 or not path.is_file()  # it was packed just now
            files[f"weights/{path.name}"] = path.with_suffix(PACKED) if packed else path
        return files

    def manifest(self) -> Manifest:
        """The manifest with the run's metrics as they are now."""
        experiment, progress = self.run.experiment, self.run.saved_progress()
        about = {
            "name": self.run.path.resolve().name,
            "config": experiment.model_dump(mode="json"),
            "finished": progress is not None and progress["epoch"] >= experiment.training.epochs,
        }
        return {
            **self._stored, "run": about, "steps": self.steps(), "metrics": self.run.metrics()
        }  # fmt: skip

    def steps(self) -> list[dict[str, Any]]:
        """The entries of the steps; the one nearest to the run's own weights is marked."""
        weights = self.run.about_weights()
        steps = [dict(step) for step in self._stored["steps"]]
        if weights and steps:
            nearest = min(steps, key=lambda step: abs(step["step"] - weights["step"]))
            for step in steps:
                step["best"] = step is nearest
            nearest["weights_epoch"] = weights["epoch"]
        return steps

    def check(self) -> None:
        """See that every file is what the manifest says."""
        stored = self._stored
        images, latent = stored["images"]["count"], stored["latent"]
        each = 2 * latent if self.has_codebook else 4 * latent
        sizes = {"f16": 2 * stored["weights"], "i16": each * images, "u8": images}
        for name, path in self.files.items():
            wanted = sizes.get(path.suffix[1:])
            if not path.is_file():
                raise self._damaged(f"{name} is missing")
            size = path.stat().st_size
            if path.suffix == PACKED:
                self.read(name)
            elif wanted is not None and size != wanted:
                raise self._damaged(f"{name} has {size} bytes, and {wanted} fit the manifest")
        if max(self.read("labels.u8")) >= len(stored["data"]["classes"]):
            raise self._damaged("labels.u8 has labels of no class")
        if self.has_codebook:
            for name in self.files:
                if not name.startswith("codes/"):
                    continue
                if np.frombuffer(self.read(name), "<u2").max() >= stored["codebook"]["entries"]:
                    raise self._damaged(f"{name} has numbers of no entry")
        try:
            check_atlas(self.read("thumbs.png"), stored)
        except ValueError as error:
            raise self._damaged(str(error)) from error

    def read(self, name: str) -> bytes:
        """The content of one of `files`; weights as float16, however they lie there."""
        path = self.files[name]
        with opened(path) as file:
            content = file.read()
        if path.suffix != PACKED:
            return content
        try:
            return unpack(content, self._stored["weights"]).tobytes()
        except ValueError as error:
            raise self._damaged(f"{name}: {error}") from error

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Of one image: `(c, h, w)`."""
        channels, height, width = self._stored["data"]["shape"]
        return channels, height, width

    def weights(self, index: int) -> np.ndarray:
        """Rounded weights of a kept step, as the manifest's graphs or `restore` read them."""
        name = f"weights/{index:04}.f16"
        if name not in self.files:
            raise MissingFileError(f"{self.folder} holds no step {index}")
        return np.frombuffer(self.read(name), dtype="<f2").astype(np.float32)

    def model(self) -> Explorable:
        """The run's model in evaluation mode, its weights not loaded yet."""
        return _build(self.run, self.image_shape, len(self._stored["data"]["classes"]))

    @property
    def has_codebook(self) -> bool:
        """Whether codes are numbers of entries."""
        return self._stored.get("codebook") is not None

    @property
    def exported(self) -> bool:
        """Whether a page by itself can compute the model."""
        return not self._stored["unsupported"]

    def graphs(self) -> Graphs:
        """What the weights are of."""
        if self._stored["unsupported"]:
            raise BadValueError(
                f"{self.run.path}: the layer `{self._stored['unsupported']}` has no operation in "
                "the explorer's bundle, so that a page by itself cannot compute this model; "
                "`vaelab explore` shows it through the server"
            )
        ends = {name: self._stored[name] for name in ("encoder", "decoder")}
        levels = self._stored.get("levels") or {}
        between = {name: levels[name] for name in ("upwards", "downwards") if levels}
        return Graphs(**{
            name: Graph.from_json(data, self._stored["weights"], f"{self._path}, {name}")
            for name, data in (ends | between).items()
        })  # fmt: skip

    def _read(self) -> Manifest:
        try:
            manifest = json.loads(read_bytes(self._path, MAX_MANIFEST_BYTES))
            version = manifest["version"] if manifest["format"] == FORMAT else None
        except (KeyError, RecursionError, TypeError, ValueError) as error:
            raise self._damaged(f"its manifest.json cannot be read ({error})") from error
        if version != VERSION:
            raise BadValueError(
                f"{self._path} is of version {quoted(str(version))} of the format, and this vaelab "
                f"reads version {VERSION}; delete {self.folder} to have it made anew, or use the "
                "vaelab that wrote it"
            )
        try:
            ManifestRecord.model_validate(manifest)
        except ValidationError as error:
            raise self._damaged(f"its manifest.json has no proper {in_words(error)}") from error
        return dict(manifest)

    def _damaged(self, what: str) -> BadValueError:
        return BadValueError(
            f"{self.folder} is damaged: {what}; delete that folder to have it made anew from the "
            "run's weights"
        )


def rebuild(run: Run) -> None:
    """Make the bundle of a run from its best and its last weights."""
    found: dict[int, tuple[float, Mapping[str, Any]]] = {}
    if run.has_weights(run.path):
        about = run.about_weights()
        tensors, _ = read_tensors(run.weights_path)
        found[about["step"]] = about["epoch"], tensors
    if (progress := run.saved_progress()) is not None:
        tensors, _ = read_tensors(run.resume_path)
        states: Mapping[str, Any] = {
            name.removeprefix("model."): tensor
            for name, tensor in tensors.items()
            if name.startswith("model.")
        }
        found.setdefault(progress["step"], (progress["epoch"], states))
    if not found:
        raise MissingFileError(
            f"{run.path} has no weights yet; `vaelab train {run.typed} --resume` trains it"
        )
    store = run.experiment.data.load()
    model = _build(run, store.image_shape, len(store.classes))
    writer = BundleWriter(run.bundle, run.path.resolve().name, run.experiment, store, model)
    try:
        for step, (epoch, states) in sorted(found.items()):
            try:
                model.load_state_dict(states)
            except RuntimeError as error:
                raise BadValueError(
                    f"the weights in {run.path} do not fit its config.yaml and data: {error}"
                ) from error
            writer.keep(step, epoch)
    except BadValueError:
        remove_bundle(run.bundle)
        raise


def _build(run: Run, shape: tuple[int, int, int], classes: int) -> Explorable:
    domain = run.experiment.data.pixels.domain
    model: LatentVariableModel = run.experiment.model.build(shape, domain, classes).eval()
    model.pixels = run.experiment.data.pixels
    if not isinstance(model, Explorable):
        raise BadCombinationError(
            f"{run.path}: the explorer needs a code that is one vector, and a "
            f"{type(model).__name__} has none; of other models it knows vaelab's own"
        )
    return model
