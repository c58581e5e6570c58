"""A model of the time of a training step, fitted to what `scaling` measured.

    step = overhead + compute B/P + [P > 1] ((1 + 2 N) latency + 2 (P - 1)/P bytes / bandwidth)

with B images in a batch, P processes, `bytes` of the message, and N batch norms, each of which
sends a short one in either direction.
`python -m benchmarks.step_time FILE` reads the JSON of `python -m benchmarks --only scaling`.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Network:
    """What one process pays for a model, apart from messages.

    Attributes:
        overhead: seconds of a step whatever its images.
        per_image: seconds of an image.
    """

    overhead: float
    per_image: float

    @classmethod
    def fitted(cls, batches: list[int], seconds: list[float]) -> "Network":
        """From steps of one process at two batch sizes or more."""
        columns = np.stack([np.ones(len(batches)), np.array(batches)], axis=1)
        overhead, per_image = np.linalg.lstsq(columns, np.array(seconds), rcond=None)[0]
        return cls(max(0.0, float(overhead)), float(per_image))


@dataclass(frozen=True)
class Wire:
    """What a message costs.

    Attributes:
        latency: seconds, whatever its size.
        bandwidth: bytes a second that a process sends.
    """

    latency: float
    bandwidth: float

    @classmethod
    def fitted(cls, sizes: list[float], seconds: list[float], processes: int) -> "Wire":
        """From messages alone, of several sizes; short ones count as much as long ones."""
        sent = 2 * (processes - 1) / processes * np.array(sizes)
        weights = 1 / np.array(seconds)
        columns = np.stack([np.ones(len(sizes)), sent], axis=1) * weights[:, None]
        latency, inverse = np.linalg.lstsq(columns, np.ones(len(sizes)), rcond=None)[0]
        return cls(max(0.0, float(latency)), 1 / float(inverse))

    def seconds(self, size: float, processes: int, norms: int = 0) -> float:
        """Of a sum of so many bytes over so many processes, and of the norms' short ones."""
        if processes == 1:
            return 0.0
        sent = 2 * (processes - 1) / processes * size
        return (1 + 2 * norms) * self.latency + sent / self.bandwidth


def step_seconds(
    network: Network, wire: Wire, batch: int, size: float, processes: int, norms: int = 0
) -> float:
    """A step's time."""
    compute = network.overhead + network.per_image * batch / processes
    return compute + wire.seconds(size, processes, norms)


def main(path: Path) -> None:
    """Print the fit, and what it says of the steps of two processes beside what was measured."""
    (section,) = [
        one for one in json.loads(path.read_text())["sections"] if one["section"] == "scaling"
    ]
    rows = [(*row["subject"].split(", batch "), row["numbers"]) for row in section["rows"]]
    sizes = [1e6 * numbers["message_MB"] for _, _, numbers in rows]
    wire = Wire.fitted(sizes, [numbers["message_ms"] / 1e3 for _, _, numbers in rows], 2)
    print(f"message: {1e6 * wire.latency:.0f} us + bytes at {wire.bandwidth / 1e9:.2f} GB/s")
    for name in dict.fromkeys(name for name, _, _ in rows):
        of_name = [(int(batch), numbers) for other, batch, numbers in rows if other == name]
        network = Network.fitted(
            [batch for batch, _ in of_name], [n["one_ms"] / 1e3 for _, n in of_name]
        )
        print(
            f"{name}: {1e3 * network.overhead:.2f} ms a step + "
            f"{1e6 * network.per_image:.1f} us an image"
        )
        for batch, numbers in of_name:
            size = 1e6 * numbers["message_MB"]
            told = 1e3 * step_seconds(network, wire, batch, size, 2, int(numbers["norms"]))
            print(
                f"  batch {batch}, two processes: {told:.2f} ms, measured {numbers['two_ms']:.2f}"
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
