"""A pickle is refused before it is opened, and the line that is offered works."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import Answer

from vaelab.data import NpzData
from vaelab.data.formats.pictures import read_picture
from vaelab.data.formats.untrusted import conversion, refuse_pickle
from vaelab.errors import BadValueError

Command = Callable[..., Answer]
FACES = np.random.default_rng(0).random((10, 560))


@pytest.mark.parametrize(
    "data",
    [
        "{kind: npz, path: faces.pkl}",
        "{kind: images, path: faces.pickle}",
        "{kind: images, train: pictures, test: faces.PKL}",
        "{kind: csv, train: faces.pkl}",
        "{kind: csv, train: a.csv, test: faces.pkl}",
        "{kind: mnist, path: faces.pkl}",
    ],
)
@pytest.mark.parametrize("command", [("train",), ("data", "show")])
def test_given_as_data_it_is_refused_in_two_lines(
    command: tuple[str, ...], data: str, vaelab: Command
) -> None:
    answer = vaelab(*command, "digits", f"data={data}")
    assert answer.code == 2
    reason, line = answer.err.strip().splitlines()
    assert "runs whatever code is in it" in reason
    assert "kind: npz, path: faces.npz" in reason
    assert line.startswith("import pickle, numpy as np; ")


def test_given_as_a_picture_it_is_refused(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    path = tmp_path / "face.pkl"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(BadValueError, match="a pickle is never read"):
        read_picture(str(path))
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("name", ["a.npz", "pkl", "a.pkl/b.csv", "pickle.csv"])
def test_other_names_pass(name: str) -> None:
    assert refuse_pickle(Path(name)) == Path(name)


@pytest.mark.parametrize(
    "content", [FACES, FACES * 255, [FACES * 255]], ids=["unit", "grey", "list"]
)
def test_the_line_makes_an_archive_that_is_read(content: object, tmp_path: Path) -> None:
    path, archive = tmp_path / "it's.pkl", tmp_path / "it's.npz"
    path.write_bytes(pickle.dumps(content))
    subprocess.run([sys.executable, "-c", conversion(path, archive)], check=True)
    raw = NpzData(path=archive).raw()
    expected = np.rint(FACES * 255).reshape(10, 1, 28, 20)
    assert np.array_equal(raw.train.images, expected)
    assert raw.classes == ("0",)
