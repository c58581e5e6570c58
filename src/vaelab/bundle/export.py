"""From a model to the graphs of its encoder and decoder, and to their weights at any moment."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from vaelab.bundle.graph import Graph, Graphs, Op
from vaelab.data.float_pixels import real_pixels
from vaelab.likelihoods import Likelihood
from vaelab.models import VQVAE, Explorable, HierarchicalVAE
from vaelab.models.base import ConditionalDistribution
from vaelab.models.vae import VAE
from vaelab.networks import Network
from vaelab.networks.exported import Affine, Array, Operation, UnsupportedLayerError, to_array

CLASS = 1
"""The id of the class, where it is read."""


@dataclass(frozen=True)
class ExportedGraphs(Graphs):
    """The graphs of a model, and where their weights are."""

    _tensors: tuple[Callable[[], Array], ...] = ()

    def weights(self) -> Array:
        """Every tensor of the graphs as the model has them now, float64, one after the other."""
        return np.concatenate([tensor().ravel() for tensor in self._tensors])


def export(model: Explorable) -> ExportedGraphs:
    """The graphs of a model; batch norm is folded, linear layers in a row are one."""
    tensors, sizes = list[Callable[[], Array]](), list[int]()
    encoder, decoder = _Builder("x", tensors, sizes), _Builder("z", tensors, sizes)
    between = dict[str, Graph]()
    match model:
        case VAE():
            x = encoder.pixels(model, model.input_factor)
            codes = encoder.normal(model.encoder, x, model.latent)
            pixels = decoder.likelihood(model.decoder, 0)
        case HierarchicalVAE(latents=(lower, upper)):
            x = encoder.pixels(model, model.input_factor)
            codes = encoder.normal(model.encoder, x, lower)
            pixels = decoder.likelihood(model.decoder, 0)
            up, down = _Builder("z", tensors, sizes), _Builder("z", tensors, sizes)
            between["upwards"] = up.graph(up.normal(model.upwards, 0, upper))
            between["downwards"] = down.graph(down.normal(model.downwards, 0, lower))
        case VQVAE():
            book = Affine(lambda: to_array(model.codebook.get_buffer("vectors")), None)
            x = encoder.pixels(model, model.input_factor)
            given = encoder.chain(model.encoder.operations(), x)
            nearest = Operation("nearest", (model.latent,), {}, book)
            codes = {"entries": encoder.write(nearest, given)}
            embed = Operation("embed", model.encoder.output_shape, {}, book)
            pixels = decoder.likelihood(model.decoder, decoder.write(embed, 0))
        case _:
            raise UnsupportedLayerError(type(model).__name__)
    if real := real_pixels(model.pixels):
        slope = 1 / (real.high - real.low)
        shifts = {"mean": -real.low * slope, "scale": 0.0}
        pixels = {
            name: decoder.affine(value, model.image_shape, slope, shifts[name])
            for name, value in pixels.items()
        }
    ends = encoder.graph(codes), decoder.graph(pixels)
    return ExportedGraphs(*ends, **between, _tensors=tuple(tensors))


class _Builder:
    def __init__(self, given: str, tensors: list[Callable[[], Array]], sizes: list[int]) -> None:
        self.given, self.tensors, self.sizes = given, tensors, sizes
        self.ops: list[dict[str, Any]] = []
        self.reads_class = False

    def graph(self, outputs: dict[str, int]) -> Graph:
        inputs = {self.given: 0} | ({"class": CLASS} if self.reads_class else {})
        return Graph(inputs=inputs, ops=tuple(map(Op.model_validate, self.ops)), outputs=outputs)

    def pixels(self, model: Explorable, factor: float) -> int:
        x = 0
        if real := real_pixels(model.pixels):
            x = self.affine(x, model.image_shape, real.high - real.low, real.low)
        return x if factor == 1 else self.add("times", x, model.image_shape, factor=factor)

    def normal(
        self, conditional: ConditionalDistribution, given: int, latent: int
    ) -> dict[str, int]:
        steps = conditional.family.exported_scale()
        if steps is None:
            raise UnsupportedLayerError(type(conditional.family).__name__)
        trunk = conditional.trunk.operations()
        heads = [cast(Network, head).operations() for head in conditional.heads]
        if not heads:
            heads = [[trunk.pop()]]
        features = self.chain(trunk, given)
        if len(heads) == 1:
            heads = [_rows(heads[0], 0, latent), _rows(heads[0], latent, 2 * latent)]
        loc, scale = (self.chain(head, features) for head in heads)
        return {"loc": loc, "scale": self.steps(steps, scale, (latent,))}

    def likelihood(self, decoder: ConditionalDistribution, given: int) -> dict[str, int]:
        family = cast(Likelihood, decoder.family)
        name, steps = family.exported_mean(), family.exported_scale()
        if name is None:
            raise UnsupportedLayerError(type(family).__name__)
        mean, shape = self.chain(decoder.trunk.operations(), given), decoder.trunk.output_shape
        outputs = {}
        if steps is not None:
            shape = (shape[0] // 2, *shape[1:])
            scale = self.add("slice", mean, shape, start=shape[0])
            mean = self.add("slice", mean, shape, start=0)
            outputs["scale"] = self.steps(steps, scale, shape)
        return {"mean": mean if name == "identity" else self.add(name, mean, shape), **outputs}

    def steps(
        self, steps: Iterable[tuple[str, Mapping[str, float]]], value: int, shape: Sequence[int]
    ) -> int:
        for name, settings in steps:
            value = self.add(name, value, shape, **settings)
        return value

    def chain(self, operations: Iterable[Operation], value: int) -> int:
        for one in operations:
            summand = [self.chain(one.summand, value)] if one.summand else []
            value = self.write(one, value, *summand)
        return value

    def write(self, one: Operation, *values: int) -> int:
        self.reads_class |= bool(one.of_class)
        inputs = [*values, *(self.chain(made, CLASS) for made in one.of_class)]
        output = len(self.ops) + 2
        op = {"op": one.name, "in": inputs, "out": output, "shape": one.shape, **one.settings}
        if one.affine is not None:
            op["weight"] = self.place(one.affine.weight)
            op["bias"] = one.affine.bias and self.place(one.affine.bias)
        self.ops.append(op)
        return output

    def add(self, name: str, value: int, shape: Sequence[int], **settings: Any) -> int:
        return self.write(Operation(name, tuple(shape), settings), value)

    def affine(self, value: int, shape: Sequence[int], slope: float, shift: float) -> int:
        """Slope times the value, and the shift."""
        weight = Affine(lambda: np.full(shape[0], slope), lambda: np.full(shape[0], shift))
        return self.write(Operation("scale_shift", tuple(shape), {}, weight), value)

    def place(self, tensor: Callable[[], Array]) -> tuple[int, int]:
        if tensor not in self.tensors:
            self.tensors.append(tensor)
            self.sizes.append(tensor().size)
        at = self.tensors.index(tensor)
        return sum(self.sizes[:at]), self.sizes[at]


def _rows(operations: list[Operation], first: int, last: int) -> list[Operation]:
    """The same network with some of its outputs alone."""
    *before, final = operations
    if final.affine is None or final.affine.bias is None:
        raise UnsupportedLayerError("a head that ends in no linear layer")
    weight, bias = final.affine.weight, final.affine.bias
    taken = Affine(lambda: weight()[first:last], lambda: bias()[first:last])
    return [*before, replace(final, shape=(last - first,), affine=taken)]
