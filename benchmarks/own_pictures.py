"""Judge the recipe for one's own pictures: `python -m benchmarks.own_pictures FOLDER...`.

Of each set the recipe is trained, then a small sweep around it. The gap is how far
the recipe's test ELBO is behind the best of all these, in per cent of the way to it from a constant
model: the mean training picture under one Gaussian scale, or as a coin for each pixel.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from math import log, pi
from pathlib import Path
from statistics import fmean
from time import process_time
from typing import Any

import numpy as np

import vaelab
from vaelab.data.pixels import Domain
from vaelab.errors import UserError
from vaelab.experiment import NO_PICTURES
from vaelab.runs.lookup import load_settings
from vaelab.runs.run import Run

MANIFOLD = ("figures={every_epoch: [], at_end: [manifold, latent]}", "explorer.keep=0")
MLP = ("{kind: mlp, widths: [512, 256], activation: silu}",
       "{kind: mlp, widths: [256, 512], activation: silu, output_activation: sigmoid}")  # fmt: skip
CONV = ("{kind: conv, channels: [32, 64, 128], kernels: [4, 4, 4], strides: [2, 2, 2], "
        "paddings: [1, 1, 1], hidden: [128]}",
        "{kind: conv, channels: [128, 64, 32], strides: [2, 2, 2], paddings: [1, 1, 1], "
        "hidden: [128], output_activation: sigmoid}")  # fmt: skip


def main() -> int:
    """Train and print one table.

    Returns:
        0, or 2 where a set cannot be read.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.own_pictures",
                                     description=(__doc__ or "").partition("\n")[0])  # fmt: skip
    parser.add_argument("sets", nargs="+", help="folders of pictures, .npz, .npy or .csv files")
    parser.add_argument("--recipe", action="store_true", help="the recipe alone, without a sweep")
    parser.add_argument("--only", nargs="+", default=[], help="variants of the sweep")
    parser.add_argument("--seeds", type=int, default=1, help="means over so many; default 1")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", help="keep the runs in this folder, with their manifolds")
    asked = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.sets:
            try:
                lines.append(_judge(name, asked, asked.runs or folder))
            except UserError as error:
                print(f"{name}: {error}", file=sys.stderr)
                return 2
    print("\n| set | images | test ELBO | active | rates | 5-nn | constant | best | gap |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: |", *lines, sep="\n")
    return 0


def _judge(name: str, asked: argparse.Namespace, folder: str) -> str:
    """The table's line for one set."""
    settings, _ = load_settings(name)
    run, numbers = _trained("recipe", settings, MANIFOLD, folder, asked)
    floor = constant(run)
    elbos = {"recipe": numbers["elbo_nats"]}
    for label, overrides in {} if asked.recipe else _variants(settings):
        if asked.only and label not in asked.only:
            continue
        _, other = _trained(label, settings, (*overrides, *NO_PICTURES), folder, asked)
        elbos[label] = other["elbo_nats"]
    best = max(elbos, key=lambda label: elbos[label])
    gap = (elbos[best] - elbos["recipe"]) / (elbos[best] - floor)
    rates = [numbers[f"rate_z{k}_nats"] for k in (1, 2)]
    nearest = numbers.get("knn5_accuracy")
    images = run.experiment.data.load().training_images
    cells = [Path(name).stem, f"{images:,}", f"{elbos['recipe']:.1f}",
             f"{numbers['active_units']:.1f}", ", ".join(f"{rate:.1f}" for rate in rates),
             "" if nearest is None else f"{nearest:.2f}", f"{floor:.1f}",
             "" if asked.recipe else f"{best} {elbos[best]:.1f}",
             "" if asked.recipe else f"{gap:.1%}"]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def constant(run: Run) -> float:
    """Test ELBO in nats per image of a model that says the mean training picture of every one."""
    store = run.experiment.data.load()
    most = 255.0 if store.train.images.dtype == np.uint8 else 1.0
    known = np.concatenate([store.train.images[:], store.valid.images[:]]) / most
    mean = known.mean(0)
    if run.experiment.data.pixels.domain is Domain.BINARY:
        share = (known.sum(0) + 0.5) / (len(known) + 1)  # of white; Jeffreys' prior: no log of 0
        x = store.test.images[:] / most
        return float(np.log(np.where(x > 0, share, 1 - share)).sum(axis=(1, 2, 3)).mean())
    variance = np.square(known - mean).mean()
    errors = np.square(store.test.images[:] / most - mean)
    return float((-(errors / variance + log(2 * pi * variance)) / 2).sum(axis=(1, 2, 3)).mean())


def _variants(settings: Mapping[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    """A small sweep: optimisers, likelihood, batches, epochs, width, kind of network."""
    training = settings["training"]
    batch, epochs = training["batch_size"], training["epochs"]
    conv = settings["model"]["encoder"]["kind"] == "conv"
    encoder, decoder = MLP if conv else CONV
    found = [
        ("adam 1e-3", ("training.optimizer={kind: adam, learning_rate: 1e-3}",)),
        ("adam 3e-3", ("training.optimizer={kind: adam, learning_rate: 3e-3}",)),
        ("learned scale", ("model.likelihood={kind: gaussian, scale: learned}",)),
        ("warm-up", (f"objective.beta={{kind: linear, epochs: {max(1, epochs // 5)}}}",)),
        ("twice the batch", (f"training.batch_size={2 * batch}",)),
        ("half the epochs", (f"training.epochs={max(1, epochs // 2)}",)),
        ("other network", (f"model.encoder={encoder}", f"model.decoder={decoder}")),
    ]
    if settings["model"]["likelihood"]["kind"] == "bernoulli":
        found = [one for one in found if one[0] != "learned scale"]
    for label, factor in (("half as wide", 0.5), ("twice as wide", 2)):
        width = "channels" if conv else "widths"
        wide = [
            f"model.{side}.{width}={[int(factor * w) for w in settings['model'][side][width]]}"
            for side in ("encoder", "decoder")
        ]
        found.append((label, tuple(wide)))
    return found


def _trained(
    label: str,
    settings: Mapping[str, Any],
    overrides: tuple[str, ...],
    folder: str,
    asked: argparse.Namespace,
) -> tuple[Run, dict[str, float]]:
    """The last seed's run, and the test numbers, means over seeds, which are printed too."""
    name = f"{settings['task_name']}_{label.replace(' ', '_')}"
    begun, measured = process_time(), []
    for seed in range(asked.seeds):
        always = (f"training.seed={seed}", f"training.threads={asked.threads}",
                  f"task_name={name}_{seed}")  # fmt: skip
        run = vaelab.train(settings, *overrides, *always, folder=folder, overwrite=True, quiet=True)
        numbers = vaelab.evaluate(run, samples=1).numbers
        measured.append({key: number.value for key, number in numbers.items()})
    means = {key: fmean(each[key] for each in measured) for key in measured[0]}
    elbos = " ".join(f"{each['elbo_nats']:.1f}" for each in measured)
    print(
        f"{settings['task_name']:>16} {label:16} ELBO {elbos}  rate {means['rate_nats']:5.2f}  "
        f"{means['active_units']:.1f} active  best of epoch {run.about_weights()['epoch']} of "
        f"{run.experiment.training.epochs}  {process_time() - begun:.0f} s",
        flush=True,
    )
    return run, means


if __name__ == "__main__":
    sys.exit(main())
