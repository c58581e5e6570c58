"""A code from a codebook: its entries, their gradient, and a bound that is one."""

import math

import pytest
import torch
from torch import Tensor

from vaelab.config import validate
from vaelab.data import Domain
from vaelab.distributions import PointMass
from vaelab.errors import BadCombinationError, BadValueError
from vaelab.experiment import Experiment
from vaelab.models import VQVAE, VQConfig
from vaelab.models.vq import Codebook
from vaelab.objectives import ELBOConfig
from vaelab.priors import PixelCNNConfig

SHAPE, K, D = (1, 8, 8), 6, 3
ENCODER = {"kind": "conv", "channels": [4, 5], "kernels": [2, 2], "strides": [2, 2]}


def config(**changes: object) -> VQConfig:
    return VQConfig.model_validate({"codes": K, "latent": D, "encoder": ENCODER, **changes})


def model(**changes: object) -> VQVAE:
    torch.manual_seed(0)
    return config(**changes).build(SHAPE, Domain.UNIT, 1).double()


def images(count: int = 5) -> Tensor:
    torch.manual_seed(1)
    return torch.rand(count, *SHAPE, dtype=torch.float64)


def grid_noise(samples: int = 1, count: int = 5) -> Tensor:
    torch.manual_seed(2)
    return torch.randn(samples, count, 2, 2, dtype=torch.float64)


# --- the codebook


def test_the_entry_chosen_is_the_nearest() -> None:
    torch.manual_seed(0)
    book = Codebook(K, D, 0.99).double()
    given = torch.randn(7, D, 4, 5, dtype=torch.float64)
    rows, entries = given.movedim(1, -1), book.get_buffer("vectors")
    distance = (rows[..., None, :] - entries).square().sum(-1)
    chosen = book.nearest(given)
    assert torch.equal(chosen, distance.argmin(-1))
    torch.testing.assert_close((given - book(chosen)).square().sum(1), distance.min(-1).values)
    assert torch.equal(book.nearest(book(chosen)), chosen)


def test_entries_follow_the_means_of_what_they_stand_for() -> None:
    book = Codebook(2, 1, 0.75).double()
    book.get_buffer("vectors").copy_(torch.tensor([[0.0], [10.0]]))
    book.get_buffer("counts").copy_(torch.tensor([4.0, 2.0]))
    given = torch.tensor([1.0, 2.0, 3.0, 12.0], dtype=torch.float64).reshape(1, 1, 2, 2)
    index = book.nearest(given)
    assert index.flatten().tolist() == [0, 0, 0, 1]
    book.follow(given, index, torch.zeros(1, 2, 2))
    counts = [0.75 * 4 + 0.25 * 3, 0.75 * 2 + 0.25 * 1]
    sums = [0.75 * 4 * 0 + 0.25 * (1 + 2 + 3), 0.75 * 2 * 10 + 0.25 * 12]
    assert book.get_buffer("counts").tolist() == pytest.approx(counts)
    means = [total / count for total, count in zip(sums, counts, strict=True)]
    assert book.get_buffer("vectors").flatten().tolist() == pytest.approx(means)


def test_entries_that_are_not_used_become_vectors_of_the_batch() -> None:
    book = Codebook(3, 1, 0.5).double()
    given = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64).reshape(1, 1, 2, 2)
    noise = torch.tensor([[[0.3, -1.0], [0.1, 2.0]]])  # in this order: 2, 3, 1, 4
    book.get_buffer("counts").copy_(torch.tensor([0.0, 5.0, 0.0]))
    book.get_buffer("vectors").copy_(torch.tensor([[-90.0], [2.5], [90.0]]))
    book.follow(given, book.nearest(given), noise)
    assert book.get_buffer("vectors").flatten().tolist() == [2.0, pytest.approx(2.5), 1.0]
    assert book.get_buffer("counts").tolist() == pytest.approx([4 / 3, 0.5 * 5 + 0.5 * 4, 4 / 3])


# --- the bound


def test_under_the_uniform_prior_the_rate_is_n_log_k() -> None:
    terms = model().eval().terms(images(), noise=grid_noise())
    torch.testing.assert_close(terms.rate, torch.full((5,), 4 * math.log(K)).double())
    torch.testing.assert_close(terms.elbo, terms.log_likelihood[0] - 4 * math.log(K))
    assert terms.auxiliary is not None
    assert (terms.auxiliary > 0).all()


@torch.no_grad()
def test_it_is_below_log_p_of_the_image() -> None:
    """With every grid enumerated: log p(x) = log sum over z of p(x|z) p(z)."""
    vq = model(codes=3, prior=PixelCNNConfig(channels=4, layers=2)).eval()
    every = torch.cartesian_prod(*(torch.arange(3) for _ in range(4))).reshape(-1, 2, 2)
    for x in images(3):
        joint = vq.decode(every).log_prob(x) + vq.prior().log_prob(every)
        terms = vq.terms(x[None], noise=grid_noise(1, 1))
        assert terms.elbo < torch.logsumexp(joint, 0)
        chosen = vq.encode(x[None]).value
        (place,) = (every == chosen).flatten(1).all(1).nonzero()
        torch.testing.assert_close(terms.elbo, joint[place.item()][None])


def test_more_samples_are_the_same_one_and_its_weight_is_the_bound() -> None:
    vq = model().eval()
    one, many = (vq.terms(images(), noise=grid_noise(k)) for k in (1, 3))
    for terms in (one, many):
        torch.testing.assert_close(terms.log_weights, one.elbo.expand_as(terms.log_weights))
        torch.testing.assert_close(terms.iwae, one.elbo)
    assert many.log_weights.shape == (3, 5)


def test_a_posterior_that_is_certain() -> None:
    value = torch.tensor([[[1, 2]], [[0, 3]]])
    q = PointMass(value)
    assert q.log_prob(value).tolist() == [0, 0]
    assert q.log_prob(value[[0, 0]]).tolist() == [0, -math.inf]
    assert torch.equal(q.sample([4]), value.expand(4, -1, -1, -1))


# --- learning


def test_the_decoders_gradient_passes_straight_to_the_encoder() -> None:
    vq, x = model(commitment=1e-12).eval(), images()
    given = vq.encoder(x)
    given.retain_grad()
    vq.encoder.forward = lambda *_: given  # type: ignore[method-assign]
    vq.terms(x, noise=grid_noise()).distortion.sum().backward()
    chosen = vq.codebook(vq.codebook.nearest(given)).detach().requires_grad_()
    (-vq.decoder(chosen).log_prob(x)).sum().backward()
    torch.testing.assert_close(given.grad, chosen.grad)


def test_the_loss_has_the_commitment_and_the_bound_has_not() -> None:
    vq, x = model(commitment=0.5), images()
    vq.eval()
    terms = vq.terms(x, noise=grid_noise())
    given = vq.encoder(x)
    distance = (given - vq.codebook(vq.codebook.nearest(given))).square().sum((1, 2, 3))
    torch.testing.assert_close(terms.auxiliary, 0.5 * distance)
    loss = ELBOConfig()(terms, {"beta": torch.tensor(1.0)})
    torch.testing.assert_close(loss, (-terms.elbo + 0.5 * distance).mean())


def test_only_a_training_step_moves_the_codebook() -> None:
    vq = model().eval()
    before = vq.codebook.get_buffer("vectors").clone()
    assert not vq.terms(images(), noise=grid_noise()).updates
    terms = vq.train().terms(images(), noise=grid_noise())
    assert torch.equal(vq.codebook.get_buffer("vectors"), before)
    for update in terms.updates:
        update()
    assert not torch.equal(vq.codebook.get_buffer("vectors"), before)


# --- what does not go together


@pytest.mark.parametrize(
    "objective",
    [{"kind": "elbo", "beta": 2}, {"kind": "elbo", "samples": 2}, {"kind": "iwae"},
     {"kind": "free_bits"}, {"kind": "capacity"}],
)  # fmt: skip
def test_objectives_that_would_do_nothing_else_are_refused(objective: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="one code for an image"):
        validate(Experiment, {"model": {"kind": "vq"}, "objective": objective}, "test")


def test_a_grid_cannot_pass_through_dense_layers() -> None:
    for changes in ({"encoder": {**ENCODER, "hidden": [8]}}, {"encoder": {**ENCODER, "heads": [8]}},
                    {"decoder": {"kind": "conv", "hidden": [8]}}):  # fmt: skip
        with pytest.raises(BadCombinationError, match="leave out `hidden`"):
            model(**changes)
    with pytest.raises(BadValueError, match=r"begins with 1 x 1, .* codes is 2 x 2"):
        model(decoder={"kind": "conv"})
    with pytest.raises(ValueError, match="encoder"):
        config(encoder={"kind": "mlp"})
    with pytest.raises(BadCombinationError, match="output_activation: identity"):
        model(likelihood={"kind": "continuous_bernoulli"},
              decoder={"kind": "conv", "channels": [5, 4], "strides": [2, 2],
                       "output_activation": "sigmoid"})  # fmt: skip
