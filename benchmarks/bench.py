"""What all sections share: how long to measure, with what images, and where to put files."""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from benchmarks import images
from benchmarks.images import Images
from benchmarks.processes import Sides
from benchmarks.seed_files import write_pngs
from benchmarks.timing import Rounds, Side, interleave
from vaelab.training.threads import available_cores

QUICK_PNGS = 4_000
"""Enough for a block of the seed's steps, its workers reading ahead until the end."""
FEW = 3


class Bench:
    """One call of the benchmarks.

    Args:
        quick: shorter blocks and fewer cases.
        rounds: of every comparison.
        folder: temporary, for everything that is written.
        say: told what is under way.
    """

    def __init__(
        self, quick: bool, rounds: int, folder: Path, say: Callable[[str], object]
    ) -> None:
        self.quick = quick
        self.rounds = rounds
        self.folder = folder
        self.say = say
        self.block_seconds = 0.2 if quick else 0.8
        self.cores = available_cores()

    def sides(self) -> Sides:
        """Processes for the sides of a comparison."""
        return Sides(self.block_seconds)

    def compare(
        self, subject: str, sides: Sequence[Side], rounds: int | None = None, warm: bool = True
    ) -> Rounds:
        """Time sides in turn."""
        return interleave(
            sides, rounds or self.rounds, warm, lambda what: self.say(f"{subject}: {what}")
        )

    @cached_property
    def train(self) -> Images:
        """60,000 training images."""
        self.say("preparing the images")
        return images.digits("train")

    @cached_property
    def test(self) -> Images:
        """10,000 test images."""
        return images.digits("test")

    def file(self, data: Images) -> str:
        """A file of these images, for another process to load."""
        name = f"{data.name}-{'x'.join(map(str, data.pixels.shape))}.npz".replace(" ", "-")
        path = self.folder / name
        if not path.is_file():
            data.save(path)
        return str(path)

    @cached_property
    def pngs(self) -> str:
        """Training images as PNG files in class folders: all, or some where it has to be quick."""
        count = min(QUICK_PNGS, len(self.train)) if self.quick else len(self.train)
        self.say(f"writing {count:,} PNG files")
        write_pngs(self.folder / "png" / "train", self.train.first(count))
        return str(self.folder / "png" / "train")

    @property
    def seed_steps(self) -> int:
        """Steps in a block of the seed's, each of which takes long."""
        return 12 if self.quick else 40

    @property
    def few_rounds(self) -> int:
        """Of comparisons that take long."""
        return min(2 if self.quick else FEW, self.rounds)

    def place(self, name: str) -> str:
        """A folder of its own for something."""
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return str(path)
