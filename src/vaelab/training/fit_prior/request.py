"""What was asked for: which run, which prior, which settings."""

from collections.abc import Sequence

from vaelab.config import override, validate
from vaelab.errors import BadCombinationError, BadValueError
from vaelab.experiment import Experiment, PriorFitConfig
from vaelab.models import LatentVariableModel, OneLevel
from vaelab.runs.run import Run
from vaelab.training.start import differences

FREE = ("task_name", "model.prior", "prior_fit")


def check_kind(model: OneLevel, kind: str | None) -> str:
    """The kind of prior, the usual one where none is given."""
    kinds = model.fitted_priors
    if kind is not None and kind not in kinds:
        raise BadValueError(
            f"--prior is `{kind}`, but what can be fitted to the codes of a "
            f"{type(model).__name__} is {' or '.join(f'`{known}`' for known in kinds)}"
        )
    return kind or kinds[0]


def fitted_experiment(
    run: Run, kind: str, assignments: Sequence[str], name: str | None
) -> tuple[Experiment, PriorFitConfig]:
    """The run's experiment with the other prior, and how that is fitted."""
    by_option = "the prior's kind is chosen by --prior, as `--prior flow`, and its fit by prior_fit"
    if any(word.startswith("prior=") for word in assignments):
        raise BadCombinationError(by_option)
    source = run.path.resolve().name
    plain = run.experiment.model_dump(mode="json")
    plain["task_name"] = name or f"{source}_{kind}"
    plain["model"]["prior"] = {"kind": kind}
    plain["prior_fit"] = {"run": source}
    experiment = validate(Experiment, override(Experiment, plain, assignments), "the prior's fit")
    if experiment.model.prior_kind != kind or experiment.prior_fit is None:
        raise BadCombinationError(by_option)
    changed = [key for key, _, _ in differences(run.experiment, experiment)]
    if wrong := [key for key in changed if not key.startswith(FREE)]:
        raise BadCombinationError(
            f"fit-prior keeps everything but the prior, and {', '.join(wrong)} would change; what "
            "can be set is model.prior.KEY and prior_fit.KEY"
        )
    return experiment, experiment.prior_fit


def check_coded(run: Run, model: LatentVariableModel) -> OneLevel:
    """The model, if its prior can be exchanged."""
    if isinstance(model, OneLevel):
        return model
    raise BadCombinationError(
        f"fit-prior needs a model of kind `vae` or `vq`, whose code has one level, but {run.path} "
        f"is of kind `{run.experiment.model.kind}`"
    )
