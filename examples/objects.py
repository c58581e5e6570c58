"""Modules, an objective and arrays of your own, without a config.

python examples/objects.py
"""

from sklearn.datasets import load_digits
from torch import Tensor, nn

import vaelab


class Encoder(nn.Module):
    """Images to the location and the log variance of q(z|x): any module will do."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.image = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.SiLU(), nn.Flatten()
        )
        self.loc, self.log_variance = nn.Linear(256, latent), nn.Linear(256, latent)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Of images `(b, 1, 8, 8)` two tensors `(b, latent)`."""
        features = self.image(x)
        return self.loc(features), self.log_variance(features)


def tempered(terms: vaelab.Terms) -> Tensor:
    """Nats to minimise, one number for each image: more than four nats of rate cost double."""
    return terms.distortion + terms.rate + (terms.rate - 4).clamp(min=0)


def main() -> None:
    """Train on the digits that come with scikit-learn, measure, and decode draws of the prior."""
    digits = load_digits()
    x = digits.images / 16  # floats in [0, 1]
    decoder = nn.Sequential(nn.Linear(4, 64), nn.SiLU(), nn.Linear(64, 64))
    model = vaelab.VAE(
        Encoder(4), decoder, prior=vaelab.priors.VampPrior(50), likelihood="laplace", latent=4
    )
    run = vaelab.fit(
        model, data=(x, digits.target), domain="unit", objective=tempered, epochs=5,
        name="own", overwrite=True,
    )  # fmt: skip
    numbers = vaelab.evaluate(run).numbers
    print(f"test elbo {numbers['elbo_nats'].value:.2f} nats")
    print(f"samples: {model.sample_images(16).shape}, codes: {run.codes('test').loc.shape}")


if __name__ == "__main__":
    main()
