"""Experiment trackers that a run's rows and pictures go to as well; metrics.jsonl is the truth."""

from typing import Annotated

from vaelab.loggers.base import BaseLoggerConfig, Logged, Logger, Loggers, LoggerWarning
from vaelab.loggers.mlflow import MLflowConfig
from vaelab.loggers.tensorboard import TensorBoardConfig
from vaelab.loggers.wandb import WandbConfig
from vaelab.registry import ONE_OF

LoggerConfig = Annotated[BaseLoggerConfig, ONE_OF]
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
