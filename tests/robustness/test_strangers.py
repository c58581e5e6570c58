"""Run folders, configs and data of somebody else: what they cannot do to whoever opens them."""

import os
import shutil
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import Answer
from tests.robustness.bench import bomb_npz, changed_header, changed_json, deep
from vaelab.bundle import Bundle
from vaelab.errors import BadValueError
from vaelab.explorer.library import Library
from vaelab.figures import Panel, latent_film
from vaelab.figures.plane import Plane
from vaelab.runs.records import read_rows_at
from vaelab.runs.run import Run
from vaelab.tensorfile import read_tensors, write_tensors

Command = Callable[..., Answer]
SECRET = b"nobody else may read this"


@pytest.fixture
def run(trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A finished run in ./runs/tiny, of whose files some will be damaged."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    shutil.copytree(trained.path, "runs/tiny")
    return Run(Path("runs/tiny"))


def refused(answer: Answer, *parts: str) -> None:
    assert answer.code == 2, answer.err
    assert "Traceback" not in answer.err
    assert answer.err.count("\n") <= 3
    for part in parts:
        assert part in answer.err


# --- bundles


@pytest.mark.parametrize("index", ["../../../../pwned", 10_000, -1, 1.5, True, "0001", None])
def test_an_export_writes_nothing_outside(index: object, run: Run, vaelab: Command) -> None:
    def change(manifest: Any) -> None:
        manifest["steps"][0]["index"] = index

    changed_json(run.bundle / "manifest.json", change)
    for kind, ending in (("codes", "i16"), ("weights", "f16")):
        shutil.copy(run.bundle / kind / f"0000.{ending}", f"pwned.{ending}")
    before = sorted(Path().rglob("*"))
    refused(vaelab("export", "site", "runs/tiny", "a/b/c/d/site"), "has no proper `steps.0.index`")
    assert [path for path in sorted(Path().rglob("*")) if path.name != "d"] == [
        path for path in before
    ] or not list(Path("a").rglob("*.*"))


@pytest.mark.parametrize(
    "name", ["explorer/thumbs.png", "explorer/labels.u8", "explorer/weights/0000.f16", "explorer",
             "explorer/codes", "explorer/weights", "config.yaml", "weights.safetensors",
             "metrics.jsonl", "output"],
)  # fmt: skip
def test_a_link_in_a_run_is_not_followed(name: str, run: Run, vaelab: Command) -> None:
    path, aside = run.path / name, Path("elsewhere")
    run.figures.mkdir(exist_ok=True)
    path.rename(aside)
    path.symlink_to(aside.resolve())
    refused(vaelab("export", "site", "runs/tiny", "site"), "symbolic link")
    assert not Path("site").exists()


def test_a_private_file_is_not_published(run: Run, vaelab: Command) -> None:
    Path("secret").write_bytes(SECRET)
    (run.bundle / "thumbs.png").unlink()
    (run.bundle / "thumbs.png").symlink_to(Path("secret").resolve())
    refused(vaelab("export", "site", "runs/tiny", "site.html", "--single-file"))
    (run.bundle / "thumbs.png").unlink()
    shutil.copy("secret", run.bundle / "thumbs.png")  # nor one that was copied
    refused(vaelab("export", "site", "runs/tiny", "site.html", "--single-file"), "no PNG")
    assert not Path("site.html").exists()


def test_labels_of_no_class_are_refused(run: Run) -> None:
    content = (run.bundle / "labels.u8").read_bytes()
    (run.bundle / "labels.u8").write_bytes(b"\xc8" + content[1:])
    with pytest.raises(BadValueError, match="labels of no class"):
        Bundle(run).check()


# --- archives


@pytest.mark.parametrize("read", [Plane.load, Panel.load])
def test_small_archives_that_unpack_into_much_are_left_alone(
    read: Callable[[Path], object], tmp_path: Path
) -> None:
    bomb_npz(tmp_path / "a.npz", ("mean", "components", "explained", "words"), 2**27)
    tracemalloc.start()
    with pytest.raises(BadValueError, match="decompression bomb"):
        read(tmp_path / "a.npz")
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_a_damaged_plane_costs_no_picture(
    run: Run, vaelab: Command, caplog: pytest.LogCaptureFixture
) -> None:
    run.plane_path.write_bytes(b"PK\x03\x04 is no archive")
    answer = vaelab("figures", "runs/tiny", "latent")
    assert answer.code == 0
    assert ["pca.npz" in message for message in caplog.messages] == [True]


@pytest.mark.parametrize("damage", ["cut", "empty", "points", "labels", "name"])
def test_a_damaged_frame_costs_no_film(damage: str, run: Run) -> None:
    vaelab_epochs(run)
    path = run.figures / "latent_epoch_1.npz"
    panel = Panel.load(path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:300])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "name":
        Panel("../../pwned", panel.arrays, panel.words).save(path)
    else:
        wrong = {"points": np.full((3, 2), np.nan), "labels": panel.arrays["labels"] + 100}
        Panel(panel.name, panel.arrays | {damage: wrong[damage]}, panel.words).save(path)
    assert latent_film(run.figures) is not None


def vaelab_epochs(run: Run) -> None:
    """Panels of three epochs."""
    from vaelab.figures import LatentFigure
    from vaelab.runs.render import figure_context

    panel = LatentFigure().compute(figure_context(run))
    for epoch in range(3):
        name = f"latent_epoch_{epoch}"
        run.figures.mkdir(exist_ok=True)
        Panel(name, panel.arrays, panel.words).save(run.figures / f"{name}.npz")


# --- files of a run


ROWS = ["null", "[]", "3", '{"step": 1}', '{"step": 1, "epoch": 1, "split": "valid"}',
        deep("[", "]", 100_000), "\xff", "{"]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[:30])
@pytest.mark.parametrize("name", ["metrics.jsonl", "evaluation.json"])
def test_a_damaged_run_hides_no_other(name: str, row: str, run: Run, vaelab: Command) -> None:
    shutil.copytree(run.path, "runs/whole")
    (run.path / name).write_text(row + "\n", "latin-1")
    answer = vaelab("runs")
    assert (answer.code, answer.err) == (0, "")
    assert "damaged" in answer.out
    assert "whole" in answer.out
    refused(vaelab("doctor", "runs/tiny") if name == "metrics.jsonl"
            else vaelab("compare", "runs/tiny", "runs/whole"), "is damaged")  # fmt: skip
    rows = {one["id"]: one["obstacle"] for one in Library(Path("runs")).rows()}
    assert rows["whole"] is None
    assert name == "evaluation.json" or "is damaged" in rows["tiny"]


def test_a_damaged_line_is_told_by_its_number(run: Run, vaelab: Command) -> None:
    lines = run.metrics_path.read_text().splitlines(keepends=True)
    broken = [*lines[:4], lines[4][:10] + "\n", *lines[5:]]
    run.metrics_path.write_text("".join(broken))
    said = "metrics.jsonl is damaged: line 5 is not JSON; remove that line"
    refused(vaelab("figures", "runs/tiny", "curves"), said)
    run.metrics_path.write_text("".join(broken[:5]))
    with pytest.raises(BadValueError, match="line 5 is not JSON"):
        read_rows_at(run.metrics_path, None)
    run.metrics_path.write_text("".join([*lines[:4], "{}\n", *lines[5:]]))
    said = "line 5: `step`: Field required; remove that line"
    refused(vaelab("figures", "runs/tiny", "curves"), said)
    run.metrics_path.write_text("".join([*lines[:4], *lines[5:]]))
    assert vaelab("figures", "runs/tiny", "curves").code == 0


def test_damaged_numbers_are_made_anew(run: Run, vaelab: Command) -> None:
    shutil.copytree(run.path, "runs/whole")
    (run.path / "evaluation.json").write_text("{")
    answer = vaelab("compare", "runs/tiny", "runs/whole")
    refused(answer, "`vaelab evaluate runs/tiny` makes it anew")


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() == 0, reason="root reads everything")
def test_an_unreadable_run_hides_no_other(run: Run, vaelab: Command) -> None:
    shutil.copytree(run.path, "runs/whole")
    run.path.chmod(0)
    answer = vaelab("runs")
    rows = Library(Path("runs")).rows()
    run.path.chmod(0o700)
    assert answer.code == 0
    assert "whole" in answer.out
    assert "ermission denied" in answer.out
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("key", "value"),
    [("classes", 5), ("classes", [1, None]), ("image_shape", [8, 8]), ("step", "x"),
     ("image_shape", [1, 10**6, 10**6]), ("epoch", None), ("image_shape", [1, -8, 8])],
)  # fmt: skip
def test_a_header_that_says_nonsense(key: str, value: Any, run: Run, vaelab: Command) -> None:
    changed_header(run.weights_path, lambda about: about.update({key: value}))
    for words in (("sample", "runs/tiny"), ("export", "site", "runs/tiny", "site")):
        refused(vaelab(*words), f"weights.safetensors is damaged: `{key}")


@pytest.mark.parametrize(
    "progress",
    [{"step": "x"}, {"batch": 10**9}, {"epoch": 7}, {"watched": "xyz"}, {"watched": [None] * 2},
     {"threads": 10**9}, {"step": -1}],
    ids=str,
)  # fmt: skip
def test_progress_that_cannot_be(progress: dict[str, Any], run: Run, vaelab: Command) -> None:
    changed_header(run.resume_path, lambda about: about["progress"].update(progress))  # type: ignore[attr-defined]
    answer = vaelab("train", "runs/tiny", "--resume", "training.epochs=9")
    refused(answer, "resume.safetensors is damaged")


def test_weights_that_are_no_numbers_are_said_so(run: Run, vaelab: Command) -> None:
    tensors, about = read_tensors(run.weights_path)
    name = sorted(tensors)[0]
    tensors[name] = torch.full_like(tensors[name], float("nan"))
    write_tensors(run.weights_path, tensors, about)
    for command in ("evaluate", "figures", "doctor", "sample"):
        refused(vaelab(command, "runs/tiny"), f"`{name}` has numbers that are not finite")


def test_a_file_longer_than_its_tensors_is_not_read(run: Run, vaelab: Command) -> None:
    os.truncate(run.weights_path, 10**11)
    refused(
        vaelab("sample", "runs/tiny"), "weights.safetensors is damaged", "100,000,000,000 bytes"
    )


# --- what a terminal obeys


ESCAPE = "\x1b]0;pwned\x07"


def test_nothing_that_a_terminal_obeys_is_printed(run: Run, vaelab: Command) -> None:
    shutil.copytree(run.path, f"runs/{ESCAPE}\x9b31m\u202e:smile:")
    answer = vaelab("runs")
    assert r"\x1b]0;pwned\x07\x9b31m\u202e:smile:" in answer.out
    Path("a.yaml").write_text('"\\e[31m": 1\ntask_name: "\\e[2J"')
    refused(wrong := vaelab("config", "show", "a.yaml"), r"\x1b[31m")
    for said in (answer.out, answer.err, wrong.err):
        assert not set(said) & set(map(chr, [*range(10), *range(11, 32), *range(127, 160), 0x202E]))


def test_an_argument_with_a_control_character_is_refused(vaelab: Command) -> None:
    refused(vaelab("evaluate", f"runs/{ESCAPE}"), r"runs/\x1b]0;pwned\x07", "control character")


def test_a_class_of_escapes_is_called_so_everywhere(tmp_path: Path, vaelab: Command) -> None:
    from PIL import Image

    for name in (f"{ESCAPE}a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(9):
            Image.new("L", (8, 8), 9 * number).save(tmp_path / "data" / name / f"{number}.png")
    answer = vaelab("data", "show", "digits", f"data={{kind: images, path: {tmp_path / 'data'}}}",
                    "--picture", tmp_path / "a.png")  # fmt: skip
    assert answer.code == 0
    assert r"\x1b]0;pwned\x07a" in answer.out
    assert "\x1b" not in answer.out


# --- data


@pytest.mark.parametrize("place", ["/dev/zero", "/dev/null", "pipe", "socket", "."])
@pytest.mark.parametrize("data", ["csv, train", "npz, path", "shards, train", "images, path"])
def test_what_is_no_file_is_no_data(
    data: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vaelab: Command
) -> None:
    import socket

    if sys.platform == "win32":
        pytest.skip("it has no such files")
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        refused(vaelab("data", "show", "digits", f"data={{kind: {data}: {place}}}"))


@pytest.mark.parametrize("name", ["arrays.npz", "images.npy", "a.csv"])
def test_a_pipe_in_the_place_of_a_file(name: str, tmp_path: Path, vaelab: Command) -> None:
    if sys.platform == "win32":
        pytest.skip("it has no pipes")
    os.mkfifo(tmp_path / name)
    kind = "csv, train" if name.endswith("csv") else "npz, path"
    word = f"data={{kind: {kind}: {tmp_path / name}}}"
    refused(vaelab("data", "show", "digits", word), "no ordinary file")


def test_a_device_is_not_translated(vaelab: Command) -> None:
    if sys.platform == "win32":
        pytest.skip("it has no such files")
    refused(vaelab("config", "translate", "/dev/zero"), "no ordinary file")


def test_a_device_is_not_replaced(run: Run, vaelab: Command) -> None:
    if sys.platform == "win32":
        pytest.skip("it has no such files")
    os.mkfifo("pipe")
    refused(vaelab("sample", "runs/tiny", "--out", "pipe", "--overwrite"), "no ordinary file")
    assert Path("pipe").is_fifo()
