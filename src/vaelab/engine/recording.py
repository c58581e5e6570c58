"""A function of tensors recorded once and replayed without deciding again what to do.

At every step Python, autograd and vmap come to the same list of operations. For small networks that
costs as much as the operations themselves; a recording has nothing but the list.
"""

import operator
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from vaelab.engine.cuda_graph import capture

aten = torch.ops.aten
OpOverload = torch._ops.OpOverload

FUNCTIONS = frozenset(
    "add addcmul addmm baddbmm bmm cat clone div exp index_select log mean mm mul "
    "native_batch_norm neg permute pow relu_ rsqrt select sigmoid_ squeeze stack sub sum t tanh_ "
    "transpose unsqueeze".split()
)
METHODS = frozenset("add_ addcmul_ div_ expand index_add_ lerp_ mul_ new_zeros sub_ view".split())
"""Operations that PyTorch's bindings of these names begin in half of the general way's time."""

ALIASES = frozenset(one.default for one in (aten.alias, aten.detach, aten.expand, aten.view))
"""Views that are their argument itself if they have its shape and strides."""


class Recorded:
    """`function`, replayed operation by operation from its third call on; one CUDA graph on a GPU.

    The same kernels run in the same order, so that the same bits come out. What is no tensor
    argument keeps the value it had while recording; tensors that `function` holds are read and
    written where they are.

    Args:
        function: of tensors and of constants to one tensor; it may write to tensors it holds.
        written: the tensors it writes to, put back should recording fail.

    Attributes:
        replays: the recordings, by the shapes of the tensors and by the constants.
    """

    def __init__(self, function: Callable[..., Tensor], written: Sequence[Tensor]) -> None:
        self._function, self._written = function, written
        self._met: set[Hashable] = set()
        self._recordable = True
        self.replays: dict[Hashable, Callable[..., Tensor]] = {}

    def __call__(self, *arguments: Tensor | Hashable) -> Tensor:
        """The function's value; a tensor without a gradient."""
        key = tuple(
            [(one.shape, one.dtype) if isinstance(one, Tensor) else one for one in arguments]
        )
        if replay := self.replays.get(key):
            with torch.inference_mode():
                return replay(*(one for one in arguments if isinstance(one, Tensor)))
        if key in self._met and self._recordable:
            return self._record(key, arguments)
        self._met.add(key)
        return self._function(*arguments)

    def _record(self, key: Hashable, arguments: Sequence[Tensor | Hashable]) -> Tensor:
        before = [tensor.clone() for tensor in self._written]
        tensors = [one for one in arguments if isinstance(one, Tensor)]
        try:
            with Recorder(tensors) as recorder:
                value = self._function(*arguments)
            replay = recorder.replay(value)
            if value.is_cuda:
                replay = capture(replay, tensors, self._written)
            self.replays[key] = replay
        except Exception:  # whatever it is that cannot be recorded goes on as it was
            self._recordable = False
            for tensor, former in zip(self._written, before, strict=True):
                tensor.copy_(former)
            return self._function(*arguments)
        return value


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes every operation on tensors that runs inside the block.

    Args:
        arguments: tensors that will be others in a replay. All others that were there before the
            block, and views of them, are held.

    Raises:
        TypeError: a number was read from a tensor, so that another could have led elsewhere.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else the first operation imports the compiler, for a second and more

    def __init__(self, arguments: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._graph = fx.Graph()
        self._nodes = {
            id(tensor): self._graph.placeholder(f"argument_{number}")
            for number, tensor in enumerate(arguments)
        }
        self._held: dict[int, fx.Node] = {}
        self._seen: list[Any] = [*arguments]  # kept, so that no two tensors have one id

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operation and note it."""
        kwargs = kwargs or {}
        value = func(*args, **kwargs)
        self._seen.append((args, kwargs, value))
        if func is aten.lift_fresh.default:  # a constant that the function makes and may write to
            constant = value.clone()
            self._seen.append(constant)
            node = self._graph.call_function(aten.clone.default, (self._node(constant),))
            self._nodes[id(value)] = node
            return value
        if func.is_view and id(args[0]) not in self._nodes:
            return value  # a view of what is held is held
        if func in ALIASES and _is(value, args[0]):
            self._nodes[id(value)] = self._nodes[id(args[0])]
            return value
        node = self._graph.call_function(func, *tree_map(self._node, (args, kwargs)))
        self._name(value, node)
        return value

    def replay(self, value: Tensor) -> Callable[..., Tensor]:
        """The operations up to `value` as one function of the arguments."""
        self._graph.output(self._node(value))
        self._graph.eliminate_dead_code()
        for node in self._graph.nodes:
            _bind(node)
        seen = {id(tensor): tensor for tensor in tree_leaves(self._seen)}
        held = [seen[number].detach() for number in reversed(self._held)]
        run = type(fx.GraphModule(nn.Module(), self._graph)).forward
        return lambda *arguments: run(None, *held, *arguments)

    def _node(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        number = id(value)
        if number in self._nodes:
            return self._nodes[number]
        if number not in self._held:
            with self._graph.inserting_before(next(iter(self._graph.nodes))):
                self._held[number] = self._graph.placeholder(f"held_{len(self._held)}")
        return self._held[number]

    def _name(self, value: Any, node: fx.Node) -> None:
        if isinstance(value, Tensor):
            if id(value) not in self._held:  # an operation in place gives its argument
                self._nodes[id(value)] = node
        elif isinstance(value, tuple | list):
            for number, one in enumerate(value):
                self._name(one, self._graph.call_function(operator.getitem, (node, number)))
        elif value is not None:
            raise TypeError(f"{node.target} gives {type(value).__name__}, not a tensor")


def _is(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and a.stride() == b.stride() and a.data_ptr() == b.data_ptr()


def _bind(node: fx.Node) -> None:
    target: Any = node.target
    if not isinstance(target, OpOverload) or "out" in node.kwargs:
        return
    name = target._schema.name.removeprefix("aten::")
    if name in METHODS:
        node.op, node.target = "call_method", name
    elif name in FUNCTIONS:
        node.target = getattr(torch, name)
