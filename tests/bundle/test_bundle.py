"""A bundle holds what was trained, at the steps that were to be kept, and is checked on reading."""

import json
import shutil
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.training.conftest import tiny
from vaelab.bundle import Bundle, kept_steps
from vaelab.bundle.graph import interpret
from vaelab.bundle.images import BundleImages
from vaelab.bundle.kept import BLOCK, LARGE, pack, quantise, unpack, usual_steps
from vaelab.bundle.packed import packed
from vaelab.bundle.writer import BundleWriter
from vaelab.data.store import evenly_spaced
from vaelab.errors import BadValueError, MissingFileError
from vaelab.runs.lookup import load_experiment
from vaelab.runs.run import Run
from vaelab.training import Start, train


@pytest.fixture
def copied(trained: Run, tmp_path: Path) -> Run:
    shutil.copytree(trained.path, tmp_path / "copied")
    return Run(tmp_path / "copied")


def change_manifest(run: Run, **changes: Any) -> None:
    path = run.bundle / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@given(st.integers(1, 100_000), st.integers(2, 60))
def test_kept_steps_are_few_and_dense_early(total: int, keep: int) -> None:
    steps = sorted(kept_steps(total, keep))
    assert len(steps) <= keep
    assert (steps[0], steps[-1]) == (0, total)
    if total > 8 * keep > 80:
        assert sum(step <= total / 8 for step in steps) >= len(steps) / 3
    assert kept_steps(total, 0) == frozenset()
    assert kept_steps(total, 1) == {total}


def test_codes_survive_quantisation() -> None:
    rng = np.random.default_rng(0)
    loc = (rng.normal(size=(500, 3)) * [1, 20, 0]).astype(np.float32)
    scale = np.exp(rng.uniform(-8, 2, size=(500, 3))).astype(np.float32)
    codes = quantise(loc, scale)
    again = codes.values * np.array([[codes.loc_unit], [codes.log_scale_unit]])
    assert np.abs(again[:, 0] - loc).max() <= codes.loc_unit * 0.51
    assert np.abs(again[:, 1] - np.log(scale)).max() <= codes.log_scale_unit * 0.51
    assert codes.loc_unit < 1e-2
    assert codes.log_scale_unit < 1e-3


@given(st.integers(0, 300), st.sampled_from([0.0, 1e-7, 1.0, 6e4]))
def test_packed_weights_are_off_by_half_a_level_at_most(count: int, size: float) -> None:
    weights = (np.random.default_rng(count).normal(size=count) * size).clip(-65504, 65504)
    half = weights.astype("<f2")
    again = unpack(pack(half), count)
    assert again.dtype == half.dtype
    for start in range(0, count, BLOCK):
        one, other = (x[start : start + BLOCK].astype(float) for x in (half, again))
        # half a level, the rounding of the scale to a float16, and that of the product
        assert np.abs(one - other).max() <= np.abs(one).max() * (0.5 / 63 + 2**-9) + 63 * 2**-24
    with pytest.raises(ValueError, match="does not hold"):
        unpack(pack(half), count + BLOCK)
    with pytest.raises(ValueError, match="decompressing"):
        unpack(b"nonsense", count)


def test_large_networks_keep_few_steps_in_few_bytes(tmp_path: Path) -> None:
    wide = "model.encoder={kind: mlp, widths: [1500, 80]}"
    run = train(tiny(wide, "training.epochs=1", "explorer.keep=null"), tmp_path).run
    bundle = Bundle(run)
    bundle.check()
    count, steps = bundle.manifest()["weights"], bundle.steps()
    assert count > LARGE
    total, usual = steps[-1]["step"], usual_steps(count, 359 * 2)
    assert [one["step"] for one in steps] == sorted(kept_steps(total, usual))
    assert usual < usual_steps(1000, 359 * 2) == 20
    assert usual_steps(1_000_000_000, 20_000) == 5
    last = steps[-1]["index"]
    exact = bundle.files[f"weights/{last:04}.f16"]
    assert (exact.suffix, steps[-1]["bits"], exact.stat().st_size) == (".f16", 16, 2 * count)
    path = bundle.files[f"weights/{last - 1:04}.f16"]
    assert (path.suffix, steps[-2]["bits"]) == (".q7", 7)
    assert path.stat().st_size < 1.1 * count
    assert len(bundle.read(f"weights/{last - 1:04}.f16")) == 2 * count  # as the page has them
    assert sorted(one.suffix for one in path.parent.iterdir()) == [".f16", *[".q7"] * last]

    model, _ = run.load_model()
    z = torch.randn(50, 2)
    with torch.no_grad():
        wanted = model.decode(z).mean
    weights = torch.from_numpy(bundle.weights(last))
    few_bits = unpack(pack(bundle.weights(last).astype("<f2")), count).astype(np.float32)
    for values, error in ((weights, 1e-3), (torch.from_numpy(few_bits), 0.01)):
        outputs = interpret(bundle.graphs().decoder, values, {"z": z})["mean"]
        assert (outputs - wanted).abs().mean() < error
    golden = bundle.manifest()["golden"]["decode"]
    codes = torch.tensor([one["z"] for one in golden])
    shown = np.stack([np.frombuffer(b64decode(one["image"]), "<f4") for one in golden])
    again = interpret(bundle.graphs().decoder, weights, {"z": codes})["mean"]
    np.testing.assert_allclose(shown, again.flatten(1), atol=1e-6)

    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BadValueError, match=f"weights/{last - 1:04}.f16: "):
        Bundle(run).check()


def test_indices_are_spread_over_the_whole() -> None:
    assert evenly_spaced(10, 4).tolist() == [0, 2, 5, 7]
    assert evenly_spaced(3, 3).tolist() == [0, 1, 2]


def test_training_keeps_what_the_run_went_through(trained: Run) -> None:
    bundle = Bundle(trained)
    bundle.check()
    manifest = bundle.manifest()
    steps = [entry["step"] for entry in manifest["steps"]]
    total = max(row["step"] for row in trained.metrics())
    assert steps == sorted(kept_steps(total, 20))
    assert [entry["index"] for entry in manifest["steps"]] == list(range(len(steps)))
    assert sum(entry["best"] for entry in manifest["steps"]) == 1
    assert manifest["run"]["finished"]
    assert manifest["metrics"] == trained.metrics()
    readings = manifest["steps"][-1]["readings"]
    assert readings["elbo_nats"] == pytest.approx(
        -readings["distortion_nats"] - readings["rate_nats"]
    )
    first, last = (manifest["steps"][i]["readings"]["elbo_nats"] for i in (0, -1))
    assert last > first


def test_the_last_step_is_the_model_that_was_saved(trained: Run) -> None:
    bundle = Bundle(trained)
    manifest = bundle.manifest()
    graphs = bundle.graphs()
    encoder, decoder = graphs.encoder, graphs.decoder
    last = manifest["steps"][-1]["index"]
    half = np.frombuffer(bundle.files[f"weights/{last:04}.f16"].read_bytes(), dtype="<f2")
    weights = torch.from_numpy(half.astype(np.float32))
    model, about = trained.load_model()
    assert about["step"] == manifest["steps"][-1]["step"]
    z = torch.randn(50, 2)
    with torch.no_grad():
        wanted = model.decode(z).mean
    assert (interpret(decoder, weights, {"z": z})["mean"] - wanted).abs().max() < 5e-3

    store = trained.experiment.data.load()
    x = trained.experiment.data.pixels(torch.from_numpy(store.test.images))
    with torch.no_grad():
        posterior = model.encode(x).base_dist
    values = np.frombuffer(bundle.files[f"codes/{last:04}.i16"].read_bytes(), dtype="<i2")
    entry = manifest["steps"][-1]
    units = np.array([[entry["loc_unit"]], [entry["log_scale_unit"]]])
    loc, log_scale = np.moveaxis(values.reshape(-1, 2, 2) * units, 1, 0)
    np.testing.assert_allclose(loc, posterior.loc, atol=1e-3)
    np.testing.assert_allclose(np.exp(log_scale), posterior.scale, rtol=1e-3)
    assert encoder.inputs == {"x": 0}


def test_the_atlas_shows_the_images_and_the_labels_are_theirs(trained: Run) -> None:
    bundle = Bundle(trained)
    manifest = bundle.manifest()
    store = trained.experiment.data.load()
    labels = np.frombuffer(bundle.files["labels.u8"].read_bytes(), dtype=np.uint8)
    assert labels.tolist() == store.test.labels.tolist()
    atlas = np.asarray(Image.open(BytesIO(bundle.files["thumbs.png"].read_bytes())))
    columns = manifest["images"]["columns"]
    for index in (0, 17, len(store.test) - 1):
        top, left = 8 * (index // columns), 8 * (index % columns)
        cell = atlas[top : top + 8, left : left + 8]
        assert np.array_equal(cell, store.test.images[index, 0])


def test_golden_pairs_are_what_the_saved_weights_give(conditional: Run) -> None:
    bundle = Bundle(conditional)
    golden = bundle.manifest()["golden"]
    decoder = bundle.graphs().decoder
    half = np.frombuffer(
        bundle.files[f"weights/{golden['index']:04}.f16"].read_bytes(), dtype="<f2"
    )
    weights = torch.from_numpy(half.astype(np.float32))
    for pair in golden["decode"]:
        context = torch.eye(10)[[pair["class"]]]
        output = interpret(decoder, weights, {"z": torch.tensor([pair["z"]]), "class": context})
        image = np.frombuffer(b64decode(pair["image"]), dtype="<f4")
        np.testing.assert_allclose(output["mean"].flatten(), image, atol=1e-6)
    assert {pair["class"] for pair in golden["encode"]} <= set(range(10))


@pytest.mark.parametrize("kind", ["unit", "signed"])
def test_golden_codes_are_of_what_the_page_makes_of_the_atlas(kind: str, tmp_path: Path) -> None:
    words = [f"data.pixels={{kind: {kind}, dequantised: true}}", "training.epochs=1"]
    bundle = Bundle(train(tiny("explorer.keep=2", *words), tmp_path).run)
    manifest = bundle.manifest()
    golden, shape = manifest["golden"], manifest["data"]["shape"][1:]
    atlas = np.asarray(Image.open(bundle.files["thumbs.png"]))
    weights = torch.from_numpy(bundle.weights(golden["index"]))
    for pair in golden["encode"]:
        row, column = divmod(pair["image"], manifest["images"]["columns"])
        cell = atlas[row * shape[0] :, column * shape[1] :][: shape[0], : shape[1]]
        byte = torch.from_numpy(cell.astype(np.float32))
        x = (byte / 255 if kind == "unit" else byte / 127.5 - 1)[None, None]
        codes = interpret(bundle.graphs().encoder, weights, {"x": x, "class": torch.zeros(1, 0)})
        for name in ("loc", "scale"):
            np.testing.assert_allclose(codes[name][0], pair[name], rtol=1e-5, atol=1e-6)


def test_large_images_are_as_many_as_the_atlas_holds() -> None:
    experiment = tiny()
    store = experiment.data.load()
    images = BundleImages(store, experiment.data.pixels, 0, torch.device("cpu"))
    assert images.count == len(store.test) == 359
    assert images.columns == 19
    sides = Image.open(BytesIO(images.atlas())).size
    assert sides == (19 * 8, 19 * 8)


def test_of_many_images_a_part_is_spread_over_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaelab.bundle.images.MAX_IMAGES", 100)
    experiment = tiny()
    store = experiment.data.load()
    images = BundleImages(store, experiment.data.pixels, 0, torch.device("cpu"))
    places = [j * 359 // 100 for j in range(100)]  # docs/bundle.md
    np.testing.assert_array_equal(images.chosen.images, store.test.images[places])
    assert images.labels == bytes(int(label) for label in store.test.labels[places])


def test_a_resumed_run_keeps_what_lies_before_and_forgets_what_lies_after(tmp_path: Path) -> None:
    whole = train(tiny("explorer.keep=6"), tmp_path).run
    steps = [entry["step"] for entry in Bundle(whole).manifest()["steps"]]
    resumed, _ = load_experiment(str(whole.path), ["training.epochs=3"])
    longer = train(resumed, tmp_path, Start.RESUME).run
    manifest = Bundle(longer).manifest()
    later = [entry["step"] for entry in manifest["steps"]]
    assert later[: len(steps)] == steps
    assert later[-1] == 3 * steps[-1] // 2
    assert manifest["run"]["finished"]


def test_the_runs_own_weights_are_among_the_steps(tmp_path: Path) -> None:
    worse = "training.changes=[{step: 66, learning_rate: 0.5}]"  # after the third epoch of 21 steps
    run = train(tiny("explorer.keep=3", "training.epochs=6", worse), tmp_path).run
    model, about = run.load_model()
    assert about["step"] == 63
    bundle = Bundle(run)
    bundle.check()
    steps = bundle.steps()
    assert [step["step"] for step in steps] == [0, 16, 63, 126]
    assert [step["best"] for step in steps] == [False, False, True, False]
    assert steps[2]["weights_epoch"] == 3
    kept, z = torch.from_numpy(bundle.weights(steps[2]["index"])), torch.randn(50, 2)
    with torch.no_grad():
        wanted = model.decode(z).mean
    assert (interpret(bundle.graphs().decoder, kept, {"z": z})["mean"] - wanted).abs().max() < 5e-3
    assert steps[2]["readings"]["elbo_nats"] > steps[3]["readings"]["elbo_nats"]
    given = json.loads(packed(bundle)["manifest.json"])
    assert given["golden"]["index"] == steps[3]["index"] == given["packed"]["order"][0]

    resumed, _ = load_experiment(str(run.path), ["training.epochs=7"])
    again = Bundle(train(resumed, tmp_path, Start.RESUME).run)
    again.check()
    assert [step["step"] for step in again.steps()] == [0, 16, 63, 126, 147]
    assert again.manifest()["golden"]["index"] == again.steps()[-1]["index"]
    assert len({step["index"] for step in again.steps()}) == 5


@pytest.mark.slow
def test_keeping_does_not_change_the_training(tmp_path: Path) -> None:
    with_bundle = train(tiny("explorer.keep=9"), tmp_path / "a").run
    without = train(tiny("explorer.keep=0"), tmp_path / "b").run
    assert not without.bundle.exists()
    one, other = with_bundle.load_model()[0], without.load_model()[0]
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name])


def test_a_run_without_a_bundle_gets_one(copied: Run) -> None:
    before = Bundle(copied).manifest()
    shutil.rmtree(copied.bundle)
    bundle = Bundle(copied)
    bundle.check()
    after = bundle.manifest()
    assert after["steps"][-1]["step"] == before["steps"][-1]["step"]
    assert after["steps"][-1]["readings"] == before["steps"][-1]["readings"]


def test_a_run_that_saved_nothing_has_none(copied: Run) -> None:
    shutil.rmtree(copied.bundle)
    copied.weights_path.unlink()
    copied.resume_path.unlink()
    with pytest.raises(MissingFileError, match="has no weights yet; `vaelab train"):
        Bundle(copied)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": 2}, "version 2 of the format, and this vaelab reads version 1; delete"),
        ({"format": "other"}, "of version None"),
        ({"steps": []}, "`steps`: List should have at least 1 item"),
        ({"images": 3}, "no proper `images`"),
        ({"weights": 12}, "weights/0000.f16 has .* bytes, and 24 fit the manifest"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    copied: Run, changes: dict[str, Any], words: str
) -> None:
    change_manifest(copied, **changes)
    with pytest.raises(BadValueError, match=words):
        Bundle(copied).check()


def test_damaged_files_are_refused(copied: Run) -> None:
    codes = copied.bundle / "codes" / "0001.i16"
    codes.write_bytes(codes.read_bytes()[:-2])
    with pytest.raises(BadValueError, match=r"codes/0001\.i16 has .* bytes"):
        Bundle(copied).check()
    codes.unlink()
    with pytest.raises(BadValueError, match=r"codes/0001\.i16 is missing; delete that folder"):
        Bundle(copied).check()
    (copied.bundle / "manifest.json").write_text("{")
    with pytest.raises(BadValueError, match=r"its manifest.json cannot be read"):
        Bundle(copied)


@pytest.fixture
def writer(tmp_path: Path) -> BundleWriter:
    experiment = tiny()
    store = experiment.data.load()
    model = experiment.model.build(store.image_shape, experiment.data.pixels.domain, 10)
    return BundleWriter(tmp_path / "bundle", "tiny", experiment, store, model)


def test_the_implied_scale_is_the_root_of_the_mean_squared_error(writer: BundleWriter) -> None:
    implied, model = writer.keep(0, 0.0)["readings"]["implied_scale"], writer.model.eval()
    with torch.no_grad():
        errors = [x.x - model.decode(model.encode(x.x, x.context).sample(), x.context).mean
                  for x in writer.images.live.batches()]  # fmt: skip
    assert implied == pytest.approx(torch.cat(errors).square().mean().sqrt().item(), rel=0.03)


def test_a_weight_that_float16_cannot_hold_is_named(writer: BundleWriter) -> None:
    with torch.no_grad():
        writer.model.decoder.trunk.stack[-3].bias[0] = 1e6
    with pytest.raises(BadValueError, match=r"`linear.bias` is 1e\+06, which float16 cannot hold"):
        writer.keep(0, 0.0)
    assert writer.model.training


def test_steps_of_another_number_of_images_are_not_gone_on_with(writer: BundleWriter) -> None:
    writer.keep(0, 0.0)
    path, steps = writer.folder / "manifest.json", writer.steps
    for count, kept in ((359, steps), (300, [])):
        manifest = json.loads(path.read_text())
        manifest["images"]["count"] = count
        path.write_text(json.dumps(manifest))
        writer.steps = []
        writer.rewind(5)
        assert writer.steps == kept


def test_a_live_snapshot_holds_weights_and_codes(writer: BundleWriter) -> None:
    header, payload = writer.snapshot()
    assert header["count"] == header["total"] == 359
    assert len(payload) == 2 * header["weights"] + 359 * 2 * 2 * 2
    half = np.frombuffer(payload[: 2 * header["weights"]], dtype="<f2")
    np.testing.assert_allclose(half, writer.graphs.weights(), atol=1e-3)


def test_a_model_without_operations_has_no_graphs(copied: Run) -> None:
    change_manifest(copied, unsupported="Attention", encoder=None, decoder=None)
    with pytest.raises(BadValueError, match="the layer `Attention` has no operation"):
        Bundle(copied).graphs()


@pytest.mark.mnist
@pytest.mark.slow
def test_twenty_steps_of_the_seeds_model_stay_below_ten_megabytes(
    mnist_folder: Path, tmp_path: Path
) -> None:
    experiment, _ = load_experiment("vae_kl")
    store = experiment.data.load()
    model = experiment.model.build(store.image_shape, experiment.data.pixels.domain, 10)
    writer = BundleWriter(tmp_path, "vae_kl", experiment, store, model)
    writer.keep(0, 0.0)
    once = sum((tmp_path / name).stat().st_size for name in ("thumbs.png", "labels.u8"))
    once += (tmp_path / "manifest.json").stat().st_size
    each = (tmp_path / "weights/0000.f16").stat().st_size
    each += (tmp_path / "codes/0000.i16").stat().st_size
    total = once + 20 * each
    print(f"20 steps: {total / 1e6:.1f} MB ({once / 1e6:.1f} MB once, {each / 1e3:.0f} kB a step)")
    assert total < 10e6
