"""MLflow: a thin adapter."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from vaelab.config import to_yaml
from vaelab.loggers.base import BaseLoggerConfig, Logged, Logger

if TYPE_CHECKING:
    from mlflow import MlflowClient

IDENTITY = "vaelab.identity"
"""The tag by which a run is found again."""
MANNERS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # a server that is away is given up within a minute
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""Environment variables of MLflow where the user's own say nothing."""


class MLflow(Logger):
    """A run of MLflow, found again by a tag."""

    def __init__(self, run: Logged, config: "MLflowConfig") -> None:
        for name, value in MANNERS.items():
            os.environ.setdefault(name, value)
        import mlflow
        from mlflow.entities import Param

        uri = config.tracking_uri or mlflow.get_tracking_uri()
        self.place = f"MLflow: experiment {config.experiment} at {uri}"
        self._client = mlflow.MlflowClient(tracking_uri=uri)
        self.known = {}
        experiment = _experiment(self._client, config.experiment)
        found = self._client.search_runs([experiment], f"tags.`{IDENTITY}` = '{run.identity}'")
        if found:
            self._id = found[0].info.run_id
            self._client.update_run(self._id, status="RUNNING")
            for split in ("train", "valid"):
                history = self._client.get_metric_history(self._id, f"{split}/elbo_nats")
                self.known[split] = max((metric.step for metric in history), default=-1)
        else:
            tags = {IDENTITY: run.identity}
            created = self._client.create_run(experiment, tags=tags, run_name=run.name)
            self._id = created.info.run_id
            settings = _flat(run.config.model_dump(mode="json"))
            parameters = [Param(key, str(value)) for key, value in settings]
            self._client.log_batch(self._id, params=parameters)
        self._client.log_text(self._id, to_yaml(run.config), "config.yaml")

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(time() * 1000)
        metrics = [Metric(name, float(value), now, step) for name, value in numbers.items()]
        self._client.log_batch(self._id, metrics=metrics)

    def show(self, picture: Path, name: str, step: int) -> None:
        self._client.log_artifact(self._id, str(picture), "pictures")

    def close(self, failed: bool) -> None:
        self._client.set_terminated(self._id, "FAILED" if failed else "FINISHED")


class MLflowConfig(BaseLoggerConfig):
    """MLflow: a tracking server, or a database file.

    The settings a run began with are its parameters; config.yaml, beside the pictures among its
    artifacts, has those of today.
    """

    advice = """Use it where runs are registered and served from MLflow, or with `tracking_uri:
        sqlite:////shared/mlflow.db` for a searchable table without a server."""

    distribution: ClassVar[str] = "mlflow-skinny"

    kind: Literal["mlflow"] = "mlflow"
    tracking_uri: str | None = None
    """Address of the server or database; null: what MLFLOW_TRACKING_URI says, else `mlflow.db` in
    the current folder."""
    experiment: str = "vaelab"
    """Name of the experiment, made if need be."""

    @property
    def address(self) -> str | None:
        return self.tracking_uri

    def open(self, run: Logged) -> MLflow:
        return MLflow(run, self)


def _experiment(client: "MlflowClient", name: str) -> str:
    if (found := client.get_experiment_by_name(name)) is not None:
        return str(found.experiment_id)
    try:
        return client.create_experiment(name)
    except Exception:
        if (found := client.get_experiment_by_name(name)) is None:
            raise
        return str(found.experiment_id)  # another process was faster


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings by their dotted keys."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
