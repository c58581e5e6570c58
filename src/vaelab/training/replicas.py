"""Which runs one experiment stands for, and which experiments can be trained as one model."""

from collections.abc import Sequence

import torch

from vaelab.errors import BadCombinationError
from vaelab.experiment import Experiment
from vaelab.training.start import differences

FREE = (
    "task_name",
    "training.seed",
    "training.optimizer.learning_rate",
    "training.learning_rate_schedule",
)


def replicas(experiment: Experiment) -> list[Experiment]:
    """The ordinary experiments of `training.replicas` consecutive seeds, each with its own name."""
    training = experiment.training
    if training.replicas == 1:
        return [experiment]
    seeds = range(training.seed, training.seed + training.replicas)
    return [
        experiment.model_copy(
            update={
                "task_name": f"{experiment.task_name}_seed{seed}",
                "training": training.model_copy(update={"seed": seed, "replicas": 1}),
            }
        )
        for seed in seeds
    ]


def gains_by_batching(experiment: Experiment, device: torch.device) -> bool:
    """Whether several such models are faster as one.

    On a CPU, convolutions are not: 4 replicas of `vae_kl` and of `resnet` took 5.5 times as long as
    one, those of MLPs 2.3 to 3.5 times.
    """
    dense = all(network.kind == "mlp" for network in experiment.model.networks)
    return not experiment.objective.alone and (dense or device.type != "cpu")


def check_alike(experiments: Sequence[Experiment]) -> None:
    """Refuse experiments that cannot be trained together."""
    first = experiments[0]
    if many := [one.task_name for one in experiments if one.training.replicas > 1]:
        raise BadCombinationError(
            f"{', '.join(many)}: training.replicas stands for several runs; "
            "`train_together(replicas(experiment))` trains them"
        )
    free = (*FREE, *(f"objective.{name}" for name in first.objective.controls))
    for other in experiments[1:]:
        wrong = [key for key, _, _ in differences(first, other) if not key.startswith(free)]
        if wrong:
            raise BadCombinationError(
                f"{first.task_name} and {other.task_name} differ in {', '.join(wrong)}; runs that "
                f"are trained together may differ in {', '.join(free)} only"
            )
    names = [experiment.task_name for experiment in experiments]
    if len(set(names)) < len(names):
        raise BadCombinationError(f"runs need names of their own, but these are {', '.join(names)}")
