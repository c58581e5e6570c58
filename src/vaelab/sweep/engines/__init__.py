"""Engines of a sweep: this machine, a Ray cluster, a Slurm queue."""

from collections.abc import Sequence
from typing import Literal

from vaelab.errors import BadCombinationError, BadValueError, MissingFileError
from vaelab.sweep.engines.engine import Engine
from vaelab.sweep.engines.local import Local

EngineName = Literal["local", "ray", "slurm"]


def choose(
    name: EngineName,
    workers: int | None,
    address: str | None,
    cpus: int | None,
    gpus: float | None,
    sbatch: Sequence[str],
) -> Engine:
    """The engine that a person asked for; Ray and submitit are imported by those who do.

    Args:
        name: of the engine.
        workers: processes, jobs, or trials at once; None: 1, with Ray as many as there is place.
        address: of a Ray cluster; None: one of its own, on this machine.
        cpus: for each trial of Ray, each job of Slurm.
        gpus: likewise.
        sbatch: `key=value` for Slurm.

    Raises:
        BadCombinationError: an option is another engine's.
        BadValueError: a value is wrong.
        MissingFileError: the engine is not installed.
    """
    _refuse("--address", address is not None, name, ("ray",))
    _refuse("--cpus", cpus is not None, name, ("ray", "slurm"))
    _refuse("--gpus", gpus is not None, name, ("ray", "slurm"))
    _refuse("--sbatch", bool(sbatch), name, ("slurm",))
    try:
        if name == "ray":
            from vaelab.sweep.engines.ray_engine import Ray

            return Ray(workers, address, cpus or 1, _part_or_whole(gpus))
        if name == "slurm":
            from vaelab.sweep.engines.slurm import Slurm

            return Slurm(workers or 1, cpus or 1, _whole(gpus or 0.0), _pairs(sbatch))
    except ModuleNotFoundError as error:
        raise MissingFileError(
            f"--engine {name} needs {error.name}, which is not installed; "
            f"`pip install 'vaelab[{name}]'` installs it"
        ) from error
    return Local(workers or 1)


def _refuse(option: str, given: bool, name: str, engines: Sequence[str]) -> None:
    if given and name not in engines:
        wanted = " or ".join(f"--engine {engine}" for engine in engines)
        raise BadCombinationError(f"{option} is for {wanted}, but the engine is {name}")


def _whole(gpus: float) -> int:
    if not gpus.is_integer():
        raise BadValueError(
            f"--gpus {gpus:g}: a job of Slurm has whole GPUs; use a whole number, or --engine ray, "
            "whose trials can share one"
        )
    return int(gpus)


def _part_or_whole(gpus: float | None) -> float | None:
    if gpus is not None and not (gpus <= 1 or gpus.is_integer()):
        raise BadValueError(
            f"--gpus {gpus:g}: a trial of Ray has a part of one GPU or several whole ones; use a "
            "part below 1, such as 0.5, or a whole number"
        )
    return gpus


def _pairs(words: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key or not value:
            raise BadValueError(
                f"--sbatch {word}: write it as KEY=VALUE, e.g. --sbatch partition=gpu"
            )
        pairs[key.lstrip("-")] = value
    return pairs
