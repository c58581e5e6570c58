"""What a new run may be made of, read off the config's own schema."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import yaml

from vaelab.config import read_yaml
from vaelab.errors import BadValueError, UserError
from vaelab.experiment import Experiment
from vaelab.library import load_experiment, shipped_configs
from vaelab.likelihoods import LikelihoodConfig
from vaelab.networks.conv import ConvEncoder
from vaelab.networks.mlp import MLPEncoder
from vaelab.priors import PriorConfig
from vaelab.run import Run, find_runs

MOST = {"model.latent": 64, "training.epochs": 10_000, "training.batch_size": 4096}
"""What the page may ask for at most: larger runs are started from a terminal."""
LARGEST_BETA = 1e4
LARGEST_RATE = 1.0
SLOWEST = 10.0
LOGITS = {"bernoulli", "continuous_bernoulli"}
RANGE_OF = {"unit": "sigmoid", "signed": "tanh", "binary": "sigmoid", "levels": "identity"}
"""Output activations that reach all of a domain and nothing else, where there is one."""


def choices(folder: Path) -> dict[str, Any]:
    """Bases, axes and presets for the page.

    Args:
        folder: of the runs, whose data can be chosen too.
    """
    return {
        "bases": [_base(name, path) for name, path in shipped_configs().items()],
        "axes": [
            _options("data", "data", _data(folder)),
            _options("model.encoder", "network", [_kind(MLPEncoder), _kind(ConvEncoder)]),
            _number("model.latent", "latent dimensions", 2, 1),
            _options("model.likelihood", "likelihood", _kinds(LikelihoodConfig)),
            _options("model.prior", "prior", _kinds(PriorConfig)),
            _options("model.condition", "conditioning", CONDITIONS),
            _number("objective.beta", "beta", 1, 0, LARGEST_BETA, integer=False, restarts=False),
            _number("training.optimizer.learning_rate", "learning rate", 2e-3, 1e-7, LARGEST_RATE,
                    integer=False, restarts=False),
            _number("training.epochs", "epochs", 200, 1),
            _number("training.batch_size", "batch size", 64, 1),
            _number("training.seed", "seed", 0, 0, 2**31),
        ],
        "presets": PRESETS,
    }  # fmt: skip


CONDITIONS: list[dict[str, Any]] = [
    {"value": None, "label": "none", "about": "The networks do not know the class."},
    {"value": {"encoder": "planes", "decoder": "one_hot"}, "label": "on the class",
     "about": "Both networks are told the class, so that the code is free to hold the style."},
]  # fmt: skip
PRESETS: list[dict[str, Any]] = [
    {"name": "autoencoder", "about": "Beta 0: only the pictures count, and codes go where they "
     "like. Nothing lies between them.", "set": {"objective.beta": 0}},
    {"name": "VAE", "about": "Beta 1: the evidence lower bound.", "set": {"objective.beta": 1}},
    {"name": "beta-VAE", "about": "Beta 4: the code is dear, so that it says only what matters.",
     "set": {"objective.beta": 4}},
    {"name": "collapsed", "about": "Beta 100: so dear that the code says nothing at all; every "
     "posterior is the prior.", "set": {"objective.beta": 100}},
    {"name": "conditional", "about": "Both networks know the class: the code holds the style.",
     "set": {"model.condition": {"encoder": "planes", "decoder": "one_hot"}, "objective.beta": 1}},
    {"name": "latent 4", "about": "Four dimensions: more room, and no single plane shows it all.",
     "set": {"model.latent": 4, "objective.beta": 1}},
]  # fmt: skip


def experiment_of(base: str, wished: Mapping[str, Any], folder: Path, name: str) -> Experiment:
    """The experiment that the page asks for.

    Args:
        base: a shipped config.
        wished: values by the dotted keys of the axes.
        folder: of the runs.
        name: of the new run.

    Raises:
        BadValueError: a key that is no axis, a value out of range.
        UserError: the config says what else is not right.
    """
    if base not in shipped_configs():
        raise BadValueError(f"there is no shipped config `{base}`")
    axes = {axis["key"]: axis for axis in choices(folder)["axes"]}
    assignments = [f"task_name={name}", "figures.every_epoch=[]", "figures.at_end=[]"]
    for key, value in wished.items():
        if key not in axes:
            raise BadValueError(f"`{key}` cannot be chosen on the page; use `vaelab train`")
        _check(axes[key], value)
        if value is not None:
            assignments.append(f"{key}={yaml.safe_dump(value, default_flow_style=True).strip()}")
    assignments += _decoder(wished, read_yaml(shipped_configs()[base]))
    try:
        return load_experiment(base, [text.removesuffix("\n...") for text in assignments])[0]
    except UserError as error:
        raise BadValueError(str(error).removeprefix(f"{base}: ")) from error


def check_live(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that the page changes while a run trains.

    Raises:
        BadValueError: an unknown one, or one out of range.
    """
    ranges = {
        "beta": (0.0, LARGEST_BETA), "learning_rate": (1e-7, LARGEST_RATE), "pace": (0.0, SLOWEST),
        "stop_at": (0, 2**53),
    }  # fmt: skip
    for key, value in values.items():
        if key == "on_close":
            if value not in {"keep", "pause"}:
                raise BadValueError("on_close is `keep` or `pause`")
        elif key not in ranges:
            raise BadValueError(f"`{key}` cannot be changed while a run trains")
        elif not (key == "stop_at" and value is None):
            _within(key, value, *ranges[key])
    return dict(values)


def _decoder(wished: Mapping[str, Any], base: Mapping[str, Any]) -> list[str]:
    """A decoder of the encoder's kind, its output in the likelihood's range."""
    if not {"model.encoder", "model.likelihood"} & wished.keys():
        return []
    data = wished.get("data") or base["data"]
    output = RANGE_OF[_pixels(data)]
    if wished.get("model.likelihood") in LOGITS:
        output = "identity"
    if encoder := wished.get("model.encoder"):
        return [f"model.decoder={{kind: {encoder}, output_activation: {output}}}"]
    return [f"model.decoder.output_activation={output}"]


def _pixels(data: Mapping[str, Any]) -> str:
    pixels = data.get("pixels", "unit")
    return str(pixels["kind"] if isinstance(pixels, dict) else pixels)


def _base(name: str, path: Path) -> dict[str, Any]:
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = [line[2:] for line in lines if line.startswith("# ") and "yaml-language" not in line]
    return {"name": name, "about": " ".join(comment), "config": read_yaml(path)}


def _data(folder: Path) -> list[dict[str, Any]]:
    """Data sections of the shipped configs and of the runs, each once."""
    found: dict[str, dict[str, Any]] = {}
    _add(found, {"kind": "digits", "pixels": "unit"}, "the demonstration")
    _add(found, {"kind": "digits", "pixels": "binary"}, "the demonstration, black and white")
    for name, path in shipped_configs().items():
        _add(found, read_yaml(path)["data"], name)
    for path in find_runs(folder) if folder.is_dir() else []:
        try:
            _add(found, Run(path).experiment.data.model_dump(mode="json"), path.name)
        except UserError:
            continue
    return list(found.values())


def _add(found: dict[str, dict[str, Any]], data: dict[str, Any], where: str) -> None:
    label = f"{data['kind']}, {_pixels(data)} pixels"
    if data.get("path"):
        label += f" ({Path(data['path']).name})"
    found.setdefault(label, {"value": data, "label": label, "about": f"as in {where}"})


def _kinds(union: Any) -> list[dict[str, Any]]:
    return [_kind(member) for member in get_args(get_args(union)[0])]


def _kind(member: Any) -> dict[str, Any]:
    kind = member.model_fields["kind"].default
    about = (member.__doc__ or "").split("\n")[0]
    return {"value": kind, "label": kind.replace("_", " "), "about": about}


def _options(key: str, label: str, options: list[dict[str, Any]]) -> dict[str, Any]:
    return {"key": key, "label": label, "restarts": True, "default": None, "options": options}


def _number(
    key: str,
    label: str,
    default: float,
    minimum: float,
    maximum: float | None = None,
    integer: bool = True,
    restarts: bool = True,
) -> dict[str, Any]:
    return {
        "key": key, "label": label, "restarts": restarts, "default": default, "minimum": minimum,
        "maximum": MOST[key] if maximum is None else maximum, "integer": integer,
    }  # fmt: skip


def _check(axis: Mapping[str, Any], value: Any) -> None:
    if "options" in axis:
        if value is not None and value not in [option["value"] for option in axis["options"]]:
            raise BadValueError(f"{axis['label']}: {value!r} is none of what can be chosen")
        return
    _within(axis["label"], value, axis["minimum"], axis["maximum"])
    if axis["integer"] and int(value) != value:
        raise BadValueError(f"{axis['label']}: a whole number is needed, got {value}")


def _within(name: str, value: Any, least: float, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise BadValueError(f"{name}: a number from {least:g} to {most:g} is needed, got {value!r}")
