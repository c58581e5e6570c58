"""What a new run may be made of, read off the config's own schema, and what the page asks for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

import torch
import yaml
from pydantic import Field

from vaelab.config import override, takes_integers, validate
from vaelab.errors import BadValueError, UserError
from vaelab.experiment import Experiment
from vaelab.explorer.requests import Body
from vaelab.likelihoods import BaseLikelihood
from vaelab.models import VAEConfig
from vaelab.networks import BaseEncoder
from vaelab.priors import BasePrior
from vaelab.registry import About
from vaelab.registry import Axis as RegisteredAxis
from vaelab.runs.lookup import load_experiment
from vaelab.runs.names import shipped_configs
from vaelab.runs.run import Run
from vaelab.runs.runfiles import find_runs

Axis = dict[str, Any]

MAX_BETA = 1e4
TRIED, TRIED_CLASSES = (1, 28, 28), 10
"""Images for which options are tried."""
MIN_LEARNING_RATE, MAX_LEARNING_RATE = 1e-7, 1.0

DIGITS = (
    ({"kind": "digits", "pixels": {"kind": "unit"}}, "the smallest"),
    ({"kind": "digits", "pixels": {"kind": "binary"}}, "the smallest, black and white"),
    ({"kind": "digits", "pixels": {"kind": "levels"}}, "the smallest, its levels counted"),
)
SMALL = (
    ({"kind": "mnist_3000", "pixels": {"kind": "unit"}}, "3,000 images of MNIST"),
    ({"kind": "mnist_3000", "pixels": {"kind": "signed"}}, "3,000 images of MNIST, -1 to 1"),
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
    """Bases, axes and presets for the page; the data of the folder's runs can be chosen too."""
    axes = axes_of(folder)
    bases = [
        _base(name, path, experiment, axes)
        for name, path in shipped_configs().items()
        if can_begin_with(experiment := load_experiment(name)[0])
    ]
    return {"bases": bases, "axes": axes, "presets": PRESETS}


def can_begin_with(experiment: Experiment) -> bool:
    """Whether the page can show and steer a run of this."""
    return experiment.model.explorable and "beta" in experiment.objective.controls


def axes_of(folder: Path) -> list[Axis]:
    """What can be chosen, each by the dotted key that it sets; larger runs take a terminal."""
    return [
        _options("data", "data", _data(folder)),
        _options("model.encoder", "network", _kinds(BaseEncoder.axis)),
        _number("model.latent", "latent dimensions", 1, 64),
        _number("model.top.latent", "upper latent dimensions", 1, 64),
        _number("model.codes", "entries of the codebook", 2, 4096),
        _options("model.likelihood", "likelihood", _kinds(BaseLikelihood.axis)),
        _options("model.prior", "prior", _kinds(BasePrior.axis)),
        _options("model.condition", "conditioning", CONDITIONS),
        _number("training.epochs", "epochs", 1, 10_000),
        _number("training.batch_size", "batch size", 1, 4096),
        _number("training.seed", "seed", 0, 2**31),
        _number("objective.beta", "beta", 0, MAX_BETA, restarts=False),
        _number("training.optimizer.learning_rate", "learning rate", MIN_LEARNING_RATE,
                MAX_LEARNING_RATE, restarts=False),
    ]  # fmt: skip


def _base(name: str, path: Path, experiment: Experiment, axes: list[Axis]) -> dict[str, Any]:
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = [line[2:] for line in lines if line.startswith("# ") and "yaml-language" not in line]
    config = experiment.model_dump(mode="json")
    values = {key: _in_words(key, config) for key in _keys_of(experiment, axes)}
    refused = _refused(experiment, axes)
    return {"name": name, "about": " ".join(comment), "values": values, "refused": refused}


def _keys_of(experiment: Experiment, axes: list[Axis]) -> list[str]:
    """Those of the axes that its model and objective have, and that change something."""
    config = experiment.model_dump(mode="json")
    # of a code that is certain the rate has no gradient, and the prior is fitted afterwards
    idle = {"objective.beta", "model.prior"} if experiment.model.certain else set()
    found = [axis["key"] for axis in axes if axis["key"] not in idle]
    return [key for key in found if _at(config, key) is not None]


def _at(config: Any, key: str) -> Any:
    """What a config has at a dotted key; None where it has no such key."""
    for part in key.split("."):
        config = config.get(part) if isinstance(config, dict) else None
    return config


def _refused(experiment: Experiment, axes: list[Axis]) -> dict[str, list[Any]]:
    """Options of which its model cannot be made; of a code that is one vector all can."""
    if experiment.model.flat:
        return {}
    keys = {"model.encoder", "model.prior", "model.condition"} & {*_keys_of(experiment, axes)}
    options = {axis["key"]: [one["value"] for one in axis["options"]] for axis in axes
               if axis["key"] in keys}  # fmt: skip
    return {key: [one for one in values if not _can_be_made(experiment, key, one)]
            for key, values in options.items()}  # fmt: skip


def _can_be_made(experiment: Experiment, key: str, value: Any) -> bool:
    try:
        changed = override(
            Experiment, experiment.model_dump(mode="json"), [f"{key}={_flow(value)}"]
        )
        domain = experiment.data.pixels.domain
        validate(Experiment, changed, "the page").model.build(TRIED, domain, TRIED_CLASSES)
    except UserError:
        return False
    return True


def _in_words(key: str, config: Mapping[str, Any]) -> str:
    """What a config has for an axis, as the options of that axis are called."""
    value = _at(config, key)
    if key == "data":
        return _label_of_data(value)
    if key == "model.condition":
        return "none" if value == UNCONDITIONAL else "on the class"
    return in_words(value) if isinstance(value, dict) else f"{value:g}"


def in_words(value: Mapping[str, Any]) -> str:
    """A section that has a kind: a schedule as it is, anything else by its kind."""
    match value:
        case {"kind": "constant", "value": number}:
            return f"{number:g}"
        case {"kind": "linear", "start": start, "end": end, "epochs": epochs}:
            return f"{start:g} to {end:g} in {epochs:g} epoch{'s' * (epochs != 1)}"
    return str(value["kind"]).replace("_", " ")


def _data(folder: Path) -> list[dict[str, Any]]:
    """Data sections of the shipped configs and of the runs, each once."""
    found: dict[str, dict[str, Any]] = {}

    def add(data: dict[str, Any], where: str) -> None:
        label = _label_of_data(data)
        found.setdefault(label, {"value": data, "label": label, "about": f"as in {where}"})

    for data, where in (*SMALL, *DIGITS):
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
    pixels = data["pixels"]
    spread = "dequantised " if pixels.get("dequantised") else ""
    label = f"{data['kind']}, {spread}{pixels['kind']} pixels".replace("_", " ")
    return f"{label} ({Path(data['path']).name})" if data.get("path") else label


def _kinds(axis: RegisteredAxis) -> list[dict[str, Any]]:
    return [
        {"value": kind, "label": kind.replace("_", " "), "about": About.of(cls).sentence}
        for kind, cls in axis.kinds.items()
    ]


def _options(key: str, label: str, options: list[dict[str, Any]]) -> Axis:
    return {"key": key, "label": label, "restarts": True, "options": options}


def _number(key: str, label: str, minimum: float, maximum: float, restarts: bool = True) -> Axis:
    return {
        "key": key, "label": label, "restarts": restarts, "minimum": minimum, "maximum": maximum,
        "integer": takes_integers(Experiment, key),
    }  # fmt: skip


MAX_PACE_SECONDS = 10.0
RANGE_OF = {"unit": "sigmoid", "signed": "tanh", "binary": "sigmoid", "levels": "identity"}
"""Output activations that reach all of a domain and nothing else, where there is one."""


def for_a_page(name: str) -> list[str]:
    """What a run that is begun on a page has of its own: a name, and a core left to the page."""
    # the number stands in the run's config, which repeats it exactly
    threads = max(1, torch.get_num_threads() - 1)
    return [
        f"task_name={_flow(name)}", "figures.every_epoch=[]", "figures.at_end=[]",
        f"training.threads={threads}",
    ]  # fmt: skip


def experiment_of(base: str, wished: Mapping[str, Any], folder: Path, name: str) -> Experiment:
    """The experiment that the page asks for: a shipped config, and values by the axes' keys."""
    if base not in shipped_configs() or not can_begin_with(begun := load_experiment(base)[0]):
        raise BadValueError(f"`{base}` is no shipped config that a page can show and steer")
    every = axes_of(folder)
    keys, refused = set(_keys_of(begun, every)), _refused(begun, every)
    axes = {axis["key"]: axis for axis in every if axis["key"] in keys}
    assignments = for_a_page(name)
    for key, value in wished.items():
        if key not in axes:
            raise BadValueError(f"`{key}` cannot be chosen on the page; use `vaelab train`")
        _check(axes[key], value)
        if value in refused.get(key, []):
            raise BadValueError(
                f"{axes[key]['label']}: {value} does not go with the model of {base}"
            )
        assignments.append(f"{key}={_flow(value)}")
    assignments += _decoder(wished, base)
    try:
        return load_experiment(base, assignments)[0]
    except UserError as error:
        raise BadValueError(str(error).removeprefix(f"{base}: ")) from error


class Settings(Body):
    """What the page changes while a run trains, and what happens when the last page closes."""

    beta: float = Field(default=1, ge=0, le=MAX_BETA)
    learning_rate: float = Field(default=1e-3, ge=MIN_LEARNING_RATE, le=MAX_LEARNING_RATE)
    pace: float = Field(default=0, ge=0, le=MAX_PACE_SECONDS)
    stop_at: int | None = Field(default=None, ge=0, le=2**53)
    on_close: Literal["keep", "pause"] = "keep"


def _flow(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True).strip().removesuffix("\n...")


def _decoder(wished: Mapping[str, Any], base: str) -> list[str]:
    """A decoder of the encoder's kind, its output in the likelihood's and the data's range."""
    if not {"data", "model.encoder", "model.likelihood"} & wished.keys():
        return []
    encoder = wished.get("model.encoder")
    begun = load_experiment(base, [f"model.encoder={encoder}"] if encoder else [])[0]
    likelihood = wished.get("model.likelihood", begun.model.likelihood.kind)
    data = wished.get("data") or begun.data.model_dump(mode="json")
    parameters = cast(type[BaseLikelihood], BaseLikelihood.axis.kinds[likelihood])
    usual = parameters.output_activation or RANGE_OF[data["pixels"]["kind"]]
    output = "identity" if parameters.raw else usual
    model = cast(VAEConfig, begun.model)
    if model.decoder is None:  # it is the encoder mirrored
        mirrored = model.encoder.mirrored().model_copy(update={"output_activation": output})
        return [f"model.decoder={_flow(mirrored.model_dump(mode='json'))}"]
    if encoder:
        return [f"model.decoder={{kind: {encoder}, output_activation: {output}}}"]
    return [f"model.decoder.output_activation={output}"]


def _check(axis: Axis, value: Any) -> None:
    label, got = axis["label"], repr(value)[:100]
    if "options" in axis:
        if value not in [option["value"] for option in axis["options"]]:
            raise BadValueError(f"{label}: {got} is none of what can be chosen")
        return
    least, most = axis["minimum"], axis["maximum"]
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise BadValueError(f"{label}: a number from {least:g} to {most:g} is needed, got {got}")
    if axis["integer"] and int(value) != value:
        raise BadValueError(f"{label}: a whole number is needed, got {value}")
