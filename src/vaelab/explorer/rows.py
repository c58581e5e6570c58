"""A run in a line of a list: of what it is, how far, its numbers, and settings that differ."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from vaelab.config import Config
from vaelab.console import visible
from vaelab.errors import UserError
from vaelab.explorer.choices import in_words
from vaelab.runs.listing import model_words
from vaelab.runs.records import Row, read_rows_at
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

Stamps = tuple[tuple[int, int, int] | None, ...]
Settings = dict[str, str]


@dataclass(frozen=True)
class Line:
    """What a list says of a run, and all its settings in words, by their dotted keys."""

    row: dict[str, Any]
    settings: Settings


@dataclass(frozen=True)
class Lines:
    """The lines of runs; a run whose files are as they were is not read again."""

    _known: dict[Path, tuple[Stamps, Line]] = field(default_factory=dict)
    _reading: Lock = field(default_factory=Lock)

    def of(self, path: Path) -> Line:
        """The line of a run; with the reason where it cannot be shown."""
        stamps = tuple(_stamp(path / name) for name in READ)
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


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


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
    row |= {
        "data": config.data.kind,
        "model": f"{model_words(config.model.model_dump())}, {config.model.likelihood.kind}",
        "epochs_done": last["epoch"] if last else 0,
        "epochs": config.epochs,
        "elbo_nats": about.get("valid_elbo_nats"),
    }
    if row["elbo_nats"] is not None and kept:
        row |= {name: kept[name] for name in ("distortion_nats", "rate_nats")}
    if config.model.flat:
        row["latent"] = config.model.latent
    else:
        row["obstacle"] = f"a `{config.model.kind}` has no code that is one vector to walk in"
    return Line(row, _settings(config))


def _settings(config: Config) -> Settings:
    plain: Row = config.model_dump(mode="json", include=set(SECTIONS))
    found = Settings()
    _collect(plain, "", found)
    return {key: text for key, text in found.items() if key not in UNIMPORTANT}


def _collect(section: Mapping[str, Any], above: str, found: Settings) -> None:
    for name, value in section.items():
        key = f"{above}{name}"
        if not isinstance(value, dict):
            found[key] = _text(value)
            continue
        if "kind" in value:
            found[key] = in_words(value)
        if found.get(key) in (None, _text(value.get("kind"))):  # else the words say all of it
            rest = {name: one for name, one in value.items() if name != "kind"}
            _collect(rest, f"{key}.", found)


def _text(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return f"{value:g}" if abs(value) < 1e6 else str(value)
        case str():
            return visible(value).replace("_", " ")
        case list():
            return ", ".join(map(_text, value))
        case dict():
            given = {name: one for name, one in value.items() if one is not None}
            plain = " ".join(f"{name} {_text(one)}" for name, one in given.items())
            return in_words(value) if "kind" in value else plain
    return str(value)
