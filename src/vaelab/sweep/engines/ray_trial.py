"""A trial in a process that Ray has placed."""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from ray.tune import Trainable

from vaelab.console import Console
from vaelab.errors import UserError
from vaelab.files import storage_error
from vaelab.process import prepare_process
from vaelab.run import Run
from vaelab.sweep.heart import log_path
from vaelab.sweep.progress import reached
from vaelab.sweep.trial import State
from vaelab.sweep.worker import Worker
from vaelab.training.interrupt import Interrupt

TELL = 2.0
"""Seconds between words to Ray; only between them can it stop a trial."""


class RayTrial(Trainable):
    """Trains one trial that the sweep has claimed, and notes in its journal how it ends.

    What a process before it saved, which was killed, is gone on with. `config` holds `folder` (of
    the sweep), `run` and `worker` (the name it is claimed by).
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Begin; training has a thread of its own, so that Ray gets answers."""
        prepare_process()
        folder = Path(config["folder"])
        self._path, self._log = folder / config["run"], log_path(folder, config["run"])
        self._interrupt = Interrupt()
        self._thread = ThreadPoolExecutor(1)
        self._work: Future[None] = self._thread.submit(self._train, folder, config["worker"])

    def step(self) -> dict[str, Any]:
        """How far it is by now; `wrong` says why nothing can be trained."""
        wait([self._work], timeout=TELL)
        told: dict[str, Any] = {"done": self._work.done()}
        if self._work.done():
            try:
                self._work.result()
            except UserError as error:
                told["wrong"] = str(error)
        if Run.exists(self._path):
            reach = reached(Run(self._path))
            told |= {"epoch": reach.epoch, "elbo_nats": reach.elbo}
        return told

    def cleanup(self) -> None:
        """Finish the step, save, and give the trial back if it has not ended."""
        self._interrupt.requested = True
        self._thread.shutdown()

    def _train(self, folder: Path, name: str) -> None:
        try:
            self._log.parent.mkdir(exist_ok=True)
            with self._log.open("a", encoding="utf-8") as log:
                worker = Worker(folder, name, 1, Console(file=log))
                trials = [trial for trial in worker.study.trials() if trial.run == self._path.name]
                if trials[0].state is State.RUNNING:  # else it has failed too often
                    worker.train(trials, self._interrupt)
        except OSError as error:
            raise storage_error(self._log, error) from error
