"""A bundle as it is given away: fewer images, and weights as differences from step to step."""

import json
import zlib
from collections.abc import Mapping
from io import BytesIO
from math import ceil, sqrt
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64
from PIL import Image

from vaelab.bundle.graph import Graphs
from vaelab.bundle.reader import Bundle
from vaelab.console import track
from vaelab.data.store import evenly_spaced
from vaelab.figures.sheet import on_grid, tile
from vaelab.imaging import png

IMAGES = 2500
"""Whose codes and thumbnails are given away, at most, unless told otherwise."""
FINENESS = (10.0, 256.0)
"""Units of a difference in the root mean square of a tensor's weights, of the last step: at least
and at most."""
MANY_VALUES = 2e8
"""Over the number of all weights of all steps, that is the fineness: few may cost more bits."""
MAX_INTEGER = 32767


def packed(bundle: Bundle, images: int = IMAGES) -> dict[str, bytes]:
    """The files of a bundle for a page by itself, by name, with so many of its images."""
    graphs = bundle.graphs()
    bundle.check()
    manifest = bundle.manifest()
    count = manifest["images"]["count"]
    chosen = evenly_spaced(count, min(images, count))
    _, height, width = manifest["data"]["shape"]
    square = max(1, ceil(sqrt(len(chosen) * height / width)))
    columns = min(int(manifest["images"]["columns"]), square)
    files = {
        "labels.u8": np.frombuffer(bundle.read("labels.u8"), np.uint8)[chosen].tobytes(),
        "thumbs.png": _atlas(bundle.read("thumbs.png"), manifest, chosen, columns),
    }
    for step in manifest["steps"]:
        name = f"codes/{step['index']:04}"
        codes = np.frombuffer(bundle.read(f"{name}.i16"), "<i2").reshape(count, -1)[chosen]
        files[f"{name}.z"] = _deflated(codes)
    weights, about = _weights(bundle, manifest, graphs)
    golden = manifest["golden"]
    places = {int(image): place for place, image in enumerate(chosen)}
    if golden:
        encode = [
            {**pair, "image": places[pair["image"]]}
            for pair in golden["encode"]
            if pair["image"] in places
        ]
        golden = {**golden, "encode": encode}
    manifest |= {
        "images": {**manifest["images"], "count": len(chosen), "columns": columns},
        "golden": golden, "packed": about,
    }  # fmt: skip
    return {"manifest.json": json.dumps(manifest).encode(), **files, **weights}


def _atlas(
    content: bytes, manifest: Mapping[str, Any], chosen: Int64[np.ndarray, " n"], columns: int
) -> bytes:
    channels, height, width = manifest["data"]["shape"]
    with Image.open(BytesIO(content)) as image:
        sheet = np.asarray(image).reshape(-1, height, image.width // width, width, channels)
    cells = sheet.swapaxes(1, 2).reshape(-1, height, width, channels)
    return png(tile(on_grid(cells[chosen], columns)))


def _weights(
    bundle: Bundle, manifest: Mapping[str, Any], graphs: Graphs
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The last step as it is, each one before it by its differences from the next; how."""
    *earlier, last = sorted(manifest["steps"], key=lambda step: int(step["step"]))
    now = bundle.weights(last["index"])
    files = {f"weights/{last['index']:04}.z": _deflated(now.astype("<f2"))}
    pairs = manifest["golden"].get("decode", [])
    units, worst, order = dict[int, list[float]](), 0.0, [last["index"]]
    found = (place for op in graphs.ops for place in op.tensors.values() if place is not None)
    places = list(dict.fromkeys(found))  # of what several read: once
    least, most = FINENESS
    fineness = min(most, max(least, MANY_VALUES / (len(now) * len(manifest["steps"]))))
    rough = {place: max(float(np.sqrt(np.mean(now[_at(place)] ** 2))) / fineness, 1e-6)
             for place in places}  # fmt: skip
    for step in track(earlier[::-1], f"packing {bundle.run.path.name}"):
        wanted, steps = bundle.weights(step["index"]), np.zeros(len(now), "<i2")
        units[step["index"]] = []
        for place in places:
            change = wanted[_at(place)] - now[_at(place)]
            unit = np.float32(max(rough[place], float(np.abs(change).max()) / MAX_INTEGER))
            steps[_at(place)] = np.rint(change / unit)
            now[_at(place)] += steps[_at(place)] * unit
            units[step["index"]].append(float(unit))
        order.append(step["index"])
        files[f"weights/{step['index']:04}.z"] = _deflated(steps)
        worst = max(worst, _furthest(graphs, now, wanted, pairs, len(manifest["data"]["classes"])))
    return files, {
        "order": order, "tensors": [list(place) for place in places], "units": units,
        "worst_decode": worst,
    }  # fmt: skip


def _at(place: tuple[int, int]) -> slice:
    return slice(place[0], sum(place))


def _furthest(
    graphs: Graphs, packed: Float32[np.ndarray, " w"], exact: Float32[np.ndarray, " w"],
    pairs: list[dict[str, Any]], classes: int,
) -> float:  # fmt: skip
    """The largest difference of a pixel that is decoded at the golden codes."""
    if not pairs:
        return 0.0
    label = torch.tensor([pair["class"] or 0 for pair in pairs])
    z = torch.tensor([pair["z"] for pair in pairs])
    context = (label[:, None] == torch.arange(classes)).float()
    one, other = (
        graphs.decode(torch.from_numpy(weights), z, context)["mean"] for weights in (packed, exact)
    )
    return float((one - other).abs().max())


def _deflated(values: np.ndarray) -> bytes:
    """Numbers of two bytes: all low bytes, then all high ones, by raw deflate."""
    halves = np.ascontiguousarray(values).view(np.uint8).reshape(-1, 2).T
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(halves.tobytes()) + compressor.flush()
