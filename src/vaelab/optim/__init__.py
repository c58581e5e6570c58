"""What moves the parameters: optimisers, and numbers that change while they do."""

from vaelab.optim.optimizers import AdamConfig, AdamWConfig, BaseOptimizer, OptimizerConfig
from vaelab.optim.schedules import (
    ConstantRate,
    ConstantSchedule,
    CosineRate,
    CosineSchedule,
    CyclicalSchedule,
    LearningRateSchedule,
    LearningRateScheduleConfig,
    LinearSchedule,
    PlateauRate,
    Schedule,
    ScheduleConfig,
    StagesRate,
)

__all__ = [
    "AdamConfig",
    "AdamWConfig",
    "BaseOptimizer",
    "ConstantRate",
    "ConstantSchedule",
    "CosineRate",
    "CosineSchedule",
    "CyclicalSchedule",
    "LearningRateSchedule",
    "LearningRateScheduleConfig",
    "LinearSchedule",
    "OptimizerConfig",
    "PlateauRate",
    "Schedule",
    "ScheduleConfig",
    "StagesRate",
]
