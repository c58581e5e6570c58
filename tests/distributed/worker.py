"""One of several processes: `torchrun -m tests.distributed.worker FOLDER`.

Trains every config of FOLDER/configs.json into FOLDER.
"""

import json
import os
import sys
from pathlib import Path

import torch

from vaelab.config import validate
from vaelab.distributed import barrier, exit_now, process_group
from vaelab.experiment import Experiment
from vaelab.training import Start, train_together


def main(folder: Path) -> None:
    os.environ["LOCAL_RANK"] = "0"  # there may be more processes than cores
    with process_group(torch.device("cpu")):
        for plain in json.loads((folder / "configs.json").read_text()):
            experiment = validate(Experiment, plain, "the test")
            train_together([experiment], folder, Start.RESUME)
            barrier()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    exit_now(0)
