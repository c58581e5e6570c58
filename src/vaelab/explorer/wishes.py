"""What the page asks for, checked against what it may choose."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml

from vaelab.errors import BadValueError, UserError
from vaelab.experiment import Experiment
from vaelab.explorer.choices import (
    LARGEST_BETA,
    LARGEST_RATE,
    Axis,
    axes_of,
    can_begin_with,
    pixels_of,
)
from vaelab.library import load_experiment, shipped_configs

SLOWEST = 10.0
OUTPUTS = {
    "bernoulli": "identity", "continuous_bernoulli": "identity", "categorical": "identity",
    "discretized_logistic": "sigmoid",
}  # fmt: skip
"""Output activations of likelihoods that take other parameters than pixels."""
RANGE_OF = {"unit": "sigmoid", "signed": "tanh", "binary": "sigmoid", "levels": "identity"}
"""Output activations that reach all of a domain and nothing else, where there is one."""


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
    if base not in shipped_configs() or not can_begin_with(begun := load_experiment(base)[0]):
        raise BadValueError(f"`{base}` is no shipped config that a page can show and steer")
    axes = {axis["key"]: axis for axis in axes_of(folder)}
    # a core is left to the page; the number stands in the run's config, which repeats it exactly
    threads = max(1, torch.get_num_threads() - 1)
    assignments = [
        f"task_name={name}", "figures.every_epoch=[]", "figures.at_end=[]",
        f"training.threads={threads}",
    ]  # fmt: skip
    for key, value in wished.items():
        if key not in axes:
            raise BadValueError(f"`{key}` cannot be chosen on the page; use `vaelab train`")
        _check(axes[key], value)
        assignments.append(f"{key}={_flow(value)}")
    assignments += _decoder(wished, begun)
    try:
        return load_experiment(base, assignments)[0]
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
            if value not in ("keep", "pause"):
                raise BadValueError("on_close is `keep` or `pause`")
        elif key not in ranges:
            raise BadValueError(f"`{key}` cannot be changed while a run trains")
        elif not (key == "stop_at" and value is None):
            _within(key, value, *ranges[key])
    return dict(values)


def _flow(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True).strip().removesuffix("\n...")


def _decoder(wished: Mapping[str, Any], base: Experiment) -> list[str]:
    """A decoder of the encoder's kind, its output in the likelihood's and the data's range."""
    if not {"data", "model.encoder", "model.likelihood"} & wished.keys():
        return []
    likelihood = wished.get("model.likelihood", base.model.likelihood.kind)
    data = wished.get("data") or base.data.model_dump(mode="json")
    output = OUTPUTS.get(likelihood) or RANGE_OF[pixels_of(data)]
    if encoder := wished.get("model.encoder"):
        return [f"model.decoder={{kind: {encoder}, output_activation: {output}}}"]
    return [f"model.decoder.output_activation={output}"]


def _check(axis: Axis, value: Any) -> None:
    if "options" in axis:
        if value not in [option["value"] for option in axis["options"]]:
            got = repr(value)[:100]
            raise BadValueError(f"{axis['label']}: {got} is none of what can be chosen")
        return
    _within(axis["label"], value, axis["minimum"], axis["maximum"])
    if axis["integer"] and int(value) != value:
        raise BadValueError(f"{axis['label']}: a whole number is needed, got {value}")


def _within(name: str, value: Any, least: float, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        got = repr(value)[:100]
        raise BadValueError(f"{name}: a number from {least:g} to {most:g} is needed, got {got}")
