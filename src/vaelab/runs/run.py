"""The run directory: the only code that knows its file names."""

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from uuid import uuid4

import torch
from pydantic import BaseModel
from torch import Tensor

from vaelab.config import to_yaml, validate
from vaelab.data.store import Split, SplitName
from vaelab.engine import accelerate
from vaelab.errors import BadValueError, MissingFileError, typed
from vaelab.experiment import Change, Experiment
from vaelab.figures.context import Codes, FigureContext
from vaelab.figures.plane import Plane
from vaelab.files import may_be_there, write_text
from vaelab.models import LatentVariableModel
from vaelab.plugins import explained, named_for
from vaelab.randomness import Purpose, seeded
from vaelab.runs.listing import about_config
from vaelab.runs.records import (
    CheckpointRecord,
    EnvironmentRecord,
    EvaluationRecord,
    IdentityRecord,
    Row,
    WeightsRecord,
    check,
    read_record,
    read_rows,
)
from vaelab.runs.runfiles import PER_IMAGE, PICTURES, refuse_links
from vaelab.tensorfile import digest_of, read_digest, read_header, read_tensors, write_tensors
from vaelab.yamlfile import read_yaml


class Run:
    """A folder with everything about one training.

    Args:
        path: the folder, which must hold a config.yaml.
        experiment: what that says, where it is known; None: it is read.

    Attributes:
        config_path: the resolved config.
        weights_path: the weights that are kept; the file says what they were chosen by.
        resume_path: everything needed to go on bit for bit.
        prepared_path: what is about to take its place.
        metrics_path: one JSON object a line.
        evaluation_path: the final numbers.
        per_image_path: what the final numbers are means of, image by image.
        environment_path: where and with what it was trained.
        plane_path: the plane of the pictures.
        identity_path: the name that experiment trackers know it by.
        bundle: the folder that the explorer reads.
        figures: the folder of the pictures.

    Raises:
        MissingFileError: there is no run in that folder.
        BadValueError: its config.yaml is not a config, or the folder holds a symbolic link.
    """

    def __init__(self, path: str | Path, experiment: Experiment | None = None) -> None:
        self.path = Path(path)
        self.config_path = self.path / "config.yaml"
        self.weights_path = self.path / "weights.safetensors"
        self.resume_path = self.path / "resume.safetensors"
        self.prepared_path = self.path / "resume.safetensors.next"
        self.metrics_path = self.path / "metrics.jsonl"
        self.evaluation_path = self.path / "evaluation.json"
        self.per_image_path = self.path / PER_IMAGE
        self.environment_path = self.path / "environment.json"
        self.plane_path = self.path / "pca.npz"
        self.identity_path = self.path / "identity.json"
        self.bundle = self.path / "explorer"
        self.figures = self.path / PICTURES
        refuse_links(self.path)
        self.experiment = self._read() if experiment is None else experiment

    def _read(self) -> Experiment:
        path = self.path
        if not self.exists(path):
            raise MissingFileError(
                f"there is no run in {path} (no config.yaml); `vaelab runs` lists runs, "
                "`vaelab train CONFIG` makes one"
            )
        content = read_yaml(self.config_path)
        try:
            return validate(Experiment, content, str(self.config_path))
        except BadValueError as error:
            raise explained(error, path, self.environment().get("plugins", {})) from error

    def __repr__(self) -> str:
        """Where it is, and of what."""
        data, model, _ = about_config(self.experiment.model_dump(mode="json"))
        return f"Run({str(self.path)!r}): {data}, {model}"

    @property
    def typed(self) -> str:
        """Its folder, and the plugins that it needs, in a command that a user may copy."""
        plugins = (f"--plugin {typed(name)}" for name in named_for(self.experiment))
        return " ".join([typed(self.path), *plugins])

    @classmethod
    def create(cls, path: Path, experiment: Experiment) -> "Run":
        """Make the folder, if it is not there, and write the resolved config into it."""
        write_text(path / "config.yaml", to_yaml(experiment), parents=True)
        return cls(path, experiment)

    @staticmethod
    def exists(path: Path) -> bool:
        """Whether there is a run in a folder."""
        return may_be_there(path / "config.yaml")

    @staticmethod
    def has_weights(path: Path) -> bool:
        """Whether a run in a folder has saved weights."""
        return may_be_there(path / "weights.safetensors")

    def quality_path(self, features: str) -> Path:
        """How good its samples are under some features."""
        return self.path / f"quality_{features}.json"

    def metrics(self) -> list[Row]:
        """The rows of metrics.jsonl; a last line cut short by a kill is left out.

        Raises:
            BadValueError: the file is damaged.
        """
        return read_rows(self.metrics_path) if may_be_there(self.metrics_path) else []

    def plane(self) -> Plane | None:
        """The plane of the last latent picture, if there is one."""
        if not may_be_there(self.plane_path):
            return None
        try:
            return Plane.load(self.plane_path)
        except BadValueError as error:  # nothing but how pictures are turned is lost with it
            logging.getLogger("vaelab").warning("%s", error)
            return None

    def environment(self) -> Row:
        """What environment.json says, empty where it is missing."""
        return _record(self.environment_path, EnvironmentRecord)

    def evaluation(self) -> Row:
        """What evaluation.json says, empty where it is missing."""
        return _record(self.evaluation_path, EvaluationRecord)

    def about_weights(self) -> Row:
        """What the weights' file says of them; empty where there are none.

        Raises:
            BadValueError: the file is damaged.
        """
        if not self.has_weights(self.path):
            return {}
        about = read_header(self.weights_path)
        check(self.weights_path, WeightsRecord, about)
        return about

    def has_measured(self, evaluation: Row) -> bool:
        """Whether the numbers of evaluation.json are of the weights that the run has now."""
        if not evaluation or not self.has_weights(self.path):
            return False
        return bool(evaluation["weights"] == read_digest(self.weights_path))

    def codes(self, split: SplitName = "test") -> Codes:
        """q(z|x) of every image of a split, by the weights kept.

        Returns:
            Arrays `loc` and `scale` `(n, d)` and `labels` `(n,)`, in the order of `images(split)`.

        Raises:
            UserError: there are no weights yet, the data is gone, or the code is not one vector.
        """
        model, _ = self.load_model()
        data = self.experiment.data
        store = data.load()
        return FigureContext(self.path.name, model, store, data.pixels).encode(store.split(split))

    def images(self, split: SplitName = "test") -> Split:
        """The images of a split and their labels.

        Returns:
            Arrays `images` `(n, c, h, w)`, uint8 from 0 to 255 (read from their file as they are
            asked for, by an index or a slice, where they are many), and `labels` `(n,)`.

        Raises:
            UserError: the data is gone.
        """
        return self.experiment.data.load().split(split)

    def identity(self) -> str:
        """A name that no other run has, made when it is first asked for."""
        if not may_be_there(self.identity_path):
            write_text(self.identity_path, json.dumps({"identity": uuid4().hex}))
        return str(read_record(self.identity_path, IdentityRecord)["identity"])

    def save_changes(self, changes: tuple[Change, ...]) -> None:
        """Put what was changed while training into the config."""
        training = self.experiment.training.model_copy(update={"changes": changes})
        self.experiment = self.experiment.model_copy(update={"training": training})
        write_text(self.config_path, to_yaml(self.experiment))

    def save_weights(
        self,
        model: LatentVariableModel,
        classes: Iterable[str],
        facts: Row,
        weights: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Write the weights, and what is needed to rebuild the model without its data.

        Args:
            model: whose.
            classes: of its data.
            facts: where in the training they are from.
            weights: that it had then; None: those it has.
        """
        about = {"image_shape": model.image_shape, "classes": list(classes), **facts}
        write_tensors(self.weights_path, weights or model.state_dict(), about)

    def saved_progress(self) -> Row | None:
        """Epochs and steps of what is saved to go on from; None where nothing is.

        Raises:
            BadValueError: the file is damaged.
        """
        if not may_be_there(self.resume_path):
            return None
        about = read_header(self.resume_path)
        check(self.resume_path, CheckpointRecord, about)
        progress: Row = about["progress"]
        return progress

    def load_model(self, device: torch.device | str = "cpu") -> tuple[LatentVariableModel, Row]:
        """The model with the weights kept, in evaluation mode, and what was saved about them.

        With it their `digest`, which tells them from all others.

        Raises:
            MissingFileError: nothing has been saved yet.
            BadValueError: the file is damaged or of another model.
        """
        if not self.has_weights(self.path):
            raise MissingFileError(
                f"{self.path} has no weights yet; `vaelab train {self.typed} --resume` trains it"
            )
        tensors, about = read_tensors(self.weights_path)
        check(self.weights_path, WeightsRecord, about)
        try:
            with seeded(self.experiment.training.seed, Purpose.INITIALISATION):
                model = self.experiment.model.build(
                    tuple(about["image_shape"]),
                    self.experiment.data.pixels.domain,
                    len(about["classes"]),
                )
            model.load_state_dict(tensors)
        except RuntimeError as error:
            raise BadValueError(
                f"{self.weights_path} does not fit the model of config.yaml: "
                f"{' '.join(str(error).split())}"
            ) from error
        for name, tensor in tensors.items():
            if not torch.isfinite(tensor).all():
                raise BadValueError(
                    f"{self.weights_path}: `{name}` has numbers that are not finite, so that it is "
                    "damaged, or of a training that diverged; train the run again"
                )
        model.pixels = self.experiment.data.pixels
        if self.experiment.training.engine == "fast":
            accelerate(model)
        return model.to(device).eval(), {**about, "digest": digest_of(tensors)}


def _record(path: Path, schema: type[BaseModel]) -> Row:
    return read_record(path, schema) if may_be_there(path) else {}
