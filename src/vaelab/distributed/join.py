"""How processes that train together meet."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic, sleep

import torch
from torch.distributed import DistError, PrefixStore, Store, TCPStore  # type: ignore[attr-defined]

from vaelab.distributed.pulse import Pulse
from vaelab.distributed.seat import Seat
from vaelab.distributed.world import World
from vaelab.errors import BadValueError

POLL = 0.1
"""Seconds between looks at who is there."""
STEP = timedelta(minutes=30)
"""The longest that one process may let the others wait within an epoch, drawing included."""


@contextmanager
def join(seat: Seat, device: torch.device, timeout: float) -> Iterator[World]:
    """Wait for all processes, then be one of them inside the block.

    Args:
        seat: of this process.
        device: it computes on.
        timeout: seconds to wait for the others.

    Raises:
        BadValueError: the port is taken, not all have come (it says which), or they cannot connect.
    """
    store = _meet(seat, timeout)
    names = _roll_call(seat, store, timeout)
    _connect(seat, store, device)
    pulse = Pulse(seat, store, names)
    try:
        yield World(seat.rank, seat.size, seat.local_rank, store, pulse)
    finally:
        pulse.stop()
        torch.distributed.destroy_process_group()


def _meet(seat: Seat, timeout: float) -> Store:
    where = f"{seat.address}:{seat.port}"
    hosts = seat.rank == 0 and not seat.hosted
    try:
        store = TCPStore(
            seat.address, seat.port, is_master=hosts, timeout=timedelta(seconds=timeout),
            wait_for_workers=False, master_listen_fd=_listen(seat) if hosts else None,
        )  # fmt: skip
    except OSError as error:
        raise BadValueError(
            f"rank 0 cannot listen at {where}: {error.strerror}; "
            + (
                "is another training there? Set MASTER_PORT to another port for all processes"
                if error.errno == errno.EADDRINUSE
                else "MASTER_ADDR has to name the machine that rank 0 runs on"
            )
        ) from error
    except (DistError, RuntimeError) as error:
        raise BadValueError(
            f"rank {seat.rank} of {seat.size} found nobody at {where} within {timeout:g} s; has "
            "rank 0 been started, and do MASTER_ADDR and MASTER_PORT name it for all?"
        ) from error
    # torchrun's store outlives an attempt
    return PrefixStore(f"attempt/{seat.attempt}", store)


def _listen(seat: Seat) -> int:
    """A socket at the address alone, not at every one that this machine has."""
    family = socket.getaddrinfo(seat.address, seat.port)[0][0]
    server = socket.create_server((seat.address, seat.port), family=family, backlog=2048)
    return server.detach()


def _roll_call(seat: Seat, store: Store, timeout: float) -> list[str]:
    """Host and process number of every rank, once all are there."""
    keys = [f"seat/{rank}" for rank in range(seat.size)]
    deadline = monotonic() + timeout
    try:
        store.set(keys[seat.rank], f"{socket.gethostname()}, process {os.getpid()}")
        while missing := [rank for rank, key in enumerate(keys) if not store.check([key])]:
            if monotonic() > deadline:
                ranks = ", ".join(map(str, missing))
                raise BadValueError(
                    f"rank {seat.rank} of {seat.size} waited {timeout:g} s, and rank {ranks} has "
                    "not come; is every node started, with the same --nodes and a NODE_RANK of its "
                    "own? --timeout SECONDS waits longer"
                )
            sleep(POLL)
        return [store.get(key).decode() for key in keys]
    except (DistError, RuntimeError) as error:
        raise BadValueError(
            f"rank {seat.rank} of {seat.size} waited for the others, and rank 0 has ended "
            "meanwhile; it says why"
        ) from error


def _connect(seat: Seat, store: Store, device: torch.device) -> None:
    gpu = device.type == "cuda"
    try:
        torch.distributed.init_process_group(
            "nccl" if gpu else "gloo", store=PrefixStore("group", store), rank=seat.rank,
            world_size=seat.size, timeout=STEP, device_id=device if gpu else None,
        )  # fmt: skip
    except (DistError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise BadValueError(
            f"rank {seat.rank} of {seat.size} cannot connect to the others ({reason}); does a "
            "firewall stand between the nodes, and is "
            f"{'NCCL' if gpu else 'GLOO'}_SOCKET_IFNAME, where set, the name of their network?"
        ) from error
