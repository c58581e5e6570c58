"""Whether two folders of runs are equal, byte for byte."""

import filecmp
import json
from collections.abc import Iterator
from pathlib import Path

import torch

from vaelab.tensorfile import read_tensors


def difference(alone: Path, other: Path, stopped: bool = False, apart: bool = False) -> str | None:
    """What is another in two folders of runs that should be equal; None where nothing is.

    Args:
        alone: of a training left alone.
        other: of one that was not.
        stopped: it may have kept steps for the explorer besides, as a training does that is told to
            stop, here because another of its processes was killed.
        apart: the runs are replicas, which a kill may leave a save apart. Those behind go on alone
            until they are level, which is what they would be together but for float rounding: of
            such a run the weights are compared, and the names of all its files.
    """
    names = [sorted(_names(folder)) for folder in (alone, other)]
    if stopped:
        if wrong := _other_steps(alone, other):
            return wrong
        names = [[name for name in some if "/explorer/" not in name] for some in names]
    if names[0] != names[1]:
        return f"other files: {sorted(set(names[0]) ^ set(names[1]))[:5]}"
    rounded = [run.name for run in alone.iterdir() if apart and _is_rounded(run, other / run.name)]
    for name in names[0]:
        one, two = alone / name, other / name
        if name.partition("/")[0] in rounded:
            continue
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


def _is_rounded(one: Path, two: Path) -> bool:
    """Whether two runs have come as far, to weights that are equal but for float rounding."""
    (first, about), (second, known) = (
        read_tensors(run / "resume.safetensors") for run in (one, two)
    )
    if about["progress"]["step"] != known["progress"]["step"] or first.keys() != second.keys():
        return False
    near = [torch.allclose(first[n], second[n], rtol=1e-3, atol=1e-4) for n in first]
    return all(near) and not all(torch.equal(first[n], second[n]) for n in first)


def _other_tensors(one: Path, two: Path) -> str | None:
    (first, about), (second, known) = read_tensors(one), read_tensors(two)
    for header in (about, known):
        header.get("progress", {}).pop("seconds", None)
    if about != known:
        return "its header says something else"
    same = first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)
    return None if same else "other numbers"
