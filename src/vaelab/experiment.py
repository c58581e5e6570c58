"""The whole YAML: data, model, objective, training, figures."""

from pathlib import PurePath
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, Field, model_validator

from vaelab.config import Config
from vaelab.console import CONTROL
from vaelab.data import DataConfig, DigitsData
from vaelab.engine import EngineKind
from vaelab.figures import FigureConfig
from vaelab.loggers import LoggerConfig
from vaelab.metrics import EvaluationConfig
from vaelab.models import BaseModel, ModelConfig, VAEConfig
from vaelab.objectives import ELBOConfig, ObjectiveConfig
from vaelab.optim import AdamConfig, ConstantRate, LearningRateScheduleConfig, OptimizerConfig
from vaelab.plugins import load_installed
from vaelab.registry import Kind

MAX_NAME_LENGTH = 200
"""Bytes of a folder's name; systems allow 255, and a sweep puts something behind it."""
MAX_FIGURES = 100
"""Pictures that are drawn at once."""


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
    if len(name.encode()) > MAX_NAME_LENGTH:
        raise ValueError(f"a folder name has at most {MAX_NAME_LENGTH} bytes")
    return name


FolderName = Annotated[
    str, Field(min_length=1, max_length=MAX_NAME_LENGTH), AfterValidator(_folder_name)
]


class Change(Config):
    """What the user changed while a run was training; it holds until the next change.

    Training with the changes in the config repeats the run exactly.
    """

    step: int = Field(ge=0)
    """Optimiser steps done when it was made."""
    beta: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """The objective's beta from here on, in place of its schedule."""
    learning_rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """The learning rate from here on, in place of its schedule."""
    stop: bool = False
    """Whether training was stopped here."""


class TrainingConfig(Config):
    """How the model is trained."""

    epochs: int = Field(default=10, ge=1, le=1_000_000)
    """Passes over the training images."""
    batch_size: int = Field(default=64, ge=1, le=1_000_000)
    """Images per step."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Seed of initialisation, data order and noise; never of the split."""
    replicas: int = Field(default=1, ge=1, le=1024)
    """Runs of as many consecutive seeds, trained together as one batched model."""
    output_bias: Literal["random", "mean"] = "random"
    """First value of a Bernoulli decoder's last bias: `random`, or `mean`, the mean training
    image."""
    optimizer: OptimizerConfig = AdamConfig()
    """The optimiser, which turns gradients into steps."""
    learning_rate_schedule: LearningRateScheduleConfig = ConstantRate()
    """The schedule of the learning rate."""
    engine: EngineKind = "fast"
    """Engine that takes the steps: `fast`, or `plain` PyTorch, the same up to rounding; `fast`
    becomes `plain` by itself where this PyTorch lacks what it needs."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Device to train on; `auto` takes a CUDA or Apple GPU where there is one."""
    precision: Literal["float32", "float64", "tf32", "bfloat16"] = "float32"
    """Precision of multiplications: `tf32` (NVIDIA GPUs) and `bfloat16` round to 10 and to 7 bits
    of mantissa, instead of 23, `bfloat16` in encoder and decoder alone; weights, moments, sums and
    distributions stay float32."""
    threads: int | None = Field(default=None, ge=1, le=1024)
    """Number of CPU threads, kept throughout, since the last digits of sums depend on it; null: all
    cores, and fewer while another program uses them."""
    keep: Literal["best", "last"] = "best"
    """Weights that are kept: `best`, of the epochs at whose end the objective has its last
    settings, those with the smallest loss on validation images (`capacity`: the last); `last`,
    those of the last epoch."""
    log_every: int = Field(default=100, ge=1, le=100_000)
    """Steps averaged in one line of metrics.jsonl."""
    loggers: tuple[LoggerConfig, ...] = ()
    """Experiment trackers that get every line of metrics.jsonl and the pictures too, e.g.
    `[tensorboard]`."""
    save_minutes: float = Field(default=1.0, gt=0)
    """Minutes between two savings of everything needed to go on; the end of an epoch is saved
    too, unless less than two seconds have gone since the last time."""
    max_minutes: float | None = Field(default=None, gt=0)
    """Minutes after which training stops at the next step, saved and ready to go on."""
    preview: bool = False
    """Whether preview.png, one input and its reconstruction, is kept fresh while training."""
    changes: tuple[Change, ...] = ()
    """Changes made while the run trained, by step; written by the explorer."""

    @model_validator(mode="after")
    def _can_be(self) -> "TrainingConfig":
        kinds = [logger.kind for logger in self.loggers]
        if twice := sorted({kind for kind in kinds if kinds.count(kind) > 1}):
            raise ValueError(
                f"training.loggers has {', '.join(twice)} more than once, which would log the "
                "same run twice; name each kind once"
            )
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
    """Adam's learning rate; it falls along half a cosine."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Seed of initialisation, order and codes."""


class FiguresConfig(Config):
    """Which pictures are drawn when."""

    every_epoch: tuple[FigureConfig, ...] = Field(
        default=("latent",), validate_default=True, max_length=MAX_FIGURES
    )
    """Pictures drawn before the first epoch and after each, or after each `interval`-th."""
    interval: int | None = Field(default=None, ge=1)
    """Epochs from one picture of `every_epoch` to the next; the last epoch always has one; null: as
    many as make 50 pictures at most."""
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
        max_length=MAX_FIGURES,
    )
    """Pictures drawn when training is over."""


USUAL_PICTURES = 50
"""Of each figure of `every_epoch`, besides that of the beginning, unless `interval` is given."""
NO_PICTURES = ("figures={every_epoch: [], at_end: []}", "explorer.keep=0")
"""Overrides for runs of which nobody looks at more than the numbers."""


class ExplorerConfig(Config):
    """What is kept for `vaelab explore`."""

    keep: int | None = Field(default=None, ge=0, le=1000)
    """Steps whose weights and codes are kept, close together at the beginning; 0: none; null: 20,
    and of large networks as many as fit into 7 MB, but five at least."""


class Experiment(Config):
    """Everything that makes a run."""

    task_name: FolderName = "run"
    """Name of the run and of its folder."""
    data: DataConfig = DigitsData()
    """The images."""
    model: ModelConfig = VAEConfig()
    """The model that is trained."""
    objective: ObjectiveConfig = ELBOConfig()
    """The loss that is minimised."""
    training: TrainingConfig = TrainingConfig()
    """Epochs, batches, optimiser, and whatever else training needs to know."""
    figures: FiguresConfig = FiguresConfig()
    """Pictures that are drawn of it."""
    evaluation: EvaluationConfig = EvaluationConfig()
    """Numbers that are measured of it."""
    explorer: ExplorerConfig = ExplorerConfig()
    """Steps that the page in the browser can go back to."""
    prior_fit: PriorFitConfig | None = None
    """The prior's fit after everything else; written by `vaelab fit-prior`."""

    def holding(self, other: "Experiment") -> "Experiment":
        """The same with the objects of another that a config can describe and not make."""
        held = ("model", "objective")
        alike = [one for one in held if getattr(self, one) == getattr(other, one)]
        return self.model_copy(update={name: getattr(other, name) for name in alike})

    @property
    def epochs(self) -> int:
        """As many as metrics.jsonl may tell of: of the prior's fit where there was one."""
        return self.training.epochs if self.prior_fit is None else self.prior_fit.epochs

    @property
    def keeps_last(self) -> bool:
        """Whether the last weights are kept, and no best ones."""
        return self.training.keep == "last" or self.objective.keeps_last

    @model_validator(mode="before")
    @classmethod
    def _of_earlier_versions(cls, given: Any) -> Any:
        """Their pictures could lie elsewhere than in `output`."""
        if isinstance(given, dict) and given.get("output_train_dir") == "output":
            return {key: value for key, value in given.items() if key != "output_train_dir"}
        return given

    @model_validator(mode="after")
    def _can_watch(self) -> "Experiment":
        schedule = self.training.learning_rate_schedule
        if self.data.validation == 0 and schedule.watched == "valid":
            raise ValueError(
                "training.learning_rate_schedule watches the validation loss, but "
                "data.validation is 0; use `watch: train`"
            )
        return self

    @model_validator(mode="after")
    def _objective_fits(self) -> "Experiment":
        objective, model = self.objective, self.model
        if objective.needs_flat and not model.flat:
            kinds = model.axis.kinds.items()
            flat = {kind for kind, cls in kinds if cast(type[BaseModel], cls).flat}
            raise self._unfit("model", model, flat)
        for part, fact in objective.needs.items():
            chosen = getattr(model, part, None)
            if part == "prior" and self.prior_fit is not None:
                continue  # the objective had to do with another one
            if isinstance(chosen, Kind) and fact not in chosen.facts:
                known = {kind for kind, cls in chosen.axis.kinds.items() if fact in cls.facts}
                raise self._unfit(f"model.{part}", chosen, known)
        return self

    def _unfit(self, place: str, chosen: Kind, known: set[str]) -> ValueError:
        names = " or ".join(f"`{name}`" for name in sorted(known))
        return ValueError(
            f"objective `{self.objective.kind}` can be computed where {place} is {names}, but it "
            f"is `{chosen.kind}`; choose one of those, or `objective: elbo`"
        )

    @model_validator(mode="after")
    def _certain_codes(self) -> "Experiment":
        changed = any(change.beta is not None for change in self.training.changes)
        if self.model.certain and (self.objective != ELBOConfig() or changed):
            raise ValueError(
                f"model `{self.model.kind}` has one code for an image, and no gradient of the rate "
                "reaches its encoder, so that neither weights of the rate nor more samples do "
                "anything; use "
                "`objective: {kind: elbo, beta: 1, samples: 1}` and no changes of beta"
            )
        if changed and "beta" not in self.objective.controls:
            raise ValueError(
                f"training.changes sets beta, but the objective `{self.objective.kind}` has none; "
                "take `beta` out of the changes, or use `objective: {kind: elbo}`"
            )
        return self


load_installed()  # whoever reads a config knows every kind
