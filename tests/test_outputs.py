"""Commands write over nothing that is there already."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Answer
from vaelab.evaluation.evaluate import evaluate
from vaelab.runs.run import Run

COMMANDS = {
    "samples.png": ("sample", "RUN"),
    "reconstructed.png": ("reconstruct", "RUN", "IMAGE"),
    "codes.csv": ("encode", "RUN", "IMAGE"),
    "comparison.png": ("compare", "RUN", "OTHER"),
    "tiny_architecture.png": ("describe", "RUN"),
    "tiny_data.png": ("data", "show", "RUN"),
}
NAMED = {"sample": "--out", "reconstruct": "--out", "encode": "--out"}


@pytest.fixture(scope="module")
def evaluated(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs with numbers to compare."""
    folders = []
    for name in ("tiny", "other"):
        folder = tmp_path_factory.mktemp("runs") / name
        shutil.copytree(trained.path, folder)
        evaluate(Run(folder), samples=2)
        folders.append(folder)
    return folders[0], folders[1]


@pytest.fixture(params=COMMANDS)
def usual(request: pytest.FixtureRequest) -> str:
    """The name that a command gives its file."""
    return str(request.param)


@pytest.fixture
def words(
    usual: str, evaluated: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """The command, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    image = tmp_path / "image.png"
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(image)
    run, other = evaluated
    names = {"RUN": str(run), "OTHER": str(other), "IMAGE": str(image)}
    return [names.get(word, word) for word in COMMANDS[usual]]


def test_the_usual_name_is_numbered(
    usual: str, words: list[str], vaelab: Callable[..., Answer]
) -> None:
    stem, ending = usual.split(".")
    Path(usual).write_text("yesterday's")
    for number in (2, 3):
        answer = vaelab(*words)
        assert answer.code == 0, answer.err
        assert f"{stem}-{number}.{ending}" in answer.out.replace("\n", "")
        assert Path(f"{stem}-{number}.{ending}").stat().st_size > 50
    assert Path(usual).read_text() == "yesterday's"
    assert vaelab(*words, "--overwrite").code == 0
    assert Path(usual).stat().st_size > 50


def test_a_name_that_is_given_is_refused(
    usual: str, words: list[str], vaelab: Callable[..., Answer]
) -> None:
    path = Path(f"mine{Path(usual).suffix}")
    path.write_text("mine")
    option = NAMED.get(words[0], "--picture")
    answer = vaelab(*words, option, path)
    assert answer.code == 2
    assert f"{path} is there already; --overwrite replaces it" in answer.err
    assert path.read_text() == "mine"
    assert vaelab(*words, option, path, "--overwrite").code == 0
    assert path.stat().st_size > 50


@pytest.mark.parametrize("ending", [".svg", ".npy", ""])
def test_an_ending_of_another_format_is_refused(
    ending: str, vaelab: Callable[..., Answer], trained: Run, tmp_path: Path
) -> None:
    for command, right in (("sample", ".png"), ("encode", ".csv or .npz")):
        words = [trained.path, *(["--split", "test"] if command == "encode" else [])]
        answer = vaelab(command, *words, "--out", tmp_path / f"own{ending}")
        assert answer.code == 2
        assert f"what is written is {right}; name it {tmp_path}/own{right.split()[0]}" in answer.err
    assert not [*tmp_path.glob("own*")]
