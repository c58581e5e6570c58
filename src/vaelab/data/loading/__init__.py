"""How training images are read, by where they are."""

import torch

from vaelab.data.loading.batches import Batches, MappedBatches, MemoryBatches, RankShare
from vaelab.data.loading.evaluation import is_streamed
from vaelab.data.loading.shards import ShardBatches
from vaelab.data.store import Store


def training_batches(store: Store, size: int, device: torch.device, share: RankShare) -> Batches:
    """The way to read these training images that suits where they are."""
    if store.stream is not None:
        return ShardBatches(store.stream, size, device, share)
    way = MappedBatches if is_streamed(store.train.images, device) else MemoryBatches
    return way(store.train, size, device, share)
