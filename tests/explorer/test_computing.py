"""A model that a page cannot compute is computed by the server, step by step."""

import shutil
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

from tests.training.conftest import tiny
from vaelab.bundle import Bundle, BundleWriter
from vaelab.bundle.kept import flatten, restore
from vaelab.errors import BadValueError
from vaelab.explorer import frames
from vaelab.explorer.app import Explorer
from vaelab.explorer.computing import Codes, Computer
from vaelab.explorer.export import export_site
from vaelab.explorer.library import Library
from vaelab.models import FlatLatent
from vaelab.networks.exported import UnsupportedLayerError
from vaelab.runs.run import Run
from vaelab.training import train


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A conditional run whose bundle was written without graphs."""

    def refuse(model: FlatLatent) -> Any:
        raise UnsupportedLayerError("Attention")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vaelab.bundle.writer.export", refuse)
        condition = "model.condition={encoder: planes, decoder: one_hot}"
        return train(
            tiny("explorer.keep=20", condition, "task_name=odd"), tmp_path_factory.mktemp("odd")
        ).run


@pytest.fixture
def explorer(odd: Run, tmp_path: Path, page: Path) -> Explorer:
    shutil.copytree(odd.path, tmp_path / "runs" / "odd")
    return Explorer(Library(tmp_path / "runs"), page)


@pytest.fixture
def client(explorer: Explorer) -> TestClient:
    return TestClient(explorer.app())


def text(values: Any) -> str:
    return b64encode(np.asarray(values, dtype="<f4").tobytes()).decode()


def numbers(text: str) -> np.ndarray:
    return np.frombuffer(b64decode(text), "<f4")


def at(run: Run, index: int) -> FlatLatent:
    bundle = Bundle(run)
    model = bundle.model()
    restore(model, bundle.weights(index))
    return model


def test_every_step_has_weights_and_no_graph(odd: Run) -> None:
    bundle = Bundle(odd)
    bundle.check()
    manifest = bundle.manifest()
    assert manifest["unsupported"] == "Attention"
    assert manifest["encoder"] is manifest["decoder"] is None
    assert manifest["golden"] == {}
    first, last = (bundle.weights(index) for index in (0, len(manifest["steps"]) - 1))
    assert len(first) == manifest["weights"]
    assert not np.array_equal(first, last)


@pytest.mark.parametrize("index", [0, 2])
def test_codes_are_decoded_and_images_encoded(client: TestClient, odd: Run, index: int) -> None:
    model = at(odd, index)
    z, x = torch.randn(3, model.latent), torch.rand(2, *Bundle(odd).image_shape)
    labels = torch.eye(10)[[4, 0, 9]]
    body = {"step": index, "z": text(z), "class": [4, 0, 9]}
    answer = client.post("/api/runs/odd/decode", json=body)
    with torch.no_grad():
        wanted = model.decode(z, labels).mean
        posterior = model.encode(x, torch.eye(10)[[7, 7]]).base_dist
    np.testing.assert_allclose(numbers(answer.json()["images"]), wanted.flatten(), atol=1e-6)
    body = {"step": index, "x": text(x), "class": 7}
    codes = client.post("/api/runs/odd/encode", json=body).json()
    np.testing.assert_allclose(numbers(codes["loc"]), posterior.loc.flatten(), atol=1e-6)
    np.testing.assert_allclose(numbers(codes["scale"]), posterior.scale.flatten(), atol=1e-6)


def test_a_scale_per_pixel_comes_with_the_mean(tmp_path: Path) -> None:
    words = ("model.likelihood={kind: laplace, scale: per_pixel}", "model.posterior=full_normal")
    run = train(tiny(*words, "explorer.keep=2", "training.epochs=1"), tmp_path).run
    bundle = Bundle(run)
    assert not bundle.exported
    z = torch.randn(3, 2)
    asked = Codes.model_validate({"step": 1, "z": text(z)})
    answer = Computer().decode(bundle, None, asked)
    with torch.no_grad():
        wanted = at(run, 1).decode(z).base_dist
    np.testing.assert_allclose(numbers(answer["images"]), wanted.loc.flatten(), atol=1e-6)
    np.testing.assert_allclose(numbers(answer["scale"]), wanted.scale.flatten(), rtol=1e-5)


def test_a_training_is_decoded_as_it_is_now(
    explorer: Explorer, client: TestClient, odd: Run
) -> None:
    body = {"step": None, "z": text([[0, 0]]), "class": 1}
    assert client.post("/api/runs/odd/decode", json=body).status_code == 400
    model = at(odd, 1)
    writer = BundleWriter(
        odd.path / "unused", "odd", odd.experiment, odd.experiment.data.load(), model
    )
    writer.graphs = None
    header, payload = writer.snapshot()
    about = {"type": "snapshot", "run": "odd", "step": 17, **header}
    explorer.job.listeners.send("snapshot", frames.pack(about, payload))
    images = numbers(client.post("/api/runs/odd/decode", json=body).json()["images"])
    with torch.no_grad():
        wanted = model.decode(torch.zeros(1, 2), torch.eye(10)[[1]]).mean
    np.testing.assert_allclose(images, wanted.flatten(), atol=1e-6)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("decode", {"step": 99, "z": text([[0, 0]]), "class": 1}, 404),
        ("decode", {"step": "0/../../config", "z": text([[0, 0]]), "class": 1}, 400),
        ("decode", {"step": 0, "class": 1}, 400),
        ("decode", {"step": 0, "z": text([0, 0, 0]), "class": 1}, 400),
        ("decode", {"step": 0, "z": "no base64!", "class": 1}, 400),
        ("decode", {"step": 0, "z": text([[np.nan, 0]]), "class": 1}, 400),
        ("decode", {"step": 0, "z": text(np.zeros((1025, 2))), "class": 1}, 400),
        ("decode", {"step": 0, "z": "", "class": 1}, 400),
        ("decode", {"step": 0, "z": text([[0, 0]]), "class": 10}, 400),
        ("decode", {"step": 0, "z": text([[0, 0]])}, 400),
        ("decode", {"step": 0, "z": text([[0, 0]]), "class": [1, 2]}, 400),
        ("encode", {"step": 0, "x": text([[0, 0]]), "class": 1}, 400),
    ],
)
def test_what_does_not_fit_is_told(
    client: TestClient, path: str, body: dict[str, Any], status: int
) -> None:
    answer = client.post(f"/api/runs/odd/{path}", json=body)
    assert answer.status_code == status
    assert len(answer.json()["error"]) > 10


def test_it_cannot_be_given_away(odd: Run, page: Path, tmp_path: Path) -> None:
    with pytest.raises(BadValueError, match=r"`Attention`.*through the server"):
        export_site(Bundle(odd), tmp_path / "site")


def test_weights_are_put_back_as_they_were(odd: Run) -> None:
    one, other = at(odd, 2), Bundle(odd).model()
    restore(other, flatten(one))
    for name, tensor in one.state_dict().items():
        assert tensor.equal(other.state_dict()[name]), name
    with pytest.raises(ValueError, match="and the model has"):
        restore(other, flatten(one)[1:])


@pytest.mark.parametrize("kind", ["full_normal", "iaf", "mixture"])
def test_a_posterior_is_shown_by_draws_where_it_has_no_axes(
    kind: str, tmp_path: Path, page: Path
) -> None:
    words = f"model.posterior={{kind: {kind}}}"
    run = train(tiny("explorer.keep=2", words, "task_name=tilted"), tmp_path / "runs").run
    client = TestClient(Explorer(Library(tmp_path / "runs"), page).app())
    x = torch.rand(1, 1, 8, 8)
    body = {"step": 1, "x": text(x), "class": None}
    codes = client.post("/api/runs/tilted/encode", json=body).json()
    draws = numbers(codes["draws"]).reshape(-1, 2)
    assert codes["normal"] == (kind == "full_normal")
    with torch.no_grad():
        posterior = at(run, 1).encode(x)
    if kind == "full_normal":
        np.testing.assert_allclose(draws.mean(0), posterior.mean[0], atol=1e-5)
        covariance = np.cov(draws.T, bias=True)
        np.testing.assert_allclose(covariance, posterior.covariance_matrix[0], rtol=1e-4, atol=1e-7)
        assert abs(covariance[0, 1]) > 1e-6
    else:
        error = 4 * numbers(codes["scale"]) / np.sqrt(len(draws) / 2)
        assert (abs(draws.mean(0) - numbers(codes["loc"])) < error).all()
    two = client.post("/api/runs/tilted/encode", json=body | {"x": text(torch.rand(2, 1, 8, 8))})
    assert "draws" not in two.json()


def test_pixels_are_drawn_where_that_is_asked_for(client: TestClient, odd: Run) -> None:
    model = at(odd, 2)
    z = torch.zeros(1000, model.latent)
    body = {"step": 2, "z": text(z), "class": 4, "draw": True}
    images = numbers(client.post("/api/runs/odd/decode", json=body).json()["images"])
    with torch.no_grad():
        decoded = model.decode(z[:1], torch.eye(10)[[4]])
    images = images.reshape(1000, 1, 8, 8)
    np.testing.assert_allclose(images.std(0), decoded.stddev[0], rtol=0.15)
    np.testing.assert_allclose(images.mean(0), decoded.mean[0], atol=5 * decoded.stddev.max() / 31)
