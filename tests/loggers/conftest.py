"""Trackers without a network, and what a person would find in each."""

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import sleep

import numpy as np
import pytest

from vaelab.loggers.base import Logger
from vaelab.loggers.mlflow import MLflow
from vaelab.loggers.tensorboard import TensorBoard
from vaelab.loggers.wandb import Wandb
from vaelab.runs.run import Run

Points = list[tuple[str, int, float]]
BLOCK, HEADER = 2**15, 7
"""Bytes, of the log format of LevelDB."""


@dataclass(frozen=True)
class Tracker:
    """A tracker: how a config names it, and the numbers and pictures it has of a run."""

    config: str
    logger: type[Logger]
    dtype: type[np.floating]
    points: Callable[[Run], Points]
    pictures: Callable[[Run], list[tuple[str, int]]]


def expected(run: Run, dtype: type[np.floating] = np.float64) -> Points:
    """What metrics.jsonl says, as `(name, step, value)`."""
    return sorted(
        (f"{row['split']}/{name}", row["step"], float(dtype(value)))
        for row in run.metrics()
        for name, value in row.items()
        if name not in ("split", "step", "epoch")
    )


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left where the tests run, nobody is logged in, and nothing is reported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "wandb_config"))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)


@pytest.fixture(scope="session")
def mlflow_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.fixture(params=["tensorboard", "wandb", "mlflow"])
def tracker(request: pytest.FixtureRequest, mlflow_uri: str) -> Tracker:
    if request.param == "tensorboard":
        return Tracker(
            "tensorboard", TensorBoard, np.float32, tensorboard_points, tensorboard_pictures
        )
    if request.param == "wandb":
        return Tracker(
            "{kind: wandb, mode: offline}", Wandb, np.float64, wandb_points, wandb_pictures
        )
    return Tracker(
        f"{{kind: mlflow, tracking_uri: '{mlflow_uri}'}}",
        MLflow,
        np.float64,
        lambda run: mlflow_points(run, mlflow_uri),
        lambda run: mlflow_pictures(run, mlflow_uri),
    )


# --- TensorBoard


def tensorboard_points(run: Run) -> Points:
    events = _events(run)
    tags = events.Tags()["scalars"]
    return sorted((tag, event.step, event.value) for tag in tags for event in events.Scalars(tag))


def tensorboard_pictures(run: Run) -> list[tuple[str, int]]:
    events = _events(run)
    return sorted((tag, e.step) for tag in events.Tags()["images"] for e in events.Images(tag))


def tensorboard_text(run: Run) -> str:
    events = _events(run)
    return "".join(
        event.tensor_proto.string_val[0].decode() for event in events.Tensors("config/text_summary")
    )


def _events(run: Run):  # type: ignore[no-untyped-def]
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    everything = {"scalars": 0, "images": 0, "tensors": 0}
    return EventAccumulator(str(run.path / "tensorboard"), size_guidance=everything).Reload()


# --- Weights & Biases


def wandb_points(run: Run) -> Points:
    return sorted(
        (key, step, value)
        for key, step, value in _history(run)
        if key.startswith(("train/", "valid/"))
    )


def wandb_pictures(run: Run) -> list[tuple[str, int]]:
    """The step is the caption's last word."""
    return sorted(
        (key.removesuffix("/captions"), int(caption.split()[-1]))
        for key, _, value in _history(run)
        if key.endswith("/captions")
        for caption in value
    )


def wandb_config(run: Run) -> dict[str, object]:
    found: dict[str, object] = {}
    for record in _records(_newest(run)):
        for item in record.run.config.update:
            found[item.key] = json.loads(item.value_json)
    return found


def _newest(run: Run) -> Path:
    (path,) = sorted((run.path / "wandb").glob("offline-run-*"))[-1].glob("*.wandb")
    return path


def _history(run: Run):  # type: ignore[no-untyped-def]
    for record in _records(_newest(run)):
        if record.WhichOneof("record_type") == "history":
            for item in record.history.item:
                key = item.key or "/".join(item.nested_key)
                yield key, record.history.step.num, json.loads(item.value_json)


def _records(path: Path):  # type: ignore[no-untyped-def]
    """All of them, once W&B's own process has written the last."""
    from wandb.proto.wandb_internal_pb2 import Record

    for _ in range(300):
        records = [Record.FromString(content) for content in _messages(path.read_bytes())]
        if records and records[-1].WhichOneof("record_type") == "exit":
            return records
        sleep(0.1)
    raise TimeoutError(f"{path} has no end")


def _messages(log: bytes) -> Iterator[bytes]:
    """Of the log format of LevelDB: `crc u32, length u16, type u8, content`, in blocks."""
    place, message = 7, b""  # ":W&B" and a version
    while place + HEADER <= len(log):
        if BLOCK - place % BLOCK < HEADER:
            place += BLOCK - place % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", log[place : place + HEADER])
        message += log[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if kind in (1, 4):  # whole, or the last part
            yield message
            message = b""


# --- MLflow


def mlflow_points(run: Run, uri: str) -> Points:
    client, found = mlflow_run(run, uri)
    return sorted(
        (metric.key, metric.step, metric.value)
        for key in found.data.metrics
        for metric in client.get_metric_history(found.info.run_id, key)
    )


def mlflow_pictures(run: Run, uri: str) -> list[tuple[str, int]]:
    client, found = mlflow_run(run, uri)
    files = client.list_artifacts(found.info.run_id, "pictures")
    return sorted((Path(file.path).name, 0) for file in files)


def mlflow_run(run: Run, uri: str):  # type: ignore[no-untyped-def]
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("vaelab")
    tag = f"tags.`vaelab.identity` = '{run.identity()}'"
    (found,) = client.search_runs([experiment.experiment_id], tag)
    return client, found
