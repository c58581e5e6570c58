"""A run in a list: of what it is, how far, its numbers, settings that differ; and at a glance."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from vaelab.bundle import Bundle
from vaelab.console import visible
from vaelab.data.store import evenly_spaced
from vaelab.errors import UserError
from vaelab.experiment import Experiment
from vaelab.explorer.choices import in_words
from vaelab.explorer.watch import Stamp, stamp
from vaelab.runs.listing import about_config
from vaelab.runs.records import read_rows_at
from vaelab.runs.run import Run

READ = ("config.yaml", "metrics.jsonl", "weights.safetensors")
"""Files of a run on which its line depends."""
SECTIONS = ("data", "model", "objective", "training", "prior_fit")
"""Of a config: what can make one run's numbers others than another's."""
UNIMPORTANT = {
    f"training.{name}"
    for name in ("device", "engine", "log_every", "loggers", "max_minutes", "preview",
                 "save_minutes", "threads")
}  # fmt: skip
"""Settings of these sections that say where and how it is computed, not what."""

Settings = dict[str, str]


@dataclass(frozen=True)
class Line:
    """What a list says of a run, and all its settings in words, by their dotted keys."""

    row: dict[str, Any]
    settings: Settings


@dataclass(frozen=True)
class Lines:
    """The lines of runs; a run whose files are as they were is not read again."""

    _known: dict[Path, tuple[tuple[Stamp, ...], Line]] = field(default_factory=dict)
    _reading: Lock = field(default_factory=Lock)

    def of(self, path: Path) -> Line:
        """The line of a run; with the reason where it cannot be shown."""
        stamps = tuple(stamp(path / name) for name in READ)
        with self._reading:  # what two pages ask for at once is read once
            known = self._known.get(path)
            if known is None or known[0] != stamps:
                known = self._known[path] = stamps, _line(path)
        return known[1]

    def keep(self, paths: Iterable[Path]) -> None:
        """Forget all runs but these."""
        for path in self._known.keys() - set(paths):
            self._known.pop(path, None)


def differing(settings: Iterable[Settings]) -> set[str]:
    """Keys of settings that not all have alike."""
    kept = [one for one in settings if one]
    keys = {key for one in kept for key in one}
    return {key for key in keys if len({one.get(key) for one in kept}) > 1}


def _line(path: Path) -> Line:
    row: dict[str, Any] = {
        "id": path.name, "data": "", "model": "", "latent": 0, "epochs_done": 0, "epochs": 0,
        "elbo_nats": None, "distortion_nats": None, "rate_nats": None, "obstacle": None,
    }  # fmt: skip
    try:
        run = Run(path)
        about = run.about_weights()
        last, kept = read_rows_at(run.metrics_path, about.get("step"))
    except (UserError, OSError) as error:
        return Line(row | {"obstacle": visible(str(error))}, {})
    config = run.experiment
    row["data"], row["model"], row["epochs"] = about_config(config.model_dump(mode="json"))
    row |= {
        "epochs_done": last["epoch"] if last else 0,
        "elbo_nats": about.get("valid_elbo_nats"),
    }
    if row["elbo_nats"] is not None and kept:
        row |= {name: kept[name] for name in ("distortion_nats", "rate_nats")}
    row["latent"] = config.model.latent
    if not config.model.explorable:
        row["obstacle"] = f"a `{config.model.kind}` has no code that is one vector to walk in"
    return Line(row, settings_of(config))


def settings_of(experiment: Experiment) -> Settings:
    """What makes a run's numbers others than another's, in words by dotted keys."""
    plain = experiment.model_dump(mode="json")
    found = Settings()
    _collect({name: plain[name] for name in SECTIONS}, "", found)
    found["training.changes"] = "; ".join(map(_change, plain["training"]["changes"])) or "none"
    return {key: text for key, text in found.items() if key not in UNIMPORTANT}


def _collect(section: Mapping[str, Any], above: str, found: Settings) -> None:
    for name, value in section.items():
        key = f"{above}{name}"
        if not isinstance(value, dict):
            found[key] = _text(value)
            continue
        if "kind" in value:
            found[key] = in_words(value)
        if found.get(key) in (None, in_words({"kind": value.get("kind")})):  # else they say it all
            rest = {name: one for name, one in value.items() if name != "kind"}
            _collect(rest, f"{key}.", found)


def _change(change: Mapping[str, Any]) -> str:
    new = [f"{name.replace('_', ' ')} {change[name]:g}" for name in ("beta", "learning_rate")
           if change[name] is not None]  # fmt: skip
    at = f"step {change['step']:,}"
    set_here = [f"{' and '.join(new)} from {at}"] if new else []
    return ", ".join(set_here + ([f"stopped at {at}"] if change["stop"] else []))


def _text(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return f"{value:g}" if abs(value) < 1e6 else str(value)
        case str():
            return visible(value)
        case list():
            return ", ".join(map(_text, value))
        case dict():
            given = {name: one for name, one in value.items() if one is not None}
            plain = " ".join(f"{name} {_text(one)}" for name, one in given.items())
            return in_words(value) if "kind" in value else plain
    return str(value)


POINTS = 200
"""Of a picture, at most."""


def glance(run: Run) -> dict[str, Any]:
    """Means of q(z|x) at the best kept step, in the two dimensions in which they vary most.

    Returns:
        `points`: x, y and label of some images; none where the run has no bundle yet, which is not
        made for this, and where its codes are no vectors.
    """
    if not (run.bundle / "manifest.json").is_file():
        return {"points": []}
    bundle = Bundle(run)
    if bundle.has_codebook:
        return {"points": []}
    steps = bundle.steps()
    step = next((one for one in steps if one.get("best")), steps[-1])
    labels = np.frombuffer(bundle.read("labels.u8"), np.uint8)
    codes = np.frombuffer(bundle.read(f"codes/{step['index']:04}.i16"), "<i2")
    loc = codes.reshape(len(labels), 2, -1)[:, 0].astype(float) * step["loc_unit"]
    some = evenly_spaced(len(loc), min(POINTS, len(loc)))
    first, *others = np.sort(np.argsort(-loc.var(0), kind="stable")[:2])
    y = loc[some, others[0]] if others else np.zeros(len(some))
    places = np.round(np.stack([loc[some, first], y], 1), 3)
    return {
        "points": [
            [*place, int(label)] for place, label in zip(places.tolist(), labels[some], strict=True)
        ]
    }
