"""From what a person names to an experiment: a YAML file, a shipped config, or a run."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from vaelab.config import override, read_yaml, validate
from vaelab.errors import MissingFileError
from vaelab.experiment import Experiment
from vaelab.run import Run
from vaelab.seed import is_seed, translate


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
    if path.is_file():
        return path
    if Run.exists(path):
        return path / "config.yaml"
    shipped = shipped_configs()
    if (stem := name.removesuffix(".yaml")) in shipped:
        return shipped[stem]
    near = get_close_matches(stem, shipped, n=1)
    hint = f"did you mean `{near[0]}`? " if near else ""
    raise MissingFileError(
        f"there is no config or run {name}; {hint}shipped configs: {', '.join(shipped)}"
    )


def load_experiment(name: str, assignments: Sequence[str] = ()) -> tuple[Experiment, list[str]]:
    """The experiment a person means, with dotted overrides.

    A YAML of the seed is translated; the notes say what of it has no counterpart. A run has the
    name of its folder, whatever that was called when the run was begun.

    Raises:
        UserError: no such config, or it is not right.
    """
    data, notes = load_settings(name)
    source = str(find_config(name))
    return validate(Experiment, override(Experiment, data, assignments), source), notes


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
