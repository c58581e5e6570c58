"""What a new run may be made of, read off the config's own schema."""

from collections.abc import Mapping
from functools import reduce
from inspect import cleandoc
from pathlib import Path
from typing import Any

from vaelab.errors import UserError
from vaelab.experiment import Experiment
from vaelab.library import load_experiment, shipped_configs
from vaelab.likelihoods import BaseLikelihood
from vaelab.networks import BaseEncoder
from vaelab.priors import BasePrior
from vaelab.registry import Axis as RegisteredAxis
from vaelab.run import Run
from vaelab.runfiles import find_runs

Axis = dict[str, Any]

MOST = {"model.latent": 64, "training.epochs": 10_000, "training.batch_size": 4096}
"""What the page may ask for at most: larger runs are started from a terminal."""
LARGEST_BETA = 1e4
LARGEST_RATE = 1.0

DIGITS = (
    ({"kind": "digits", "pixels": {"kind": "unit"}}, "the demonstration"),
    ({"kind": "digits", "pixels": {"kind": "binary"}}, "the demonstration, black and white"),
    ({"kind": "digits", "pixels": {"kind": "levels"}}, "the demonstration, its levels counted"),
)
UNCONDITIONAL = {"encoder": "none", "decoder": "none"}
ON_THE_CLASS = {"encoder": "planes", "decoder": "one_hot"}
CONDITIONS = [
    {"value": UNCONDITIONAL, "label": "none", "about": "The networks do not know the class."},
    {"value": ON_THE_CLASS, "label": "on the class",
     "about": "Both networks are told the class, so that the code is free to hold the style."},
]  # fmt: skip
PRESETS: list[dict[str, Any]] = [
    {"name": "autoencoder", "hint": "beta 0", "set": {"objective.beta": 0},
     "about": "Only the pictures count, and codes go where they like. Nothing lies between them."},
    {"name": "VAE", "hint": "beta 1", "set": {"objective.beta": 1},
     "about": "The evidence lower bound: distortion and rate weigh the same."},
    {"name": "beta-VAE", "hint": "beta 4", "set": {"objective.beta": 4},
     "about": "The code is dear, so that it says only what matters."},
    {"name": "collapsed", "hint": "beta 100", "set": {"objective.beta": 100},
     "about": "So dear that the code says nothing at all; every posterior is the prior."},
    {"name": "conditional", "hint": "class known",
     "set": {"model.condition": ON_THE_CLASS, "objective.beta": 1},
     "about": "Both networks know the class: the code holds the style."},
    {"name": "latent 4", "hint": "4 numbers", "set": {"model.latent": 4, "objective.beta": 1},
     "about": "Four dimensions: more room, and no single plane shows it all."},
]  # fmt: skip


def choices(folder: Path) -> dict[str, Any]:
    """Bases, axes and presets for the page.

    Args:
        folder: of the runs, whose data can be chosen too.
    """
    axes = axes_of(folder)
    return {
        "bases": [_base(name, path, axes) for name, path in bases().items()],
        "axes": axes,
        "presets": PRESETS,
    }


def bases() -> dict[str, Path]:
    """The shipped configs that a new run can begin with: all that the page can show and steer."""
    return {
        name: path
        for name, path in shipped_configs().items()
        if can_begin_with(load_experiment(name)[0])
    }


def can_begin_with(experiment: Experiment) -> bool:
    """Whether the page can show and steer a run of this."""
    return experiment.model.flat and "beta" in experiment.objective.controls


def axes_of(folder: Path) -> list[Axis]:
    """What can be chosen, each by the dotted key that it sets."""
    return [
        _options("data", "data", _data(folder)),
        _options("model.encoder", "network", _kinds(BaseEncoder.axis)),
        _number("model.latent", "latent dimensions", 1),
        _options("model.likelihood", "likelihood", _kinds(BaseLikelihood.axis)),
        _options("model.prior", "prior", _kinds(BasePrior.axis)),
        _options("model.condition", "conditioning", CONDITIONS),
        _number("training.epochs", "epochs", 1),
        _number("training.batch_size", "batch size", 1),
        _number("training.seed", "seed", 0, 2**31),
        _number("objective.beta", "beta", 0, LARGEST_BETA, integer=False, restarts=False),
        _number("training.optimizer.learning_rate", "learning rate", 1e-7, LARGEST_RATE,
                integer=False, restarts=False),
    ]  # fmt: skip


def pixels_of(data: Mapping[str, Any]) -> str:
    """Kind of pixels of a data section, whichever way it is written."""
    pixels = data.get("pixels", "unit")
    return str(pixels["kind"] if isinstance(pixels, dict) else pixels)


def _base(name: str, path: Path, axes: list[Axis]) -> dict[str, Any]:
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = [line[2:] for line in lines if line.startswith("# ") and "yaml-language" not in line]
    config = load_experiment(name)[0].model_dump(mode="json")
    values = {axis["key"]: _in_words(axis["key"], config) for axis in axes}
    return {"name": name, "about": " ".join(comment), "values": values}


def _in_words(key: str, config: Mapping[str, Any]) -> str:
    """What a config has for an axis, as the options of that axis are called."""
    value: Any = reduce(lambda section, part: section[part], key.split("."), config)
    if key == "data":
        return _label_of_data(value)
    if key == "model.condition":
        return "none" if value == UNCONDITIONAL else "on the class"
    if not isinstance(value, dict):
        return f"{value:g}"
    match value:
        case {"kind": "constant", "value": number}:
            return f"{number:g}"
        case {"kind": "linear", "start": start, "end": end, "epochs": epochs}:
            return f"{start:g} to {end:g} in {epochs:g} epochs"
    return str(value["kind"]).replace("_", " ")


def _data(folder: Path) -> list[dict[str, Any]]:
    """Data sections of the shipped configs and of the runs, each once."""
    found: dict[str, dict[str, Any]] = {}

    def add(data: dict[str, Any], where: str) -> None:
        label = _label_of_data(data)
        found.setdefault(label, {"value": data, "label": label, "about": f"as in {where}"})

    for data, where in DIGITS:
        add(data, where)
    for name in shipped_configs():
        add(load_experiment(name)[0].data.model_dump(mode="json"), name)
    for path in find_runs(folder) if folder.is_dir() else []:
        try:
            add(Run(path).experiment.data.model_dump(mode="json"), path.name)
        except UserError:
            continue
    return list(found.values())


def _label_of_data(data: Mapping[str, Any]) -> str:
    pixels = data.get("pixels")
    spread = "dequantised " if isinstance(pixels, dict) and pixels.get("dequantised") else ""
    label = f"{data['kind']}, {spread}{pixels_of(data)} pixels".replace("_", " ")
    return f"{label} ({Path(data['path']).name})" if data.get("path") else label


def _kinds(axis: RegisteredAxis) -> list[dict[str, Any]]:
    return [
        {
            "value": kind,
            "label": kind.replace("_", " "),
            "about": cleandoc(cls.__doc__ or "").split("\n")[0],
        }
        for kind, cls in axis.kinds.items()
    ]


def _options(key: str, label: str, options: list[dict[str, Any]]) -> Axis:
    return {"key": key, "label": label, "restarts": True, "options": options}


def _number(
    key: str,
    label: str,
    minimum: float,
    maximum: float | None = None,
    integer: bool = True,
    restarts: bool = True,
) -> Axis:
    return {
        "key": key, "label": label, "restarts": restarts, "minimum": minimum,
        "maximum": MOST[key] if maximum is None else maximum, "integer": integer,
    }  # fmt: skip
