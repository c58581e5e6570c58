"""`vaelab train --devices N`: torchrun, started in place."""

import logging
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from vaelab.errors import STOPPED, BadCombinationError

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

LAST_WORDS = 2_000
"""Characters shown of what a process that failed without a message wrote."""


def launch(words: Sequence[str], devices: int) -> int:
    """Run `python -m vaelab *words` as so many processes of this machine, by torchrun.

    Rank 0 alone speaks. A signal is passed on to all: they finish their step, and rank 0 saves. The
    exit code is that of the process that failed first, 130 or 143 where a signal has stopped all.
    """
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    from vaelab.distributed import LAUNCHER, LostProcessError
    from vaelab.training.threads import available_cores

    cores = max(1, available_cores() // devices)
    defaults = {"OMP_NUM_THREADS": str(cores), "TORCH_CPP_LOG_LEVEL": "ERROR"}
    if sys.platform == "linux":
        defaults["GLOO_SOCKET_IFNAME"] = "lo"
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    os.environ[LAUNCHER] = str(os.getpid())
    with tempfile.TemporaryDirectory(prefix="vaelab-") as folder:
        others = {rank: Std.ALL for rank in range(1, devices)}
        config = LaunchConfig(
            min_nodes=1, max_nodes=1, nproc_per_node=devices, max_restarts=0, run_id="vaelab",
            rdzv_backend="c10d", rdzv_endpoint="127.0.0.1:0", local_addr="127.0.0.1",
            logs_specs=DefaultLogsSpecs(folder, redirects=others),
        )  # fmt: skip
        try:
            elastic_launch(config, sys.executable)("-P", "-m", "vaelab", *words)
        except SignalException as stopped:
            return STOPPED + int(stopped.sigval)
        except ChildFailedError as error:
            followed = {LostProcessError.exit_code, -signal.SIGTERM}  # from another's failure
            rank, failure = min(
                error.failures.items(),
                key=lambda one: (one[1].exitcode in followed, one[1].timestamp),
            )
            if failure.exitcode > STOPPED:  # a signal to one of them, as rank 0 has said
                return failure.exitcode
            print(f"vaelab: {_reason(rank, failure, Path(folder))}", file=sys.stderr)
            return failure.exitcode if failure.exitcode > 0 else 1
    return 0


def check_launched(devices: int | None) -> None:
    """Refuse a command that asks for other processes than torchrun has started."""
    from vaelab.distributed import is_launched

    tasks = os.environ.get("SLURM_STEP_NUM_TASKS", "1")
    if not is_launched() and tasks != "1":
        raise BadCombinationError(
            f"srun has started {tasks} processes that know nothing of each other; let it start one "
            "torchrun on each machine (docs/scaling.md)"
        )
    started = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if is_launched() else 1
    if devices not in (None, started):
        raise BadCombinationError(
            f"--devices asks for {devices} processes on this machine, but torchrun has started "
            f"{started}; leave the option out, or make them agree"
        )


def record(error: Exception) -> bool:
    """Leave an error to `launch`, which says it once for all processes; whether it will."""
    if "TORCHELASTIC_ERROR_FILE" not in os.environ:
        return False
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler

    from vaelab.distributed import LAUNCHER

    get_error_handler().record_exception(error)
    return LAUNCHER in os.environ


def end(code: int) -> NoReturn:
    """End this process, with everything written."""
    if "RANK" in os.environ:
        from vaelab.distributed import exit_now, is_launched

        if is_launched():
            exit_now(code)
    sys.exit(code)


def _reason(rank: int, failure: "ProcessFailure", folder: Path) -> str:
    message: object = failure.message
    if isinstance(message, dict):  # of `record`, behind the error's class
        return str(message["message"]).partition(": ")[2]
    if failure.exitcode < 0:
        return (
            f"rank {rank} was killed by {failure.signal_name()}; the others were ended; what was "
            "saved is whole, and --resume goes on from it"
        )
    said = [path.read_text(errors="replace") for path in folder.rglob(f"{rank}/stderr.log")]
    last = "".join(said)[-LAST_WORDS:].strip()
    return f"rank {rank} has failed (exit code {failure.exitcode}) {last}".strip()
