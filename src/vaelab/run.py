"""The run directory: the only code that knows its file names."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import torch

from vaelab.config import read_yaml, to_yaml, validate
from vaelab.errors import BadValueError, MissingFileError
from vaelab.experiment import Change, Experiment
from vaelab.figures.plane import Plane
from vaelab.files import storage_error, write_text
from vaelab.models import LatentVariableModel
from vaelab.tensorfile import digest_of, read_digest, read_header, read_tensors, write_tensors

Row = dict[str, Any]
KeptBy = Literal["valid_elbo", "valid_loss", "last"]
"""Weights are of the epoch with the largest validation ELBO at beta 1, with the smallest loss on
validation images, or of the last."""


class Run:
    """A folder with everything about one training.

    Args:
        path: the folder, which must hold a config.yaml.

    Raises:
        MissingFileError: there is no run in that folder.
        BadValueError: its config.yaml is not a config.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not self.config_path.is_file():
            raise MissingFileError(
                f"there is no run in {path} (no config.yaml); `vaelab runs` lists runs, "
                "`vaelab train CONFIG` makes one"
            )
        self.experiment = validate(Experiment, read_yaml(self.config_path), str(self.config_path))

    @classmethod
    def create(cls, path: Path, experiment: Experiment) -> "Run":
        """Make the folder, if it is not there, and write the resolved config into it."""
        write_text(path / "config.yaml", to_yaml(experiment), parents=True)
        return cls(path)

    @staticmethod
    def exists(path: Path) -> bool:
        """Whether there is a run in a folder."""
        return (path / "config.yaml").is_file()

    @staticmethod
    def has_weights(path: Path) -> bool:
        """Whether a run in a folder has saved weights."""
        return (path / "weights.safetensors").is_file()

    @property
    def config_path(self) -> Path:
        """The resolved config."""
        return self.path / "config.yaml"

    @property
    def weights_path(self) -> Path:
        """The weights that are kept; the file says what they were chosen by."""
        return self.path / "weights.safetensors"

    @property
    def resume_path(self) -> Path:
        """Everything needed to go on bit for bit."""
        return self.path / "resume.safetensors"

    @property
    def metrics_path(self) -> Path:
        """One JSON object a line."""
        return self.path / "metrics.jsonl"

    @property
    def evaluation_path(self) -> Path:
        """The final numbers."""
        return self.path / "evaluation.json"

    @property
    def per_image_path(self) -> Path:
        """What the final numbers are means of, image by image."""
        return self.path / "evaluation_images.safetensors"

    def quality_path(self, features: str) -> Path:
        """How good its samples are under some features."""
        return self.path / f"quality_{features}.json"

    @property
    def environment_path(self) -> Path:
        """Where and with what it was trained."""
        return self.path / "environment.json"

    @property
    def plane_path(self) -> Path:
        """The plane of the pictures."""
        return self.path / "pca.npz"

    @property
    def identity_path(self) -> Path:
        """The name that experiment trackers know it by."""
        return self.path / "identity.json"

    @property
    def bundle(self) -> Path:
        """The folder that the explorer reads."""
        return self.path / "explorer"

    @property
    def figures(self) -> Path:
        """The folder of the pictures."""
        return self.path / self.experiment.output_train_dir

    def metrics(self) -> list[Row]:
        """The rows of metrics.jsonl; a last line cut short by a kill is left out.

        Raises:
            BadValueError: the file is damaged.
        """
        if not self.metrics_path.is_file():
            return []
        try:
            lines = self.metrics_path.read_text(encoding="utf-8").splitlines(keepends=True)
            return [json.loads(line) for line in lines if line.endswith("\n")]
        except ValueError as error:
            raise BadValueError(f"{self.metrics_path} is damaged: {error}") from error

    def append_metrics(self, rows: Iterable[Row]) -> None:
        """Add rows.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        text = "".join(json.dumps(row) + "\n" for row in rows)
        try:
            with self.metrics_path.open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise storage_error(self.metrics_path, error) from error

    def sync_metrics(self) -> int:
        """See to it that the rows survive a power cut; the length of the file in bytes."""
        try:
            with self.metrics_path.open("ab") as file:
                os.fsync(file.fileno())
                return file.tell()
        except OSError as error:
            raise storage_error(self.metrics_path, error) from error

    def rewind_metrics(self, step: int, length: int | None) -> bool:
        """Drop the rows that a checkpoint does not know and that are about to be made again.

        Args:
            step: of the checkpoint.
            length: bytes of the file when it was saved; None: it does not say.

        Returns:
            Whether rows of before the checkpoint are missing.
        """
        rows = self.metrics()
        kept = "".join(json.dumps(row) + "\n" for row in rows if row["step"] <= step)
        if not self.metrics_path.is_file() or len(kept) != self.metrics_path.stat().st_size:
            write_text(self.metrics_path, kept)
        return length is not None and len(kept) < length

    def plane(self) -> Plane | None:
        """The plane of the last latent picture, if there is one."""
        return Plane.load(self.plane_path) if self.plane_path.is_file() else None

    def environment(self) -> Row:
        """What environment.json says, empty where it is missing."""
        return read_json(self.environment_path) if self.environment_path.is_file() else {}

    def evaluation(self) -> Row:
        """What evaluation.json says, empty where it is missing."""
        return read_json(self.evaluation_path) if self.evaluation_path.is_file() else {}

    def about_weights(self) -> Row:
        """What the weights' file says of them; empty where there are none."""
        return _chosen(read_header(self.weights_path)) if self.weights_path.is_file() else {}

    def has_measured(self, row: Row) -> bool:
        """Whether numbers are of the weights that the run has now.

        Args:
            row: what evaluation.json or quality_FEATURES.json says; one of an earlier version
                knows no more of the weights than their epoch.
        """
        if not row or not self.weights_path.is_file():
            return False
        if "weights" in row:
            return bool(row["weights"] == read_digest(self.weights_path))
        return bool(row.get("epoch") == self.about_weights()["epoch"])

    def identity(self) -> str:
        """A name that no other run has, made when it is first asked for."""
        if not self.identity_path.is_file():
            write_text(self.identity_path, json.dumps({"identity": uuid4().hex}))
        return str(read_json(self.identity_path)["identity"])

    def save_changes(self, changes: tuple[Change, ...]) -> None:
        """Put what was changed while training into the config."""
        training = self.experiment.training.model_copy(update={"changes": changes})
        self.experiment = self.experiment.model_copy(update={"training": training})
        write_text(self.config_path, to_yaml(self.experiment))

    def save_weights(self, model: LatentVariableModel, classes: Iterable[str], facts: Row) -> None:
        """Write the weights, and what is needed to rebuild the model without its data."""
        about = {"image_shape": model.image_shape, "classes": list(classes), **facts}
        write_tensors(self.weights_path, model.state_dict(), about)

    def load_model(self, device: torch.device | str = "cpu") -> tuple[LatentVariableModel, Row]:
        """The model with the weights kept, in evaluation mode, and what was saved about them.

        With it their `digest`, which tells them from all others.

        Raises:
            MissingFileError: nothing has been saved yet.
            BadValueError: the file is damaged or of another model.
        """
        if not self.weights_path.is_file():
            raise MissingFileError(
                f"{self.path} has no weights yet; `vaelab train {self.path} --resume` trains it"
            )
        tensors, about = read_tensors(self.weights_path)
        try:
            model = self.experiment.model.build(
                tuple(about["image_shape"]),
                self.experiment.data.pixels.domain,
                len(about["classes"]),
            )
            model.load_state_dict(tensors)
        except (KeyError, RuntimeError) as error:
            raise BadValueError(
                f"{self.weights_path} does not fit the model of config.yaml: {error}"
            ) from error
        return model.to(device).eval(), _chosen({**about, "digest": digest_of(tensors)})


def kept_words(about: Row) -> str:
    """What weights were chosen by, for people.

    Args:
        about: what the run's `about_weights` or its evaluation.json says.
    """
    match about["kept_by"], about["kept_value_nats"]:
        case "valid_elbo", float(value):
            return f"best validation ELBO, {value:,.2f} nats"
        case "valid_loss", float(value):
            return f"smallest validation loss, {value:,.2f} nats"
    return "the last"


def _chosen(about: Row) -> Row:
    """With what an earlier version, which always took the ELBO where it could, does not say."""
    elbo = about.get("valid_elbo_nats")
    by = "last" if elbo is None else "valid_elbo"
    return {"kept_by": by, "kept_value_nats": elbo, **about}


def read_json(path: Path) -> Row:
    """Read a JSON object.

    Raises:
        BadValueError: the file is damaged.
    """
    try:
        content: Row = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadValueError(f"{path} is damaged: {error}") from error
    return content


def find_runs(folder: Path) -> list[Path]:
    """The run folders directly in a folder, by name."""
    if not folder.is_dir():
        raise MissingFileError(f"there is no folder {folder}; `vaelab train CONFIG` makes runs")
    with os.scandir(folder) as entries:
        shown = (Path(entry.path) for entry in entries if not entry.name.startswith("."))
        return sorted(path for path in shown if Run.exists(path))
