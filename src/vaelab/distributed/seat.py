"""Which of several processes this one is, as torchrun or Slurm says in the environment."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from vaelab.errors import BadCombinationError, BadValueError

FIRST_PORT, PORTS = 20_000, 10_000
"""Of Slurm jobs: the job's number chooses one."""


@dataclass(frozen=True)
class Seat:
    """A process's place among those that train together.

    Attributes:
        rank: its number among all, from 0.
        size: how many there are.
        local_rank: its number among those on this node that see the same devices.
        local_size: how many there are on this node.
        address: host of rank 0.
        port: where rank 0 listens.
        hosted: whether another program, torchrun, listens there.
        attempt: how often torchrun has started all again.

    Raises:
        BadValueError: a number that cannot be.
    """

    rank: int
    size: int
    local_rank: int
    local_size: int
    address: str
    port: int
    hosted: bool = False
    attempt: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.rank < self.size and 1 <= self.local_size):
            raise BadValueError(
                f"rank {self.rank} of {self.size} processes, {self.local_size} of them on this "
                "node, cannot be: ranks go from 0 on"
            )
        if not 1 <= self.port <= 65_535:
            raise BadValueError(f"MASTER_PORT is {self.port}; ports are 1 to 65535, such as 29500")

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> "Seat | None":
        """The seat that the environment gives; None for a process by itself.

        Raises:
            BadValueError: the environment says it in part, or not in numbers.
        """
        launched = "RANK" in environment and "WORLD_SIZE" in environment
        try:
            if launched and int(environment["WORLD_SIZE"]) > 1:
                return cls._of_torchrun(environment)
            if int(environment.get("SLURM_STEP_NUM_TASKS", 1)) > 1:
                return cls._of_slurm(environment)
        except (KeyError, ValueError) as error:
            raise BadValueError(
                f"the environment of a process among several is not right: {error}; start it with "
                "`vaelab train --devices N`, torchrun or srun"
            ) from error
        return None

    @classmethod
    def _of_torchrun(cls, environment: Mapping[str, str]) -> "Seat":
        return cls(
            rank=int(environment["RANK"]),
            size=int(environment["WORLD_SIZE"]),
            local_rank=int(environment["LOCAL_RANK"]),
            local_size=int(environment["LOCAL_WORLD_SIZE"]),
            address=environment["MASTER_ADDR"],
            port=int(environment["MASTER_PORT"]),
            hosted=environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
            attempt=int(environment.get("TORCHELASTIC_RESTART_COUNT", 0)),
        )

    @classmethod
    def _of_slurm(cls, environment: Mapping[str, str]) -> "Seat":
        port = FIRST_PORT + int(environment["SLURM_JOB_ID"]) % PORTS
        size, nodes = int(environment["SLURM_STEP_NUM_TASKS"]), int(environment["SLURM_NNODES"])
        sees_its_own = "SLURM_GPUS_PER_TASK" in environment  # and no other task's
        return cls(
            rank=int(environment["SLURM_PROCID"]),
            size=size,
            local_rank=0 if sees_its_own else int(environment["SLURM_LOCALID"]),
            local_size=int(environment.get("SLURM_NTASKS_PER_NODE", max(1, size // nodes))),
            address=environment.get("MASTER_ADDR") or _first_host(environment["SLURM_NODELIST"]),
            port=int(environment.get("MASTER_PORT", port)),
        )

    def check(self, devices: int | None, nodes: int | None) -> None:
        """Refuse a command that asks for other processes than there are.

        Raises:
            BadCombinationError: with both numbers.
        """
        if devices is None and nodes is None:
            return
        asked = (devices or self.local_size) * (nodes or self.size // self.local_size)
        if asked != self.size:
            raise BadCombinationError(
                f"--devices and --nodes ask for {asked} processes, but torchrun or Slurm has "
                f"started {self.size}, {self.local_size} on this node; leave the options out, or "
                "make them agree"
            )


def _first_host(nodes: str) -> str:
    """The first of Slurm's short list such as `gpu[03-07,9],cpu1`."""
    if "[" not in nodes:
        return nodes.partition(",")[0]
    try:
        done = subprocess.run(
            ["scontrol", "show", "hostnames", nodes], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise BadValueError(
            f"Slurm's `scontrol show hostnames {nodes}` failed ({error}); set MASTER_ADDR to the "
            "first node's name"
        ) from error
    return done.stdout.split()[0]
