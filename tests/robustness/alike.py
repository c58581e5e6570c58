"""Whether two folders of runs are equal, byte for byte."""

import filecmp
import json
from collections.abc import Iterator
from pathlib import Path

import torch

from vaelab.tensorfile import read_tensors


def difference(alone: Path, other: Path, stopped: bool = False) -> str | None:
    """What is another in two folders of runs that should be equal; None where nothing is.

    Args:
        alone: of a training left alone.
        other: of one that was not.
        stopped: it may have kept steps for the explorer besides, as a training does that is told to
            stop, here because another of its processes was killed.
    """
    names = [sorted(_names(folder)) for folder in (alone, other)]
    if stopped:
        if wrong := _other_steps(alone, other):
            return wrong
        names = [[name for name in some if "/explorer/" not in name] for some in names]
    if names[0] != names[1]:
        return f"other files: {sorted(set(names[0]) ^ set(names[1]))[:5]}"
    for name in names[0]:
        one, two = alone / name, other / name
        if one.suffix == ".safetensors":
            if wrong := _other_tensors(one, two):
                return f"{name}: {wrong}"
        elif one.name != "environment.json" and not filecmp.cmp(one, two, shallow=False):
            return f"{name} has other bytes"
    return None


def _other_steps(alone: Path, other: Path) -> str | None:
    """What of the steps kept for the explorer is not in the other as well."""
    kept, found = _steps(alone), _steps(other)
    for step, files in kept.items():
        if step not in found:
            return f"step {step} is not kept"
        if not all(
            filecmp.cmp(*pair, shallow=False) for pair in zip(files, found[step], strict=True)
        ):
            return f"what is kept of step {step} has other bytes"
    return None


def _steps(runs: Path) -> dict[int, list[Path]]:
    (manifest,) = runs.glob("*/explorer/manifest.json")
    return {
        one["step"]: [manifest.parent / name.format(one["index"])
                      for name in ("weights/{:04}.f16", "codes/{:04}.i16")]
        for one in json.loads(manifest.read_text())["steps"]
    }  # fmt: skip


def _names(folder: Path) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _other_tensors(one: Path, two: Path) -> str | None:
    (first, about), (second, known) = read_tensors(one), read_tensors(two)
    for header in (about, known):
        header.get("progress", {}).pop("seconds", None)
    if about != known:
        return "its header says something else"
    same = first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)
    return None if same else "other numbers"
