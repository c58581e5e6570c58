"""How training images are read, by where they are."""

import torch

from vaelab.data.batches import Batches, ResidentBatches, Share
from vaelab.data.feed import stays
from vaelab.data.mapped_batches import MappedBatches
from vaelab.data.shard_batches import ShardBatches
from vaelab.data.store import Store


def training_batches(store: Store, size: int, device: torch.device, share: Share) -> Batches:
    """The way to read these training images that suits where they are."""
    if store.stream is not None:
        return ShardBatches(store.stream, size, device, share)
    way = MappedBatches if stays(store.train.images, device) else ResidentBatches
    return way(store.train, size, device, share)
