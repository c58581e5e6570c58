"""Weights & Biases: a thin adapter."""

import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from vaelab.errors import BadValueError
from vaelab.loggers.base import BaseLoggerConfig, Logged, Logger

BEGIN_SECONDS, END_SECONDS = 30, 120
"""How long a server is waited for; what it did not take stays on the disk for `wandb sync`."""


class Wandb(Logger):
    """A run of Weights & Biases, whose steps are the run's own.

    It takes no step before its last, so what it has is left as it is, and a picture, drawn while
    training goes on, stands at the step that it arrives at.
    """

    def __init__(self, run: Logged, config: "WandbConfig") -> None:
        import wandb

        online = config.mode == "online"
        self._image = wandb.Image
        self._run = wandb.init(
            project=config.project,
            entity=config.entity,
            id=run.identity,
            name=run.name,
            dir=str(run.folder),
            config=run.config.model_dump(mode="json"),
            mode=config.mode,
            resume="allow" if online else None,
            reinit="create_new",  # runs that are trained together are open at once
            settings=wandb.Settings(
                silent=True,
                console="off",
                save_code=False,
                init_timeout=BEGIN_SECONDS,
                finish_timeout=END_SECONDS,
                finish_timeout_raises=True,
            ),
        )
        local = Path(self._run.settings.sync_dir)
        where = self._run.url if online else f"wandb sync {local}"
        self.place = f"Weights & Biases: {where}"
        self._shown_at, self._shown = -1, defaultdict[str, list[Any]](list)
        self.known = dict.fromkeys(("train", "valid"), self._run.starting_step - 1)

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        self._run.log(dict(numbers), step=step)

    def show(self, picture: Path, name: str, step: int) -> None:
        """Add an image to those of this name in the history's present row."""
        if self._run.step != self._shown_at:
            self._shown_at, self._shown = self._run.step, defaultdict(list)
        caption = f"{picture.stem}, step {step}"
        self._shown[name].append(self._image(str(picture), caption=caption))
        self._run.log({name: self._shown[name]}, step=self._shown_at)

    def close(self, failed: bool) -> None:
        self._run.finish(exit_code=int(failed))


class WandbConfig(BaseLoggerConfig):
    """Weights & Biases, on its servers or your own (`WANDB_BASE_URL`).

    Offline, every session of a run writes the whole history into a folder of its own under `wandb`
    in the run; `wandb sync` uploads the newest.
    """

    advice = "Use it where a team looks at its runs together."

    distribution: ClassVar[str] = "wandb"

    kind: Literal["wandb"] = "wandb"
    project: str = "vaelab"
    """Name of the project, made if need be."""
    entity: str | None = None
    """The user or team; null: your own default."""
    mode: Literal["online", "offline"] = "online"
    """Mode of wandb; `offline` needs neither an account nor a network."""

    @property
    def address(self) -> str | None:
        server = os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai"
        return server if self.mode == "online" else None

    def check(self) -> None:
        """As any, or online without a key; nobody is asked for one."""
        super().check()
        if self.mode == "offline":
            return
        import wandb

        if not wandb.login(prompt=False, verify=False):
            raise BadValueError(
                "training.loggers has `wandb`, but nobody is logged in; `wandb login` once, set "
                "WANDB_API_KEY, or use {kind: wandb, mode: offline}"
            )

    def open(self, run: Logged) -> Wandb:
        return Wandb(run, self)
