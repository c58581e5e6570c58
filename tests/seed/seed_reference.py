"""The seed's four configs, others like them, and what its network computes, as a reference."""

import copy
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

MODEL = {
    "in_channels": 1,
    "convbn_blocks": 3,
    "conv_kernel_size": [2, 2, 2],
    "conv_kernel_strides": [2, 2, 2],
    "convbn_channels": [1, 16, 32, 64],
    "enc_fc_layers": [576, 128, 2],
    "enc_fc_mu_activation": None,
    "enc_fc_var_activation": None,
    "conv_activation_fn": "leaky",
    "enc_fc_activation_fn": "leaky",
    "dec_fc_layers": [2, 128, 576],
    "dec_fc_activation_fn": "leaky",
    "transpose_bn_blocks": 3,
    "transposebn_channels": [64, 32, 16, 1],
    "transpose_kernel_size": [3, 2, 2],
    "transpose_kernel_strides": [2, 2, 2],
    "transpose_activation_fn": "tanh",
    "log_variance": True,
    "latent_dim": 2,
    "concat_channel": False,
    "decoder_fc_condition": False,
    "num_classes": 10,
    "conditional": False,
}
TRAINING = {
    "task_name": "vae_kl",
    "batch_size": 64,
    "epochs": 10,
    "kl_weight": 0.00001,
    "lr": 0.005,
    "crit": "l2",
    "ckpt_name": "best_vae_kl_ckpt.pth",
    "seed": 111,
    "save_training_image": True,
    "train_path": "data/train/images",
    "test_path": "data/test/images",
    "output_train_dir": "output",
    "save_latent_plot": True,
}
FOUR = {"enc_fc_layers": [576, 128, 4], "dec_fc_layers": [4, 128, 576], "latent_dim": 4}
CONDITIONAL = {"concat_channel": True, "decoder_fc_condition": True, "conditional": True}


def seed_yaml(**changes: Any) -> dict[str, Any]:
    """A config of the seed with some keys changed; None takes a key's value away."""
    model = {key: changes.get(key, value) for key, value in MODEL.items()}
    training = {key: changes.get(key, value) for key, value in TRAINING.items()}
    return copy.deepcopy({"model_params": model, "train_params": training})


SEED_CONFIGS = {
    "vae_kl": seed_yaml(),
    "vae_nokl": seed_yaml(task_name="vae_nokl", kl_weight=0),
    "vae_kl_latent4": seed_yaml(task_name="vae_kl_latent4", **FOUR),
    "vae_kl_latent4_enc_channel_dec_fc_condition": seed_yaml(
        task_name="vae_kl_latent4_enc_channel_dec_fc_condition", **FOUR, **CONDITIONAL
    ),
}
OTHERS = {
    "l1": seed_yaml(crit="l1", kl_weight=2e-4),
    "std": seed_yaml(log_variance=False),
    "no_hidden": seed_yaml(enc_fc_layers=[576, 2], dec_fc_layers=[2, 576]),
    "activated_heads": seed_yaml(
        enc_fc_layers=[576, 64, 32, 2], enc_fc_mu_activation="relu", enc_fc_var_activation="relu"
    ),
    "gelu_silu": seed_yaml(
        conv_activation_fn="gelu", dec_fc_activation_fn="silu", transpose_activation_fn="relu"
    ),
    "planes_only": seed_yaml(concat_channel=True, conditional=True),
    "one_hot_only": seed_yaml(decoder_fc_condition=True, conditional=True),
    "switched_off": seed_yaml(concat_channel=True, decoder_fc_condition=True),
    "colour": seed_yaml(convbn_channels=[3, 16, 32, 64], transposebn_channels=[64, 32, 16, 3]),
}
ALL = SEED_CONFIGS | OTHERS


class Reference(nn.Module):
    """What the seed's network computes, apart from activations on the heads' outputs."""

    def __init__(self, p: dict[str, Any]) -> None:
        super().__init__()
        functions = {
            "relu": nn.ReLU,
            "leaky": nn.LeakyReLU,
            "tanh": nn.Tanh,
            "gelu": nn.GELU,
            "silu": nn.SiLU,
            None: nn.Identity,
        }
        self.planes = p["conditional"] and p["concat_channel"]
        self.one_hot = p["conditional"] and p["decoder_fc_condition"]
        self.log_variance = p["log_variance"]
        classes = p["num_classes"]

        def blocks(convolution: type[nn.Module], channels: list[int], prefix: str, name: str):
            sizes, strides = p[f"{prefix}_kernel_size"], p[f"{prefix}_kernel_strides"]
            return nn.Sequential(
                *[
                    nn.Sequential(
                        convolution(before, after, sizes[i], strides[i]),
                        nn.BatchNorm2d(after),
                        functions[p[name]](),
                    )
                    for i, (before, after) in enumerate(pairwise(channels))
                ]
            )

        def dense(widths: list[int], name: str) -> list[nn.Module]:
            pairs = [(nn.Linear(a, b), functions[p[name]]()) for a, b in pairwise(widths)]
            return [module for pair in pairs for module in pair]

        first, *rest = p["convbn_channels"]
        code, *widths = p["dec_fc_layers"]
        channels = [first + classes * self.planes, *rest]
        self.encoder = blocks(nn.Conv2d, channels, "conv", "conv_activation_fn")
        self.mu = nn.Sequential(*dense(p["enc_fc_layers"], "enc_fc_mu_activation")[:-1])
        self.var = nn.Sequential(*dense(p["enc_fc_layers"], "enc_fc_var_activation")[:-1])
        widths = [code + classes * self.one_hot, *widths]
        self.decoder_fc = nn.Sequential(*dense(widths, "dec_fc_activation_fn"))
        self.start = p["transposebn_channels"][0]
        self.decoder = blocks(
            nn.ConvTranspose2d,
            p["transposebn_channels"],
            "transpose",
            "transpose_activation_fn",
        )

    def forward(self, x: Tensor, one_hot: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if self.planes:
            x = torch.cat([x, one_hot[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1)
        features = self.encoder(x).flatten(1)
        mean, spread = self.mu(features), self.var(features)
        z = mean + noise * (torch.exp(0.5 * spread) if self.log_variance else spread)
        if self.one_hot:
            z = torch.cat([z, one_hot], 1)
        z = self.decoder_fc(z)
        side = round((z.shape[1] / self.start) ** 0.5)
        return mean, spread, self.decoder(z.reshape(len(z), self.start, side, side))
