"""From what a person names to an experiment: a YAML file, a shipped config, or a run."""

import os
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from vaelab.config import override, validate
from vaelab.errors import MissingFileError
from vaelab.experiment import Experiment
from vaelab.run import Run
from vaelab.seed import is_seed, translate
from vaelab.yamlfile import quoted, read_yaml


def shipped_configs() -> dict[str, Path]:
    """The configs that come with vaelab, by name."""
    return _shipped("*.yaml")


def shipped_traps() -> dict[str, Path]:
    """The pairs of a mistake and its cure that come with vaelab, by name."""
    return _shipped("traps/*.yaml")


def _shipped(pattern: str) -> dict[str, Path]:
    package = Path(__file__).parent
    # inside an installed wheel, or at the top of a checkout
    folders = [package / "configs", package.parents[1] / "configs"]
    files = (path for folder in folders if folder.is_dir() for path in sorted(folder.glob(pattern)))
    return {path.stem: path for path in files}


def find_config(name: str) -> Path:
    """The YAML file a person means.

    Args:
        name: a file, a run's folder, or the name of a shipped config.

    Raises:
        MissingFileError: none of these; with the nearest name.
    """
    path = Path(name)
    if os.path.isfile(path):
        return path
    if Run.exists(path):
        return path / "config.yaml"
    shipped = shipped_configs()
    if (stem := name.removesuffix(".yaml")) in shipped:
        return shipped[stem]
    near = get_close_matches(quoted(stem), shipped, n=1)
    hint = f"did you mean `{near[0]}`? " if near else ""
    raise MissingFileError(
        f"there is no config or run {quoted(name)}; {hint}shipped configs: {', '.join(shipped)}"
    )


def load_experiment(name: str, assignments: Sequence[str] = ()) -> tuple[Experiment, list[str]]:
    """The experiment a person means, with dotted overrides.

    A YAML of the seed is translated; the notes say what of it has no counterpart, and what an
    override resets. A run has the name of its folder, whatever that was called when the run was
    begun.

    Raises:
        UserError: no such config, or it is not right.
    """
    data, notes = load_settings(name)
    changed = override(Experiment, data, assignments)
    experiment = validate(Experiment, changed, str(find_config(name)))
    return experiment, [*notes, *resets(data, changed)]


def load_settings(name: str) -> tuple[dict[str, Any], list[str]]:
    """The keys that the YAML a person means gives, and the notes, as `load_experiment`.

    Raises:
        UserError: no such config, or it is not YAML.
    """
    path = find_config(name)
    data: dict[str, Any] = read_yaml(path)
    if Run.exists(Path(name)):
        data["task_name"] = Path(name).resolve().name
    if is_seed(data):
        translation = translate(data, str(path))
        return translation.config, list(translation.notes)
    return data, []


def run_folder(name: str, runs: Path) -> Path:
    """The folder in which a run lies or will lie: its own where a run is named, else `runs`."""
    path = Path(name)
    return path.resolve().parent if Run.exists(path) else runs


def find_run(name: str, folder: Path) -> Run:
    """The run a person means: a folder, or a name inside the folder of runs.

    Raises:
        MissingFileError: there is none.
    """
    path = Path(name)
    return Run(folder / name if not Run.exists(path) and Run.exists(folder / name) else path)


def resets(data: Mapping[str, Any], changed: Mapping[str, Any]) -> list[str]:
    """What is back at its default because another kind took the place of one that had set it.

    Args:
        data: the keys that a config gives.
        changed: the same under overrides, a config that is right.

    Returns:
        A sentence for each section of another kind.
    """
    replaced = list(_replaced(data, changed))
    if not replaced:
        return []
    now = Experiment.model_validate(changed)
    values = now.model_dump(mode="json")
    notes = []
    for path, lost in replaced:
        section = _at(values, path)
        matter = [key for key, value in lost.items() if _differs(changed, path, key, value, now)]
        if matter:
            facts = [
                "{} is {}, not {}".format(key, *_short(section[key], lost[key])) for key in matter
            ]
            dotted = ".".join(path)
            notes.append(
                f"{dotted}={section['kind']} starts from its own defaults: {', '.join(facts)}; "
                f"{dotted}.{matter[0]}=... sets it"
            )
    return notes


def _replaced(
    before: Mapping[str, Any], after: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Sections that are of another kind now, with the keys that went with the former one."""
    if path and "kind" in after and before.get("kind") != after["kind"]:
        yield path, {key: value for key, value in before.items() if key not in after}
    for key in before.keys() & after.keys():
        if isinstance(before[key], dict) and isinstance(after[key], dict):
            yield from _replaced(before[key], after[key], (*path, key))


def _differs(
    changed: Mapping[str, Any], path: tuple[str, ...], key: str, value: Any, now: Experiment
) -> bool:
    """Whether the new kind takes this value too, and is another thing with it."""
    again = deepcopy(dict(changed))
    _at(again, path)[key] = value
    try:
        return Experiment.model_validate(again) != now
    except ValidationError:
        return False


def _at(data: Any, path: Sequence[str]) -> Any:
    for key in path:
        data = data[key]
    return data


def _short(*values: Any) -> list[str]:
    """Two values as one writes them, by their kinds alone where these tell them apart."""
    kinds = [value.get("kind") if isinstance(value, dict) else value for value in values]
    if "constant" in kinds:
        values = tuple(
            v["value"] if kind == "constant" else v for v, kind in zip(values, kinds, strict=True)
        )
    elif all(isinstance(kind, str) for kind in kinds) and kinds[0] != kinds[1]:
        values = tuple(kinds)
    plain = [to_jsonable_python(value) for value in values]
    texts = [yaml.safe_dump(value, default_flow_style=True, width=1000) for value in plain]
    return [text.removesuffix("...\n").strip() for text in texts]
