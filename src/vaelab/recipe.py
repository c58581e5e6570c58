"""A recipe for one's own pictures: a config chosen from what they are, each choice with its reason.

`vaelab train my_pictures/` trains it, `vaelab config suggest my_pictures/` prints it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
import yaml

from vaelab.config import override, validate
from vaelab.data.pixels import Domain
from vaelab.data.source import Source
from vaelab.data.sources.images import ImagesData
from vaelab.data.store import Split, chunks, evenly_spaced
from vaelab.errors import BadValueError
from vaelab.experiment import Experiment

ARRAYS = {".npz": ("npz", "path"), ".npy": ("npz", "path"), ".csv": ("csv", "train")}
"""The kind of data in a file, by its ending, and the kind's key for the file."""
IDX = "*-images-idx3-ubyte*"
"""Files in which MNIST and its likes come."""
MAX_DENSE = 1100
"""Numbers per picture up to which every pixel is joined with every unit."""
FAINT = 0.07
"""Standard deviation of pixels about the mean picture, from black at 0 to white at 1, below which
layers without a norm learn no code."""
LOOKED_AT = 300
"""Pictures whose contrast is measured."""
FEW = 5000
"""Pictures below which a network learns them by heart before long."""
STEPS = 5000
"""Of the optimiser, about, for few pictures; more of them get twice as many."""
MIN_EPOCHS, MAX_EPOCHS = 3, 200
SMALLEST = 8
"""Side that is halved no more: four pixels are left of it."""
MAX_HALVINGS = 6
GREY = "Grey levels and colours as they are, from 0 to 1."
BLACK_AND_WHITE = "There is black and white, and nothing between."
WIDTH = 96
"""Of a comment."""


@dataclass(frozen=True)
class Facts:
    """What a recipe is chosen from.

    Attributes:
        images: to train on.
        shape: channels, height, width.
        classes: how many.
        resized: why the pictures are scaled; "": they are as they come.
        binary: whether a pixel is black or white to the model.
        faint: whether the pictures are small and differ by little.
    """

    images: int
    shape: tuple[int, int, int]
    classes: int
    resized: str
    binary: bool
    faint: bool

    @property
    def numbers(self) -> int:
        """Of a picture."""
        return prod(self.shape)

    @property
    def dense(self) -> bool:
        """Whether every pixel is joined with every unit."""
        _, height, width = self.shape
        return not _halvings(height, width) or (self.numbers <= MAX_DENSE and not self.faint)


def is_pictures(path: Path) -> bool:
    """Whether a path may be pictures: a folder, or a file of arrays."""
    return path.is_dir() or (path.is_file() and path.suffix.lower() in ARRAYS)


def suggest(path: Path, assignments: Sequence[str] = ()) -> str:
    """The YAML of a config for pictures, a comment at each choice that says why.

    Args:
        path: a folder of pictures, of IDX files or of class folders; an .npz, .npy or .csv file.
        assignments: overrides, of which those of `data` come before the recipe is chosen.
    """
    chosen = [one for one in assignments if of_data(one)]
    data = override(Experiment, {"data": _source(path)}, chosen)["data"]
    data, resized = _sized(data, path, chosen)
    store = _checked(data, path, chosen).load()
    if data["pixels"] == "unit" and all(map(_is_black_and_white, store.splits.values())):
        data["pixels"] = {"kind": "binary", "mode": "given"}
    binary = _checked(data, path, chosen).pixels.domain is Domain.BINARY
    facts = Facts(
        store.training_images, store.image_shape, len(store.classes), resized, binary,
        prod(store.image_shape) <= MAX_DENSE and _is_faint(store.train),
    )  # fmt: skip
    return _text(path, data, facts)


def _is_black_and_white(split: Split) -> bool:
    return split.images.dtype == np.uint8 and all(
        ((part == 0) | (part == 255)).all() for part in chunks(split.images)
    )


def _is_faint(split: Split) -> bool:
    some = evenly_spaced(len(split.images), min(len(split.images), LOOKED_AT))
    images = split.images[some] / np.float32(255 if split.images.dtype == np.uint8 else 1)
    return bool((images - images.mean(0)).std() < FAINT)


def of_data(assignment: str) -> bool:
    """Whether an override is one of the data's, for which the recipe is chosen."""
    return assignment.startswith(("data.", "data="))


def _source(path: Path) -> dict[str, Any]:
    """The data section."""
    place = str(path.absolute())
    if path.is_file() and path.suffix.lower() in ARRAYS:
        kind, key = ARRAYS[path.suffix.lower()]
        return {"kind": kind, key: place, "pixels": "unit"}
    if path.is_file():
        raise BadValueError(
            f"{path} holds no pictures that vaelab reads; wanted is a folder of pictures, or a "
            f"file that ends in {', '.join(ARRAYS)}"
        )
    kind = "mnist" if any(path.glob(IDX)) else "images"
    return {"kind": kind, "path": place, "pixels": "unit"}


def _sized(data: dict[str, Any], path: Path, chosen: Sequence[str]) -> tuple[dict[str, Any], str]:
    """The data section with a size where one is needed, and why."""
    source = _checked(data, path, chosen)
    if not isinstance(source, ImagesData) or source.size is not None:
        return data, ""
    size, why = source.proposed_size()
    return {**data, "size": list(size)} if size else data, why


def _checked(data: dict[str, Any], path: Path, chosen: Sequence[str]) -> Source:
    return validate(Experiment, {"data": data}, f"the recipe for {path}", chosen).data


class _Page:
    """YAML under construction: keys, each with the reason for its value above it."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, words: str, depth: int = 0) -> None:
        """Add a comment."""
        indent = "  " * depth
        self.lines += [f"{indent}# {line}" for line in wrap(words, WIDTH - 2 * depth)]

    def add(self, key: str, value: Any = None, why: str = "", depth: int = 0) -> None:
        """Add a key; without a value, one that holds others."""
        if why:
            self.say(why, depth)
        written = "" if value is None else f" {_flow(value)}"
        self.lines.append(f"{'  ' * depth}{key}:{written}")


def _flow(value: Any) -> str:
    """A value in one line of YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _text(path: Path, data: dict[str, Any], facts: Facts) -> str:
    channels, height, width = facts.shape
    page = _Page()
    classes = f" of {facts.classes:,} classes" if facts.classes > 1 else ""
    page.say(
        f"A recipe for {path.name}: {facts.images:,} pictures to train on, {channels} x {height} x "
        f"{width}{classes}. Train it with `vaelab train FILE`; change what you like, and see what "
        "it does."
    )
    page.add("task_name", _name(path))
    page.add("data")
    for key, value in data.items():
        reasons = {"size": facts.resized, "pixels": BLACK_AND_WHITE if facts.binary else GREY}
        page.add(key, value, reasons.get(key, ""), 1)
    page.add("model")
    page.add("kind", "vae", depth=1)
    page.add(
        "latent", 2, "Two dimensions are a plane to look at; 8 or 16 give sharper pictures.", 1
    )
    _add_networks(page, facts)
    if facts.binary:
        page.add("likelihood", {"kind": "bernoulli"}, "A coin for each pixel.", 1)
    else:
        page.add(
            "likelihood", {"kind": "optimal_gaussian"},
            "How far a pixel may be off is measured on each batch. A fixed scale that does not fit "
            "the pictures makes the prior's own mean the cheapest code, and latent dimensions die "
            "of it.", 1,
        )  # fmt: skip
    epochs, batch = _budget(facts)
    page.add("training")
    page.add(
        "epochs", epochs,
        f"About {epochs * ceil(facts.images / batch):,} steps. The weights of the epoch that is "
        "best on held-out images are kept, so more epochs than needed cost nothing but time.", 1,
    )  # fmt: skip
    page.add("batch_size", batch, depth=1)
    page.add(
        "optimizer", {"kind": "adamw", "learning_rate": 2e-3, "weight_decay": 0.3},
        "Weights that are not needed shrink: a guard against learning pictures by heart.", 1,
    )  # fmt: skip
    page.add("learning_rate_schedule", "cosine", depth=1)
    page.add("figures")
    page.add("every_epoch", ["latent"], depth=1)
    page.add("interval", max(1, epochs // 20), "Some twenty pictures of the plane as it forms.", 1)
    return "\n".join(page.lines) + "\n"


def _add_networks(page: _Page, facts: Facts) -> None:
    _, height, width = facts.shape
    numbers = facts.numbers
    last = {"activation": "silu", "output_activation": "identity" if facts.binary else "sigmoid"}
    if facts.dense:
        few = facts.images < FEW
        widths = [256, 128] if few else [512, 256]
        why = "Layers that join all with all: "
        if numbers <= MAX_DENSE:
            why += f"{numbers:,} numbers a picture are few enough."
        else:
            why += f"{height} x {width} is too narrow to be halved by convolutions."
        why += " Narrow ones, for there are few pictures to learn from." if few else ""
        page.add("encoder", {"kind": "mlp", "widths": widths, "activation": "silu"}, why, 1)
        page.add("decoder", {"kind": "mlp", "widths": widths[::-1], **last}, depth=1)
        return
    halvings = _halvings(height, width)
    filters = [16 * 2 ** min(number, 3) for number in range(halvings)]
    shared = {
        "strides": [2] * halvings, "paddings": [1] * halvings, "norm": "batch", "hidden": [128],
        "hidden_activation": "silu",
    }  # fmt: skip
    why = f"Convolutions, for {numbers:,} numbers a picture are too many to join all with all."
    if numbers <= MAX_DENSE:
        why = "Convolutions, for the pictures differ by little, and their batch norm stretches it."
    kernels = [4] * halvings
    encoder = {"kind": "conv", "channels": filters, "kernels": kernels, **shared}
    page.add("encoder", {**encoder, "activation": "silu"}, why, 1)
    page.add("decoder", {"kind": "conv", "channels": filters[::-1], **shared, **last}, depth=1)


def _halvings(height: int, width: int) -> int:
    """How often both sides can be halved, rounded down, to no less than some four pixels."""
    count = 0
    while min(height, width) >= SMALLEST and count < MAX_HALVINGS:
        height, width, count = height // 2, width // 2, count + 1
    return count


def _budget(facts: Facts) -> tuple[int, int]:
    """Epochs and batch size."""
    batch = 32 if facts.images < FEW else 128 if facts.dense else 64
    steps = STEPS if facts.images < FEW else 2 * STEPS
    epochs = round(steps / ceil(facts.images / batch))
    return min(max(epochs, MIN_EPOCHS), MAX_EPOCHS), batch


def _name(path: Path) -> str:
    """A run's name made of a file's."""
    stem = path.absolute().stem or "pictures"
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in stem).strip("_") or "pictures"
