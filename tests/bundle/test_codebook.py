"""The bundle of a model whose code is a grid of entries of a codebook."""

import json
import shutil
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.conftest import tiny
from vaelab.bundle import Bundle
from vaelab.bundle.images import BundleImages
from vaelab.bundle.packed import packed
from vaelab.errors import BadValueError
from vaelab.explorer.computing import Codes, Computer, Images
from vaelab.explorer.library import Library
from vaelab.explorer.rows import glance
from vaelab.runs.run import Run
from vaelab.training import train

VQ = "model={kind: vq, codes: 12, latent: 3}"
PLACES, ENTRIES = 4, 12


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    experiment = tiny(VQ, "explorer.keep=4", "task_name=vq")
    return train(experiment, tmp_path_factory.mktemp("runs")).run


def test_codes_are_the_numbers_of_the_entries(run: Run) -> None:
    bundle = Bundle(run)
    bundle.check()
    manifest = bundle.manifest()
    assert manifest["codebook"] == {"entries": ENTRIES, "grid": [2, 2]}
    assert manifest["latent"] == PLACES
    last = manifest["steps"][-1]
    codes = np.frombuffer(bundle.read(f"codes/{last['index']:04}.i16"), "<u2")
    codes = codes.reshape(-1, PLACES)
    model, _ = run.load_model()
    data = run.experiment.data
    images = BundleImages(data.load(), data.pixels, 10, torch.device("cpu"))
    with torch.no_grad():
        found = [model.encode(batch.x).value.flatten(1) for batch in images.loader.batches()]
    wanted = torch.cat(found)
    assert (codes == wanted.numpy()).mean() > 0.99  # the best step need not be the last
    readings = last["readings"]
    assert readings["rate_nats"] == pytest.approx(PLACES * np.log(ENTRIES), rel=1e-5)


def test_golden_pairs_are_entries(run: Run) -> None:
    golden = Bundle(run).manifest()["golden"]
    assert all(set(pair) == {"image", "class", "entries"} for pair in golden["encode"])
    z = np.array([pair["z"] for pair in golden["decode"]])
    assert set(z.flatten()) <= set(range(ENTRIES))


def test_it_is_packed_so_that_every_step_comes_back(run: Run) -> None:
    bundle = Bundle(run)
    files = packed(bundle, 50)
    about = json.loads(files["manifest.json"])["packed"]
    places = [tuple(place) for place in about["tensors"]]
    assert len(places) == len(set(places))
    assert sum(length for _, length in places) == bundle.manifest()["weights"]
    assert about["worst_decode"] < 0.1


def test_the_server_computes_what_the_page_cannot(tmp_path: Path) -> None:
    levels = "data={kind: digits, validation: 100, pixels: levels}"
    likelihood = "model.likelihood={kind: discretized_logistic}"
    words = [VQ, levels, likelihood, "explorer.keep=2", "training.epochs=1"]
    bundle = Bundle(train(tiny(*words), tmp_path).run)
    assert not bundle.exported
    index = bundle.steps()[-1]["index"]
    x = torch.randint(256, (3, 1, 8, 8)).numpy()
    text = Images(step=index, x=base64(x))
    entries = np.frombuffer(b64decode(Computer().encode(bundle, None, text)["loc"]), "<f4")
    assert set(entries) <= set(range(ENTRIES))
    far = Codes(step=index, z=base64(np.array([[0, 1, 11, 99.0]], np.float32)))
    near = Codes(step=index, z=base64(np.array([[0, 1, 11, 11.0]], np.float32)))
    assert Computer().decode(bundle, None, far) == Computer().decode(bundle, None, near)


def base64(values: np.ndarray) -> str:
    return b64encode(values.astype("<f4").tobytes()).decode()


def test_it_is_listed_and_has_no_points(run: Run) -> None:
    (row,) = Library(run.path.parent).rows()
    assert row["obstacle"] is None
    assert glance(run) == {"points": []}


@pytest.mark.parametrize(
    ("codebook", "words"),
    [
        ({"entries": 12, "grid": [2, 3]}, "codes of 4 numbers"),
        ({"entries": 70_000, "grid": [2, 2]}, "entries"),
        ({"entries": 12, "grid": [-2, -2]}, "grid"),
        ({"entries": 2, "grid": [2, 2]}, "numbers of no entry"),
        (None, "bytes, and"),
    ],
)
def test_what_does_not_fit_is_refused(run: Run, tmp_path: Path, codebook: Any, words: str) -> None:
    shutil.copytree(run.path, tmp_path / "copied")
    copied = Run(tmp_path / "copied")
    path = copied.bundle / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"codebook": codebook}))
    with pytest.raises(BadValueError, match=words):
        Bundle(copied).check()
