"""A table of vectors, the nearest of which takes the place of what an encoder gives."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from vaelab.distributed.world import World

SELDOM = 0.1
"""Used less than this part of the even share, a vector is dead and begins anew."""


class Codebook(nn.Module):
    """K vectors that follow those they stand for.

    Each is the running mean of the encoder's vectors that it is the nearest to:

        N <- decay N + (1 - decay) n,    N e <- decay N e + (1 - decay) sum of those vectors

    "Neural discrete representation learning" (van den Oord et al., 2017, eq. 6 to 8, arXiv
    1711.00937). One that is hardly used becomes a vector of the batch, as in "Jukebox" (Dhariwal et
    al., 2020, section 3, arXiv 2005.00341); at the first batch that is every one.

    Args:
        codes: K.
        latent: dimension d of each.
        decay: of the running means.

    Attributes:
        world: the processes whose batch it follows.
    """

    def __init__(self, codes: int, latent: int, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.world = World()
        self.register_buffer("vectors", torch.randn(codes, latent))
        self.register_buffer("counts", torch.zeros(codes))

    def forward(self, index: Int64[Tensor, "*batch h w"]) -> Float[Tensor, "*batch d h w"]:
        """The vectors of these numbers."""
        return self.get_buffer("vectors")[index].movedim(-1, -3)

    @torch.no_grad()
    def nearest(self, given: Float[Tensor, "b d h w"]) -> Int64[Tensor, "b h w"]:
        """The number of the vector at the least distance from each."""
        vectors = self.get_buffer("vectors")
        # |z - e|^2 = |e|^2 - 2 z e + |z|^2, whose last part is the same for all e
        rows = given.movedim(1, -1).to(vectors.dtype)
        return (vectors.square().sum(1) - 2 * rows @ vectors.T).argmin(-1)

    @torch.no_grad()
    def follow(
        self,
        given: Float[Tensor, "b d h w"],
        index: Int64[Tensor, "b h w"],
        noise: Float[Tensor, "b h w"],
    ) -> None:
        """Move towards a batch of vectors.

        Args:
            given: what the encoder gives.
            index: `nearest` of it.
            noise: chooses the vectors that dead ones become.
        """
        given, index, noise = (self.world.whole(part) for part in (given, index, noise))
        vectors, counts = self.get_buffer("vectors"), self.get_buffer("counts")
        codes, decay = len(counts), self.decay
        rows = given.movedim(1, -1).flatten(0, 2).to(vectors.dtype)
        every = torch.arange(codes, device=index.device)
        chosen = (index.flatten()[:, None] == every).to(vectors.dtype)
        sums = decay * counts[:, None] * vectors + (1 - decay) * chosen.T @ rows
        counts.mul_(decay).add_((1 - decay) * chosen.sum(0))
        share = len(rows) / codes
        dead = counts < SELDOM * share
        drawn = rows[noise.flatten().argsort()[every % len(rows)]]
        vectors.copy_(torch.where(dead[:, None], drawn, sums / counts[:, None]))
        counts.copy_(torch.where(dead, share, counts))
