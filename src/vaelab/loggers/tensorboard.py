"""TensorBoard: event files in the run's folder."""

from collections.abc import Mapping
from pathlib import Path
from time import sleep, time
from typing import ClassVar, Literal

import numpy as np
from PIL import Image

from vaelab.config import to_yaml
from vaelab.loggers.base import BaseLoggerConfig, Logged, Logger


class TensorBoard(Logger):
    """Event files of a run, in single precision, written through with each row."""

    def __init__(self, run: Logged) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder = run.folder / "tensorboard"
        self.place = f"TensorBoard: tensorboard --logdir {run.folder.parent}"
        goes_on = folder.is_dir()  # then what they hold of later steps is hidden from TensorBoard
        # TensorBoard reads event files by the second in their names, those of one by process number
        seconds = [int(path.name.split(".")[3]) for path in folder.glob("events.out.tfevents.*")]
        sleep(min(1.0, max([0.0, *(last + 1 - time() for last in seconds)])))
        self.known = _last_steps(folder, run.step) if goes_on else {}
        self._writer = SummaryWriter(str(folder), purge_step=run.step + 1 if goes_on else None)
        self._writer.add_text("config", f"```yaml\n{to_yaml(run.config)}```", run.step)

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def show(self, picture: Path, name: str, step: int) -> None:
        with Image.open(picture) as image:
            pixels = np.asarray(image.convert("RGB"))
        self._writer.add_image(name, pixels, step, dataformats="HWC")

    def close(self, failed: bool) -> None:
        self._writer.close()


class TensorBoardConfig(BaseLoggerConfig):
    """TensorBoard's event files, in the folder `tensorboard` of the run.

    `tensorboard --logdir runs` shows all runs side by side while they train.
    """

    advice = "Use it on one machine or a shared disk: it needs no server and no account."

    distribution: ClassVar[str] = "tensorboard"

    kind: Literal["tensorboard"] = "tensorboard"

    def open(self, run: Logged) -> TensorBoard:
        return TensorBoard(run)


def _last_steps(folder: Path, step: int) -> dict[str, int]:
    from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
        EventAccumulator,
    )

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    last: dict[str, int] = {}
    for tag in events.Tags()["scalars"]:
        split = tag.partition("/")[0]
        steps = [event.step for event in events.Scalars(tag) if event.step <= step]
        last[split] = max([last.get(split, -1), *steps])
    return last
