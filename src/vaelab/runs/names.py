"""What the user names, found on the disk: configs, runs, sweeps; without PyTorch.

So a name that is nobody's is refused at once, and a list of runs is there at once.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from vaelab.errors import MissingFileError, near
from vaelab.files import may_be_there
from vaelab.runs.runfiles import CONFIG
from vaelab.yamlfile import quoted

RUNS = Path("runs")
"""Where runs are kept, unless the user says otherwise."""
ARRAYS = {".npz", ".npy", ".csv"}
"""Endings of files of images."""
SWEEP = "sweep.yaml"
"""What a folder of a sweep holds."""


def shipped_configs() -> dict[str, Path]:
    """The configs that come with vaelab, by name."""
    return _shipped("*.yaml")


def shipped_traps() -> dict[str, Path]:
    """The pairs of a mistake and its cure that come with vaelab, by name."""
    return _shipped("traps/*.yaml")


def _shipped(pattern: str) -> dict[str, Path]:
    package = Path(__file__).parents[1]
    # inside an installed wheel, or at the top of a checkout
    folders = [package / "configs", package.parents[1] / "configs"]
    files = (path for folder in folders if folder.is_dir() for path in sorted(folder.glob(pattern)))
    return {path.stem: path for path in files}


def find_config(name: str) -> Path:
    """The YAML file the user means by a path, a run's folder, or a shipped config's name."""
    path = Path(name)
    if os.path.isfile(path):
        return path
    if may_be_there(path / CONFIG):
        return path / CONFIG
    shipped = shipped_configs()
    if (stem := name.removesuffix(".yaml")) in shipped:
        return shipped[stem]
    if path.suffix.lower() in ARRAYS:
        raise MissingFileError(f"there is no file {quoted(name)}")
    raise MissingFileError(
        f"there is no config or run {quoted(name)}, and no folder of pictures; "
        f"{near(quoted(stem), shipped)}shipped configs: {', '.join(shipped)}"
    )


def config_place(name: str, folder: Path) -> str:
    """What `find_config` takes, or may be pictures: that name, or a run's in the folder of runs."""
    if os.path.exists(name):
        return name
    inside = folder / name
    if name.removesuffix(".yaml") not in shipped_configs() and may_be_there(inside / CONFIG):
        return str(inside)
    find_config(name)
    return name


def find_run_folder(name: str, folder: Path) -> Path:
    """The folder of the run the user means: that folder, or a name inside the folder of runs."""
    advice = "`vaelab runs` lists runs, `vaelab train CONFIG` makes one"
    return _find("run", CONFIG, name, [folder / name], folder, advice)


def find_sweep(name: str, folder: Path) -> Path:
    """The folder of the sweep the user means: that folder, or a name inside the folder of runs.

    A sweep of a config has the config's name with `_sweep` behind it, and either names it.
    """
    others = [folder / name, folder / f"{name}_sweep"]
    advice = "`vaelab sweep run CONFIG KEY=VALUES` makes one"
    return _find("sweep", SWEEP, name, others, folder, advice)


def _find(
    what: str, holding: str, name: str, others: Sequence[Path], folder: Path, advice: str
) -> Path:
    """The first of the named folder and others that holds such a file."""
    places = [Path(name), *others]
    for path in places:
        if may_be_there(path / holding):
            return path
    near_by = near(quoted(name), _names_in(folder, holding))
    raise MissingFileError(
        f"there is no {what} in {', '.join(map(str, places))} (no {holding}); {near_by}{advice}"
    )


def _names_in(folder: Path, holding: str) -> list[str]:
    """The folders in a folder that hold a file of that name; none where nobody may look."""
    try:
        return sorted(name for name in os.listdir(folder) if may_be_there(folder / name / holding))
    except OSError:
        return []
