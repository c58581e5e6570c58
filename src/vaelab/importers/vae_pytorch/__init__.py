"""The YAML of the tutorial this laboratory grew from, recognised and translated.

The seed (github.com/explainingai-code/VAE-Pytorch) keeps everything in the sections `model_params`
and `train_params`, read by its `model/vae.py` and `tools/train_vae.py`.
"""

from vaelab.importers.vae_pytorch.translate import Translation, is_seed, translate, translated_yaml

__all__ = ["Translation", "is_seed", "translate", "translated_yaml"]
