"""A translated model computes what the seed's does, and its loss is the seed's."""

import pytest
import torch
from seed_reference import ALL, SEED_CONFIGS, Reference
from torch import Tensor, nn

from vaelab.config import validate
from vaelab.data import Domain
from vaelab.experiment import Experiment
from vaelab.importers.vae_pytorch import Translation, translate
from vaelab.models import VAE


def copy_weights(reference: Reference, model: VAE) -> None:
    """Fill the model from the reference; a bias before a norm moves into its running mean."""
    source = [*parametrised(reference.encoder)]
    heads = [*parametrised(reference.mu)], [*parametrised(reference.var)]
    decoder = [*parametrised(reference.decoder_fc), *parametrised(reference.decoder)]
    for before, after in zip(source, parametrised(model.encoder.trunk), strict=True):
        fill(before, after)
    if len(model.encoder.heads) == 1:
        (merged,) = parametrised(model.encoder.heads)
        merged.weight.data = torch.cat([head[0].weight for head in heads])
        merged.bias.data = torch.cat([head[0].bias for head in heads])
    else:
        for head, ours in zip(heads, model.encoder.heads, strict=True):
            for before, after in zip(head, parametrised(ours), strict=True):
                fill(before, after)
    for before, after in zip(decoder, parametrised(model.decoder.trunk), strict=True):
        fill(before, after)
    for convolution, norm, ours in folded(reference, model):
        ours.running_mean.data = norm.running_mean - convolution.bias


def parametrised(module: nn.Module) -> list[nn.Module]:
    return [m for m in module.modules() if not list(m.children()) and list(m.parameters())]


def fill(before: nn.Module, after: nn.Module) -> None:
    state = before.state_dict()
    if getattr(after, "bias", None) is None:
        del state["bias"]
    after.load_state_dict(state)


def folded(reference: Reference, model: VAE) -> list[tuple[nn.Module, nn.Module, nn.Module]]:
    """Each convolution of the reference with its norm and our norm."""
    blocks = [*reference.encoder, *reference.decoder]
    trunks = nn.ModuleList([model.encoder.trunk, model.decoder.trunk])
    norms = [m for m in trunks.modules() if isinstance(m, nn.BatchNorm2d)]
    return [(block[0], block[1], norm) for block, norm in zip(blocks, norms, strict=True)]


def pair(name: str) -> tuple[Reference, VAE, Translation]:
    """The reference and the translated model with equal weights, in float64."""
    translation = translate(ALL[name], f"{name}.yaml")
    experiment = validate(Experiment, translation.config, name)
    channels = ALL[name]["model_params"]["convbn_channels"][0]
    torch.manual_seed(0)
    reference = Reference(ALL[name]["model_params"]).double()
    # running statistics as after some training
    reference(torch.rand(32, channels, 28, 28).double(), torch.eye(10).double()[[3] * 32], 0.1)
    model = experiment.model.build((channels, 28, 28), Domain.SIGNED, 10).double()
    copy_weights(reference, model)
    return reference, model, translation


def inputs(name: str) -> tuple[Tensor, Tensor, Tensor]:
    seed = ALL[name]["model_params"]
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(7, seed["convbn_channels"][0], 28, 28, generator=generator).double() * 2 - 1
    context = torch.eye(10)[torch.randint(10, (7,), generator=generator)].double()
    return x, context, torch.randn(7, seed["latent_dim"], generator=generator).double()


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("name", ALL)
def test_the_translated_model_computes_what_the_seeds_does(name: str, training: bool) -> None:
    reference, model, _ = pair(name)
    reference.train(training)
    model.train(training)
    x, context, noise = inputs(name)
    mean, spread, image = reference(x, context, noise)
    posterior = model.encode(x, context)
    torch.testing.assert_close(posterior.mean, mean)
    if reference.log_variance:
        torch.testing.assert_close(2 * posterior.stddev.log(), spread)
    else:
        torch.testing.assert_close(posterior.stddev, spread.abs(), atol=2e-6, rtol=0)
        noise = noise * spread.sign()
    tolerance = {} if reference.log_variance else {"atol": 1e-5, "rtol": 1e-5}
    z = posterior.mean + posterior.stddev * noise
    torch.testing.assert_close(model.decode(z, context).mean, image, **tolerance)


@pytest.mark.parametrize("name", [*SEED_CONFIGS, "l1", "colour"])
def test_the_seeds_loss_is_the_negative_elbo_up_to_a_scale_and_a_constant(name: str) -> None:
    reference, model, translation = pair(name)
    training = ALL[name]["train_params"]
    x, context, noise = inputs(name)
    pixels, scale = x[0].numel(), model.decoder.family.scale
    absolute = training["crit"] == "l1"
    # the weight that the scale, written with six digits, stands for
    weight = scale / pixels if absolute else 2 * scale**2 / pixels
    assert weight.item() == pytest.approx(training["kl_weight"] or 1e-5, rel=1e-5)
    constant = pixels * ((2 if absolute else (2 * torch.pi) ** 0.5) * scale).log()
    beta = translation.config["objective"]["beta"]
    for sharpness in (0.5, 1.0, 2.0):
        x = (sharpness * x).clamp(-1, 1)
        mean, log_variance, image = reference(x, context, noise)
        error = (image - x).abs() if absolute else (image - x) ** 2
        kl = 0.5 * (log_variance.exp() + mean**2 - 1 - log_variance).sum(-1)
        loss = error.mean() + (weight if training["kl_weight"] else 0) * kl.mean()
        terms = model.terms(x, context, noise=noise[None])
        ours = (terms.distortion + beta * terms.rate).mean()
        torch.testing.assert_close(ours, loss / weight + constant, rtol=1e-9, atol=0)
