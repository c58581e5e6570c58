"""The two models as anyone would write them in PyTorch, and their loss."""

import torch
from torch import Tensor, nn

KL_WEIGHT = 1e-5
LEARNING_RATES = {"simple": 1e-3, "vae_kl": 5e-3}


class PlainVAE(nn.Module):
    """A variational autoencoder of nn layers.

    Args:
        encoder: image to features.
        mean: features to the posterior's mean.
        log_variance: features to its log-variance.
        decoder: code to image.
    """

    def __init__(
        self, encoder: nn.Module, mean: nn.Module, log_variance: nn.Module, decoder: nn.Module
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.mean = mean
        self.log_variance = log_variance
        self.decoder = decoder

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, log-variance and the image decoded from a sample."""
        features = self.encoder(x)
        mean, log_variance = self.mean(features), self.log_variance(features)
        scale = torch.exp(0.5 * log_variance)
        z = mean + scale * torch.randn_like(scale)
        return mean, log_variance, self.decoder(z)


def plain_model(name: str) -> PlainVAE:
    """`simple`, fully connected, or `vae_kl`, convolutional; for 28 x 28 grey pixels."""
    return _simple() if name == "simple" else _convolutional()


def plain_loss(output: Tensor, x: Tensor, mean: Tensor, log_variance: Tensor) -> list[Tensor]:
    """Loss, mean squared error, KL(q(z|x) || N(0, I)) in nats per image."""
    kl = torch.mean(0.5 * torch.sum(torch.exp(log_variance) + mean**2 - 1 - log_variance, dim=-1))
    mse = nn.functional.mse_loss(output, x)
    return [mse + KL_WEIGHT * kl, mse, kl]


def _simple() -> PlainVAE:
    def head() -> nn.Module:
        return nn.Sequential(nn.Linear(48, 16), nn.Tanh(), nn.Linear(16, 2))

    encoder = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 196), nn.Tanh(), nn.Linear(196, 48), nn.Tanh()
    )
    decoder = nn.Sequential(
        nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 48), nn.Tanh(), nn.Linear(48, 196), nn.Tanh(),
        nn.Linear(196, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28)),
    )  # fmt: skip
    return PlainVAE(encoder, head(), head(), decoder)


def _convolutional() -> PlainVAE:
    def down(before: int, after: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(before, after, 2, 2), nn.BatchNorm2d(after), nn.LeakyReLU())

    def up(before: int, after: int, kernel: int) -> nn.Module:
        return nn.Sequential(
            nn.ConvTranspose2d(before, after, kernel, 2), nn.BatchNorm2d(after), nn.Tanh()
        )

    def head() -> nn.Module:
        return nn.Sequential(nn.Linear(576, 128), nn.Linear(128, 2))

    encoder = nn.Sequential(down(1, 16), down(16, 32), down(32, 64), nn.Flatten())
    decoder = nn.Sequential(
        nn.Linear(2, 128), nn.LeakyReLU(), nn.Linear(128, 576), nn.LeakyReLU(),
        nn.Unflatten(1, (64, 3, 3)), up(64, 32, 3), up(32, 16, 2), up(16, 1, 2),
    )  # fmt: skip
    return PlainVAE(encoder, head(), head(), decoder)
