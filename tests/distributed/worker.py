"""One of several processes: `python -m tests.distributed.worker FOLDER`, with torchrun's variables.

Trains every config of FOLDER/configs.json into FOLDER.
"""

import json
import sys
from pathlib import Path

from vaelab.config import validate
from vaelab.distributed.join import join
from vaelab.distributed.leave import leave
from vaelab.distributed.seat import Seat
from vaelab.experiment import Experiment
from vaelab.training import Start, train_together
from vaelab.training.precision import choose_place


def main(folder: Path) -> None:
    experiments = [
        validate(Experiment, plain, "the test")
        for plain in json.loads((folder / "configs.json").read_text())
    ]
    seat = Seat.of()
    assert seat is not None
    place = choose_place(experiments[0].training, seat.local_rank)
    with join(seat, place.device, 60) as world:
        for experiment in experiments:
            train_together([experiment], folder, Start.RESUME, world=world)
            world.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    leave(0)
