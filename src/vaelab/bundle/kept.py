"""What is kept of a training: at which steps, the weights as a vector, the codes as integers."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float16, Float32, Float64, Int16, UInt16
from torch import Tensor, nn

from vaelab.data.loading.evaluation import EvalLoader
from vaelab.errors import BadValueError
from vaelab.models import Explorable
from vaelab.tensorfile import pack_bytes, unpack_bytes

DENSITY = 3.0
"""How much denser the first steps are than the last."""
USUAL, FEWEST = 20, 5
"""Steps that are kept unless the config says how many: of small networks, and of the largest."""
USUAL_BYTES = 7_000_000
"""That they take, unless the fewest take more."""
LARGE = 200_000
"""Weights of a network from which on each is kept in seven bits, but of the last step."""
PACKED = ".q7"
"""Ending of weights in seven bits."""
BLOCK = 64
"""Weights that have a scale in common."""
MAX_LEVEL, MAX_HALF = 63, 65_504
"""Of a weight in seven bits, in units of its block's scale; of a float16."""


def usual_steps(weights: int, codes: int) -> int:
    """How many steps are kept of a network of so many weights and images of so many numbers."""
    each = (weights if weights >= LARGE else 2 * weights) + 4 * codes
    return min(USUAL, max(FEWEST, USUAL_BYTES // each))


def kept_steps(total: int, keep: int) -> frozenset[int]:
    """At most `keep` steps from 0 to `total`, both among them, the first close together.

    Step i of n is total (i / (n - 1))^3: half of them lie in the first eighth of the training,
    where the latent space takes its form.
    """
    if keep < 2:
        return frozenset({total}) if keep else frozenset()
    last = keep - 1
    return frozenset(round(total * (i / last) ** DENSITY) for i in range(keep))


def flatten(model: nn.Module) -> Float64[np.ndarray, " w"]:
    """Parameters and statistics one after the other, in the order of the state dict."""
    return np.concatenate([tensor.double().cpu().numpy().ravel() for tensor in _floats(model)])


@torch.no_grad()
def restore(model: nn.Module, values: Float[np.ndarray, " w"]) -> None:
    """Put back what `flatten` took, perhaps rounded meanwhile; a ValueError if it does not fit."""
    tensors = _floats(model)
    sizes = [tensor.numel() for tensor in tensors]
    if len(values) != sum(sizes):
        raise ValueError(f"{len(values)} weights, and the model has {sum(sizes)}")
    for tensor, part in zip(tensors, torch.split(torch.from_numpy(values), sizes), strict=True):
        tensor.copy_(part.view_as(tensor))


def _floats(model: nn.Module) -> list[Tensor]:
    return [tensor for tensor in model.state_dict().values() if tensor.is_floating_point()]


def pack(weights: Float16[np.ndarray, " w"]) -> bytes:
    """Weights in some seven bits: integers from -63 to 63, and a float16 for each 64 of them."""
    blocks = np.pad(weights.astype(np.float32), (0, -len(weights) % BLOCK)).reshape(-1, BLOCK)
    scales = (np.abs(blocks).max(1) / MAX_LEVEL).astype("<f2")
    units = np.where(scales, scales, 1).astype(np.float32)[:, None]
    levels = np.rint(blocks / units).clip(-MAX_LEVEL, MAX_LEVEL).astype(np.int8)
    return pack_bytes(scales.tobytes() + levels.tobytes())


def unpack(content: bytes, count: int) -> Float16[np.ndarray, " w"]:
    """So many weights, as `pack` has rounded them; a ValueError if there are not so many."""
    blocks = -(-count // BLOCK)
    values = unpack_bytes(content, blocks * (2 + BLOCK))
    scales = np.frombuffer(values, "<f2", blocks).astype(np.float32)
    levels = np.frombuffer(values, np.int8, offset=2 * blocks).reshape(blocks, BLOCK)
    weights = (scales[:, None] * levels).reshape(-1)[:count]
    return weights.clip(-MAX_HALF, MAX_HALF).astype("<f2")


MAX_INTEGER = 32767


@dataclass(frozen=True, eq=False)
class QuantisedCodes:
    """Quantised codes of n images: loc, then log scale, and what 1 means in each.

    Of a codebook the numbers of its entries.
    """

    values: Int16[np.ndarray, "n 2 d"] | UInt16[np.ndarray, "n d"]
    loc_unit: float
    log_scale_unit: float


def quantise(loc: Float32[np.ndarray, "n d"], scale: Float32[np.ndarray, "n d"]) -> QuantisedCodes:
    """Quantise so that the largest value just fits."""
    columns, units = [], []
    for values in (loc, np.log(scale)):
        unit = max(float(np.abs(values).max(initial=0)) / MAX_INTEGER, 1e-9)
        units.append(unit)
        columns.append(np.rint(values / unit).astype("<i2"))
    return QuantisedCodes(np.stack(columns, axis=1), *units)


@torch.no_grad()
def encode_quantised(model: Explorable, loader: EvalLoader) -> QuantisedCodes:
    """The codes of a loader's images, by a model in evaluation mode, if they are finite numbers."""
    locs, scales = [], []
    for batch in loader.batches():
        mean, spread = model.to_numbers(batch.x, batch.context)
        locs.append(mean.float().cpu().numpy())
        scales.append(spread.float().cpu().numpy())
    loc, scale = np.concatenate(locs), np.concatenate(scales)
    if model.entries:
        return QuantisedCodes(loc.astype("<u2"), 1.0, 1.0)
    if not (np.isfinite(loc).all() and np.isfinite(scale).all()):
        raise BadValueError("codes of the test images are no finite numbers")
    return quantise(loc, scale)
