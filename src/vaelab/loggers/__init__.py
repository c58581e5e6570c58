"""Experiment trackers that a run's rows and pictures go to as well; metrics.jsonl is the truth."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from vaelab.loggers.base import BaseLoggerConfig, Logged, Logger
from vaelab.loggers.loggers import Loggers, LoggerWarning
from vaelab.loggers.mlflow import MLflowConfig
from vaelab.loggers.tensorboard import TensorBoardConfig
from vaelab.loggers.wandb import WandbConfig


def _named(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


LoggerConfig = Annotated[
    Annotated[TensorBoardConfig | WandbConfig | MLflowConfig, Field(discriminator="kind")],
    BeforeValidator(_named),
]
"""A logger: its kind alone, or its kind and options."""

__all__ = [
    "BaseLoggerConfig",
    "Logged",
    "Logger",
    "LoggerConfig",
    "LoggerWarning",
    "Loggers",
    "MLflowConfig",
    "TensorBoardConfig",
    "WandbConfig",
]
