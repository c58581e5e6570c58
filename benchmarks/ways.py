"""Three ways from Kaggle's CSV files to pictures: ours whole, the others in timed parts."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.processes import Sides, run_process
from benchmarks.seed_files import write_csv, write_pngs
from benchmarks.timing import Side, timed

BATCH_SIZE = 64
EPOCHS = 10
PLOTS = EPOCHS + 1
"""The seed draws one before training too."""
SHARE = 3_000
"""Images of a share, which is scaled to all."""
MODEL = "vae_kl"


class Ways:
    """Files of the three ways, and the sides that go them.

    Args:
        bench: with the real MNIST.
        config: of our way.
    """

    def __init__(self, bench: Bench, config: Path) -> None:
        self.bench = bench
        self.config = config
        self.folder = Path(bench.place("quality"))
        self.run = self.folder / "runs" / "benchmark"
        self.csv = {part: self.folder / f"mnist_{part}.csv" for part in ("train", "test")}
        bench.say("writing the CSV files")
        write_csv(self.csv["train"], bench.train)
        write_csv(self.csv["test"], bench.test)
        write_pngs(self.folder / "test", bench.test)

    @property
    def cache(self) -> dict[str, str]:
        """Where our way keeps imports."""
        return {"VAELAB_CACHE": str(self.folder / "cache")}

    def ours(self) -> float:
        """Seconds of the whole process of `vaelab train`, nothing imported before."""
        shutil.rmtree(self.folder / "cache", ignore_errors=True)
        words = [
            "-m", "vaelab", "train", self.config,
            "data.kind=csv", "data.pixels=signed", "data.validation=1000",
            f"data.train={self.csv['train']}", f"data.test={self.csv['test']}",
            f"task_name={self.run.name}", "--runs", self.run.parent, "--overwrite",
        ]  # fmt: skip
        return timed(lambda: run_process(words, self.cache))

    def sides(self, started: Sides) -> list[Side]:
        """Ours, and the parts of the others; each part's seconds are scaled to the whole."""
        bench, folder, csv = self.bench, str(self.folder), str(self.csv["train"])
        images = len(bench.train) + len(bench.test)
        steps = EPOCHS * -(-len(bench.train) // BATCH_SIZE)
        net = {"name": MODEL, "batch_size": BATCH_SIZE}
        return [
            Side("ours", self.ours),
            _scaled(images / SHARE, started.start(
                "CSV to PNG", "extraction", {"path": csv, "folder": folder, "count": SHARE}, 1)),
            _scaled(steps, started.start(
                "seed steps", "seed", {**net, "pngs": bench.pngs, "folder": folder},
                bench.seed_steps)),
            _scaled(PLOTS, started.start(
                "seed plots", "seed plots",
                {"name": MODEL, "pngs": str(self.folder / "test"), "folder": folder}, 1)),
            _scaled(images / SHARE, started.start(
                "CSV to array", "reading", {"csv": csv, "rows": SHARE}, 1)),
            _scaled(steps, started.start(
                "plain steps", "plain", {**net, "data": bench.file(bench.train)})),
            _scaled(PLOTS, started.start(
                "plain plots", "plain plots",
                {"name": MODEL, "test": bench.file(bench.test), "folder": folder}, 1)),
        ]  # fmt: skip


def _scaled(factor: float, side: Side) -> Side:
    block: Callable[[], float] = side.block
    return replace(side, block=lambda: factor * block())
