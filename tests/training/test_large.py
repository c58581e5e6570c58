"""A set of 4 GB is trained on in 1.5 GB of memory."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from vaelab.data.mapped import write_header
from vaelab.runs.run import Run

NUM, SIDE = 2**18, 128
SIZE = NUM * SIDE**2  # 4.3e9 bytes
MOST = 1.5e9


def write_images(path: Path) -> None:
    """Blurred noise, some thousand images again and again."""
    draws = np.random.default_rng(0).integers(256, size=(2**12, 8, 8), dtype=np.uint8)
    block = draws.repeat(SIDE // 8, 1).repeat(SIDE // 8, 2)
    with path.open("wb") as file:
        write_header(file, (NUM, SIDE, SIDE))
        for _ in range(NUM // len(block)):
            file.write(block.data)


def anonymous_memory(process: int) -> int:
    """Bytes that a process has of its own, pages of mapped files apart."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how much memory is anonymous")
def test_four_gigabytes_are_trained_on_in_little_memory(tmp_path: Path) -> None:
    if shutil.disk_usage(tmp_path).free < SIZE + 2**30:
        pytest.skip(f"{tmp_path} has less than the 5.4 GB free that this takes")
    path, runs = tmp_path / "images.npy", tmp_path / "runs"
    try:
        write_images(path)
        (tmp_path / "large.yaml").write_text(
            f"""
            task_name: large
            data: {{kind: npz, path: {path}, validation: 4000, test_fraction: 0.5}}
            model:
              encoder: {{kind: mlp, widths: [16]}}
              decoder: {{kind: mlp, widths: [16]}}
              likelihood: {{kind: gaussian, scale: 0.2}}
            training: {{epochs: 1, batch_size: 256, log_every: 50, preview: false}}
            figures: {{every_epoch: [], at_end: [latent, reconstruction, nearest]}}
            explorer: {{keep: 0}}
            """
        )
        command = ["train", str(tmp_path / "large.yaml"), "--runs", str(runs)]
        process = subprocess.Popen(
            [sys.executable, "-m", "vaelab", *command],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        peak = 0
        while process.poll() is None:
            peak = max(peak, anonymous_memory(process.pid))
            time.sleep(0.02)
        output, _ = process.communicate()
    finally:
        path.unlink(missing_ok=True)
    assert process.returncode == 0, output
    run = Run(runs / "large")
    rows = run.metrics()
    assert rows[-1]["step"] == (NUM // 2 - 4000) // 256 + 1
    assert rows[-1]["elbo_nats"] > rows[0]["elbo_nats"]
    for name in ("latent", "reconstruction", "nearest"):
        assert (run.figures / f"{name}.png").is_file()
    assert 1e8 < peak < MOST
