"""One process against two that share every batch."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from functools import partial

from benchmarks.bench import Bench
from benchmarks.processes import ROOT
from benchmarks.report import Result, Row, absent
from benchmarks.timing import Side

CASES = (
    ("simple", "simple", 64),
    ("simple", "simple", 512),
    ("vae_kl", "vae_kl", 64),
    ("vae_kl", "vae_kl", 512),
    ("wide", "simple", 64),
    ("wide", "simple", 512),
)
WIDE = "model.encoder.widths=[2048,2048] model.decoder.widths=[2048,2048]"
STEPS = {"simple": 400, "vae_kl": 60, "wide": 20}
Measured = dict[str, float]


def measure(bench: Bench) -> Result:
    """Small and large messages, few and many images for each process."""
    if bench.cores < 2:
        return Result("scaling", "one process / two", [absent("two processes", "one core")])
    cases = CASES[::2] if bench.quick else CASES
    return Result(
        "scaling",
        "time of a step of one process with one thread / that of two such processes that share "
        "the batch (2 is ideal); beside it, what the message of a step takes by itself: the sum "
        "over both of gradient and terms, over gloo on this machine.",
        [_compared(bench, *case) for case in cases],
    )


def _compared(bench: Bench, name: str, config: str, batch: int) -> Row:
    overrides = f"training.batch_size={batch} explorer.keep=0 " + (WIDE if name == "wide" else "")
    settings = {
        "config": config, "overrides": overrides, "data": bench.file(bench.train),
        "folder": bench.place("runs"),
    }  # fmt: skip
    seen: dict[int, list[Measured]] = {1: [], 2: []}
    sides = [
        Side(str(processes), partial(_step, processes, settings, STEPS[name], seen[processes]))
        for processes in seen
    ]
    rounds = bench.compare(f"{name} {batch}", sides, rounds=bench.few_rounds, warm=False)
    one, two = rounds.milliseconds("1"), rounds.milliseconds("2")
    sent = 1e3 * statistics.median(measured["message_s"] for measured in seen[2])
    size = seen[2][0]["message_bytes"] / 1e6
    return Row(
        f"{name}, batch {batch}",
        "step of one process / of two",
        rounds.ratio("1", "2"),
        f"{one:.2f} / {two:.2f} ms; message {size:.2f} MB, {sent:.2f} ms",
        {
            "one_ms": one,
            "two_ms": two,
            "message_ms": sent,
            "message_MB": size,
            "norms": seen[2][0]["norms"],
        },
        {"1": 1, "2": 1},
    )


def _step(processes: int, settings: Mapping[str, str], steps: int, seen: list[Measured]) -> float:
    child = ["-m", "benchmarks.shared_child", json.dumps(settings), str(steps)]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    done = subprocess.run(
        [sys.executable, *(launcher if processes > 1 else []), *child], cwd=ROOT,
        env={**os.environ, "GLOO_SOCKET_IFNAME": "lo"}, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"it ended with code {done.returncode}: {done.stderr}")
    seen.append(json.loads(done.stdout))
    return seen[-1]["step_s"]
