"""One of the processes that share a batch: `python -m benchmarks.shared_child SETTINGS`.

Rank 0 prints, as JSON, the seconds of a step and of its message alone, the message's bytes, and the
number of batch norms.
"""

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter

from benchmarks.prepare import prepare
from vaelab.distributed.leave import leave


def main(settings: dict[str, str], steps: int) -> None:
    prepare()
    import torch
    from torch import nn

    from benchmarks.images import load
    from benchmarks.ours import Stepper
    from vaelab.distributed.join import join
    from vaelab.distributed.seat import Seat
    from vaelab.distributed.world import World

    torch.set_num_threads(1)
    seat = Seat.of()
    meeting = nullcontext(World()) if seat is None else join(seat, torch.device("cpu"), 60)
    with meeting as world:
        stepper = Stepper(
            settings["config"], settings["overrides"].split(), load(settings["data"]),
            Path(settings["folder"]), world=world,
        )  # fmt: skip
        stepper.steps(10)
        world.wait()
        begun = perf_counter()
        stepper.steps(steps)
        step = (perf_counter() - begun) / steps
        message = stepper.loop.update.parameters.message.clone()
        world.wait()
        begun = perf_counter()
        for _ in range(steps):
            world.sum(message)
        sent = (perf_counter() - begun) / steps
        if world.leads:
            size = message.numel() * message.element_size()
            norms = sum(
                isinstance(one, nn.BatchNorm2d) for one in stepper.members[0].model.modules()
            )
            said = {"step_s": step, "message_s": sent, "message_bytes": size, "norms": norms}
            print(json.dumps(said))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), int(sys.argv[2]))
    leave(0)
