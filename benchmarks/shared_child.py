"""One of the processes that share a batch: `python -m benchmarks.shared_child SETTINGS`.

Rank 0 prints, as JSON, the seconds of a step and of its message alone, the message's bytes, and the
number of batch norms.
"""

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import cast

from benchmarks.prepare import prepare


def main(settings: dict[str, str], steps: int) -> None:
    prepare()
    import torch
    from torch import nn

    from benchmarks.images import load
    from benchmarks.ours import Stepper
    from vaelab.distributed import all_sum_, barrier, exit_now, is_main, process_group
    from vaelab.engine.fast import FastEngine

    torch.set_num_threads(1)
    with process_group(torch.device("cpu")):
        stepper = Stepper(
            settings["config"], settings["overrides"].split(), load(settings["data"]),
            Path(settings["folder"]),
        )  # fmt: skip
        stepper.steps(10)
        barrier()
        begun = perf_counter()
        stepper.steps(steps)
        step = (perf_counter() - begun) / steps
        message = cast(FastEngine, stepper.engine).parameters.message.clone()
        barrier()
        begun = perf_counter()
        for _ in range(steps):
            all_sum_(message)
        sent = (perf_counter() - begun) / steps
        if is_main():
            size = message.numel() * message.element_size()
            norms = sum(
                isinstance(one, nn.BatchNorm2d) for one in stepper.trainings[0].model.modules()
            )
            said = {"step_s": step, "message_s": sent, "message_bytes": size, "norms": norms}
            print(json.dumps(said))
    exit_now(0)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), int(sys.argv[2]))
