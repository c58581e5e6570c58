"""Batch norm over the images of several processes; for one it is PyTorch's."""

import pytest
import torch
from torch import nn

from vaelab.distributed import BatchSlice, sharing
from vaelab.networks.batch_norm import WholeBatchNorm


def norms() -> tuple[nn.BatchNorm2d, WholeBatchNorm]:
    torch.manual_seed(0)
    theirs, ours = nn.BatchNorm2d(3).double(), WholeBatchNorm(3).double()
    nn.init.normal_(theirs.weight)
    nn.init.normal_(theirs.bias)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def test_by_itself_it_is_batch_norm() -> None:
    theirs, ours = norms()
    given = [torch.randn(4, 3, 5, 2, dtype=torch.float64, requires_grad=True)]
    given.append(given[0].detach().clone().requires_grad_())
    with sharing(BatchSlice(0, 4, 4)):
        made = [one(x) for one, x in zip((theirs, ours), given, strict=True)]
    torch.testing.assert_close(made[1], made[0])
    for y in made:
        (y * torch.arange(y.numel()).view_as(y).sin()).sum().backward()
    torch.testing.assert_close(given[1].grad, given[0].grad)
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad)
    torch.testing.assert_close(ours.bias.grad, theirs.bias.grad)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())
    ours.eval(), theirs.eval()
    torch.testing.assert_close(ours(given[0]), theirs(given[0]))


@pytest.mark.parametrize("shift", [0.0, 1e4])
def test_in_few_bits_its_moments_are_exact_enough(shift: float) -> None:
    ours = WholeBatchNorm(1)
    x = (torch.arange(8.0).reshape(2, 1, 2, 2) + shift).to(torch.float32)
    with sharing(BatchSlice(0, 2, 2)):
        y = ours(x)
        torch.testing.assert_close(y.mean().item(), 0.0, atol=1e-3, rtol=0)
        torch.testing.assert_close(y.var(correction=0).item(), 1.0, atol=1e-3, rtol=0)
        assert ours(x.bfloat16()).dtype == torch.bfloat16
