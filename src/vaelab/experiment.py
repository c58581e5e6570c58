"""The whole YAML: data, model, objective, training, figures."""

import re
from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from vaelab.config import Config
from vaelab.console import CONTROL
from vaelab.data import DataConfig, DigitsData
from vaelab.figures import FigureConfig
from vaelab.loggers import LoggerConfig
from vaelab.metrics import EvaluationConfig
from vaelab.models import ModelConfig, VAEConfig, VQConfig
from vaelab.objectives import ELBOConfig, ObjectiveConfig
from vaelab.optimizers import (
    AdamConfig,
    ConstantRate,
    LearningRateScheduleConfig,
    OptimizerConfig,
    PlateauRate,
)
from vaelab.plugins import load_installed

LONGEST_NAME = 200
"""Bytes of a folder's name; systems allow 255, and a sweep puts something behind it."""
MOST_FIGURES = 100
"""Pictures that are drawn at once."""
TAKEN = re.compile(
    r"explorer|tensorboard|wandb|\.lock|.*\.(?:yaml|jsonl?|safetensors|npz|tmp|old)", re.IGNORECASE
)
"""Names in a run's folder that are those of something else."""


def _folder_name(name: str) -> str:
    if (
        PurePath(name).name != name
        or name in {"", ".", ".."}
        or any(c in name for c in '\\:*?"<>|\t\n')
        or CONTROL.search(name)
    ):
        raise ValueError(
            "a plain folder name is needed, without slashes, control characters or any of "
            '\\ : * ? " < > |'
        )
    if len(name.encode()) > LONGEST_NAME:
        raise ValueError(f"a folder name has at most {LONGEST_NAME} bytes")
    return name


def _is_free(name: str) -> str:
    if TAKEN.fullmatch(name):
        raise ValueError(f"`{name}` is the name of something else in a run's folder")
    return name


FolderName = Annotated[
    str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(_folder_name)
]
PicturesName = Annotated[FolderName, AfterValidator(_is_free)]


class Change(Config):
    """What a person changed while a run was training; it holds until the next change.

    Training with the changes in the config repeats the run exactly.
    """

    step: int = Field(ge=0)
    """Optimiser steps done when it was made."""
    beta: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """From here on the objective's beta, in place of its schedule."""
    learning_rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """From here on the learning rate, in place of its schedule."""
    stop: bool = False
    """Training was stopped here."""


class TrainingConfig(Config):
    """How the model is trained."""

    epochs: int = Field(default=10, ge=1, le=1_000_000)
    """Passes over the training images."""
    batch_size: int = Field(default=64, ge=1, le=1_000_000)
    """Images per step."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Of initialisation, data order and noise; never of the split."""
    replicas: int = Field(default=1, ge=1, le=1024)
    """Runs of as many consecutive seeds, trained together as one batched model."""
    output_bias: Literal["random", "mean"] = "random"
    """`mean`: a Bernoulli decoder's last bias starts at the mean training image."""
    optimizer: OptimizerConfig = AdamConfig()
    """What turns gradients into steps."""
    learning_rate_schedule: LearningRateScheduleConfig = ConstantRate()
    """How the learning rate changes."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """`auto` takes a CUDA or Apple GPU where there is one."""
    precision: Literal["float32", "float64", "tf32", "bfloat16"] = "float32"
    """`tf32` (NVIDIA GPUs) and `bfloat16` round what is multiplied to 10 and to 7 bits of mantissa,
    instead of 23, `bfloat16` in encoder and decoder alone; weights, moments, sums and distributions
    stay float32."""
    threads: int | None = Field(default=None, ge=1, le=1024)
    """Of the CPU, kept throughout, since the last digits of sums depend on their number; null: all
    cores, and fewer while another program uses them."""
    keep: Literal["best", "last"] = "best"
    """`best`: of the epochs at whose end the objective has its last settings, the weights with the
    smallest loss on validation images (`capacity`: the last); `last`: those of the last epoch."""
    log_every: int = Field(default=100, ge=1, le=100_000)
    """Steps averaged in one line of metrics.jsonl."""
    loggers: tuple[LoggerConfig, ...] = ()
    """Experiment trackers that get every line of metrics.jsonl and the pictures too, e.g.
    `[tensorboard]`."""
    save_minutes: float = Field(default=1.0, gt=0)
    """How often everything needed to go on is saved, besides each epoch's end."""
    max_minutes: float | None = Field(default=None, gt=0)
    """A budget: stop after the step that reaches it, saved and ready to go on."""
    preview: bool = False
    """Keep preview.png, one input and its reconstruction, fresh while training."""
    changes: tuple[Change, ...] = ()
    """What was changed while the run trained, by step; written by the explorer."""

    @model_validator(mode="after")
    def _loggers_differ(self) -> "TrainingConfig":
        kinds = [logger.kind for logger in self.loggers]
        if twice := sorted({kind for kind in kinds if kinds.count(kind) > 1}):
            raise ValueError(
                f"training.loggers has {', '.join(twice)} more than once, which would log the "
                "same run twice; name each kind once"
            )
        return self

    @model_validator(mode="after")
    def _seeds_exist(self) -> "TrainingConfig":
        if self.seed + self.replicas > 2**63:
            raise ValueError(
                f"{self.replicas} replicas from seed {self.seed} on go beyond the largest seed, "
                f"{2**63 - 1}; use a smaller training.seed"
            )
        return self


class PriorFitConfig(Config):
    """How the prior was fitted to the codes of a trained model, everything else kept.

    "From variational to deterministic autoencoders" (Ghosh et al., 2020, section 4, arXiv
    1903.12436).
    """

    run: FolderName
    """The run whose encoder and decoder these are."""
    epochs: int = Field(default=50, ge=1, le=1_000_000)
    """Passes over the codes of the training images, at most."""
    patience: int = Field(default=5, ge=0)
    """Passes without a better validation ELBO that are forgiven."""
    batch_size: int = Field(default=128, ge=1, le=1_000_000)
    """Codes per step."""
    learning_rate: float = Field(default=2e-3, gt=0, allow_inf_nan=False)
    """Of Adam; it falls along half a cosine."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Of initialisation, order and codes."""


class FiguresConfig(Config):
    """Which pictures are drawn when."""

    every_epoch: tuple[FigureConfig, ...] = Field(
        default=("latent",), validate_default=True, max_length=MOST_FIGURES
    )
    """Before the first epoch and after each, or after each `interval`-th."""
    interval: int = Field(default=1, ge=1)
    """Epochs from one picture of `every_epoch` to the next; the last epoch always has one."""
    at_end: tuple[FigureConfig, ...] = Field(
        default=(
            "latent",
            "reconstruction",
            "manifold",
            "interpolation",
            "samples",
            "traversal",
            "curves",
            "rates",
        ),
        validate_default=True,
        max_length=MOST_FIGURES,
    )
    """When training is over."""


class ExplorerConfig(Config):
    """What is kept for `vaelab explore`."""

    keep: int = Field(default=20, ge=0, le=1000)
    """Steps whose weights and codes are kept, close together at the beginning; 0: none."""


class Experiment(Config):
    """Everything that makes a run."""

    task_name: FolderName = "run"
    """Name of the run and of its folder."""
    output_train_dir: PicturesName = "output"
    """Folder of the pictures inside the run."""
    data: DataConfig = DigitsData()
    """The images."""
    model: ModelConfig = VAEConfig()
    """What is trained."""
    objective: ObjectiveConfig = ELBOConfig()
    """What is minimised."""
    training: TrainingConfig = TrainingConfig()
    """How."""
    figures: FiguresConfig = FiguresConfig()
    """What is drawn."""
    evaluation: EvaluationConfig = EvaluationConfig()
    """What is measured of it."""
    explorer: ExplorerConfig = ExplorerConfig()
    """What the page in the browser can go back to."""
    prior_fit: PriorFitConfig | None = None
    """How the prior was learned after everything else; written by `vaelab fit-prior`."""

    @property
    def epochs(self) -> int:
        """As many as metrics.jsonl may tell of: of the prior's fit where there was one."""
        return self.training.epochs if self.prior_fit is None else self.prior_fit.epochs

    @model_validator(mode="after")
    def _can_watch(self) -> "Experiment":
        schedule = self.training.learning_rate_schedule
        if self.data.validation == 0 and isinstance(schedule, PlateauRate):
            if schedule.watch == "valid":
                raise ValueError(
                    "training.learning_rate_schedule watches the validation loss, but "
                    "data.validation is 0; use `watch: train`"
                )
        return self

    @model_validator(mode="after")
    def _objective_fits(self) -> "Experiment":
        objective, model = self.objective, self.model
        places: list[tuple[str, str, frozenset[str] | None]]
        places = [("model", model.kind, objective.models)]
        if isinstance(model, VAEConfig):
            places.append(("model.posterior", model.posterior.kind, objective.posteriors))
            if self.prior_fit is None:  # else the objective had to do with another one
                places.append(("model.prior", model.prior.kind, objective.priors))
        for place, kind, known in places:
            if known is not None and kind not in known:
                names = " or ".join(f"`{name}`" for name in sorted(known))
                raise ValueError(
                    f"objective `{objective.kind}` can be computed where {place} is {names}, but "
                    f"it is `{kind}`; choose one of those, or `objective: elbo`"
                )
        return self

    @model_validator(mode="after")
    def _certain_codes(self) -> "Experiment":
        changed = any(change.beta is not None for change in self.training.changes)
        if isinstance(self.model, VQConfig) and (self.objective != ELBOConfig() or changed):
            raise ValueError(
                "model `vq` has one code for an image, and no gradient of the rate reaches its "
                "encoder, so that neither weights of the rate nor more samples do anything; use "
                "`objective: {kind: elbo, beta: 1, samples: 1}` and no changes of beta"
            )
        return self

    @model_validator(mode="after")
    def _has_beta(self) -> "Experiment":
        changed = any(change.beta is not None for change in self.training.changes)
        if changed and "beta" not in self.objective.controls:
            raise ValueError(
                f"training.changes sets beta, but the objective `{self.objective.kind}` has none; "
                "take `beta` out of the changes, or use `objective: {kind: elbo}`"
            )
        return self


load_installed()  # whoever reads a config knows every kind
