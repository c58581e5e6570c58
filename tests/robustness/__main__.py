"""Try everything and print the table: `python -m tests.robustness [GROUP ...]`."""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.robustness import damage, images, places, texts, words
from tests.robustness.bench import Bench
from tests.robustness.forks import preload, run_all
from tests.robustness.trial import Trial

GROUPS: dict[str, tuple[str, Callable[[Bench, random.Random], Iterator[Trial]]]] = {
    "damage": ("files of runs, bundles and sweeps damaged x commands", damage.trials),
    "yaml": ("nasty YAML as config, run and sweep", texts.yamls),
    "overrides": ("random overrides", texts.overrides),
    "tutorial": ("broken YAML of the tutorial, translated", texts.tutorials),
    "words": ("nonsense in place of every argument", words.trials),
    "places": ("terminals, encodings, folders, limits", places.trials),
    "data": ("data files damaged, bombs, devices", images.trials),
}


def main() -> int:
    """Print the table and what is bad; 0 where nothing is."""
    parser = argparse.ArgumentParser(prog="python -m tests.robustness", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--sample", type=int, help="so many of each group")
    parser.add_argument("--only", default="", help="those with this text in their name")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="where the folders of bad ones stay")
    options = parser.parse_args()
    if unknown := set(options.groups) - set(GROUPS):
        parser.error(f"no such group: {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    if sys.platform != "linux":
        print("trials are forks, which only Linux has here: nothing was tried")
        return 0
    preload()
    rows, worst = [], 0
    with tempfile.TemporaryDirectory(prefix="robustness-", ignore_cleanup_errors=True) as folder:
        scratch = options.keep or Path(folder)
        Path(folder).chmod(0o755)
        bench = Bench(scratch)
        for name in options.groups or GROUPS:
            about, make = GROUPS[name]
            chosen = [one for one in make(bench, random.Random(f"{options.seed} {name}"))
                      if options.only in one.what]  # fmt: skip
            if options.sample is not None:
                random.Random(name).shuffle(chosen)
                chosen = chosen[: options.sample]
            began, bad = time.monotonic(), 0
            for trial, wrong in run_all(chosen, scratch / name, bench.cache):
                bad += bool(wrong)
                for one in wrong:
                    print(f"{name}: {trial.what!r}: {one}", flush=True)
            rows.append((about, len(chosen), len(chosen) - bad, time.monotonic() - began))
            worst += bad
    print("| what | tried | good | seconds |\n|---|---:|---:|---:|")
    for about, tried, good, seconds in rows:
        print(f"| {about} | {tried:,} | {good:,} | {seconds:.0f} |")
    return int(worst > 0)


if __name__ == "__main__":
    sys.exit(main())
