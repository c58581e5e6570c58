"""From what the user names to an experiment: a YAML file, a shipped config, or a run."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from vaelab.config import override, validate
from vaelab.errors import BadValueError
from vaelab.experiment import Experiment
from vaelab.importers.vae_pytorch import is_seed, translate
from vaelab.recipe import is_pictures, suggest
from vaelab.runs.names import find_config, find_run_folder, shipped_configs
from vaelab.runs.run import Run
from vaelab.yamlfile import read_yaml


def names_pictures(name: str) -> bool:
    """Whether the user means pictures of their own, for which a recipe is chosen."""
    path = Path(name)
    return is_pictures(path) and not Run.exists(path) and name not in shipped_configs()


def load_experiment(name: str, assignments: Sequence[str] = ()) -> tuple[Experiment, list[str]]:
    """The experiment the user means, with dotted overrides.

    A YAML of the seed is translated; the notes say what of it has no counterpart, and what an
    override resets. For pictures a recipe is chosen, which a note shows. A run has the name of
    its folder, whatever that was called when the run was begun.
    """
    data, notes = load_settings(name, assignments)
    changed = override(Experiment, data, assignments)
    place = name if names_pictures(name) else str(find_config(name))
    try:
        experiment = validate(Experiment, changed, place, assignments)
    except BadValueError:
        if Run.exists(Path(name)):
            Run(name)  # it says which plugins are missing
        raise
    return experiment, [*notes, *resets(data, changed)]


def load_settings(name: str, assignments: Sequence[str] = ()) -> tuple[dict[str, Any], list[str]]:
    """The keys that the YAML the user means gives, and the notes, as `load_experiment`.

    A recipe is chosen for the data as the overrides have it.
    """
    if names_pictures(name):
        recipe = suggest(Path(name), assignments)
        return yaml.safe_load(recipe), [f"the recipe for {name}, before other overrides:\n{recipe}"]
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
    """The run the user means: a folder, or a name inside the folder of runs."""
    return Run(find_run_folder(name, folder))


def resets(data: Mapping[str, Any], changed: Mapping[str, Any]) -> list[str]:
    """What is back at its default because another kind took the place of one that had set it.

    A sentence for each section of another kind in `changed`, which is `data` under overrides and a
    config that is right.
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
