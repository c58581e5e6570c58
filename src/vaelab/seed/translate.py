"""From the seed's YAML to an experiment."""

from dataclasses import dataclass
from textwrap import fill
from typing import Any

import yaml

from vaelab.config import validate
from vaelab.console import visible
from vaelab.errors import BadValueError
from vaelab.seed.keys import ModelParams, SeedActivation, SeedConfig, TrainParams, problems
from vaelab.seed.loss import Loss
from vaelab.seed.notes import notes

SECTIONS = frozenset(SeedConfig.model_fields)


@dataclass(frozen=True)
class Translation:
    """A seed config in today's words.

    Attributes:
        config: what `Experiment` takes.
        notes: what is changed or has no counterpart, a sentence each.
    """

    config: dict[str, Any]
    notes: tuple[str, ...]


def is_seed(data: dict[str, Any]) -> bool:
    """Whether parsed YAML has a section of the seed."""
    return not SECTIONS.isdisjoint(data)


def translate(data: dict[str, Any], source: str) -> Translation:
    """Say a seed config in today's words.

    Args:
        data: parsed YAML for which `is_seed` holds; left as it is.
        source: what errors call it.

    Raises:
        BadValueError: unknown, missing or wrong keys, or a network that does not fit together;
            every problem, one a line.
    """
    seed = validate(SeedConfig, data, source)
    model, training = seed.model_params, seed.train_params
    if wrong := problems(model):
        raise BadValueError(f"{source}: " + "\n".join(wrong))
    loss = Loss.of(model, training)
    config = {
        "task_name": training.task_name,
        "output_train_dir": training.output_train_dir,
        "data": {
            "kind": "images",
            "train": training.train_path,
            "test": training.test_path,
            "channels": model.transposebn_channels[-1],
            "pixels": "signed",
        },
        "model": _model(model, loss),
        "objective": {"kind": "elbo", "beta": loss.beta},
        "training": _training(training, loss),
        "figures": {"every_epoch": ["latent"] if training.save_latent_plot else []},
    }
    return Translation(config, tuple(notes(seed, loss)))


def translated_yaml(translation: Translation) -> str:
    """A translation as a YAML file, its notes as comments before it."""
    comments = [
        fill(visible(note), 98, initial_indent="# - ", subsequent_indent="#   ")
        for note in translation.notes
    ]
    config = yaml.safe_dump(translation.config, sort_keys=False, default_flow_style=None, width=100)
    return "\n".join([*comments, config])


def _model(model: ModelParams, loss: Loss) -> dict[str, Any]:
    return {
        "kind": "vae",
        "latent": model.latent_dim,
        "encoder": {
            "kind": "conv",
            "channels": list(model.convbn_channels[1:]),
            "kernels": list(model.conv_kernel_size),
            "strides": list(model.conv_kernel_strides),
            "norm": "batch",
            "activation": _activation(model.conv_activation_fn),
            "heads": list(model.enc_fc_layers[1:-1]),
            "heads_activation": _activation(model.enc_fc_mu_activation),
        },
        "decoder": {
            "kind": "conv",
            "hidden": list(model.dec_fc_layers[1:-1]),
            "hidden_activation": _activation(model.dec_fc_activation_fn),
            "channels": list(model.transposebn_channels[:-1]),
            "kernels": list(model.transpose_kernel_size),
            "strides": list(model.transpose_kernel_strides),
            "norm": "batch",
            "activation": _activation(model.transpose_activation_fn),
            "output_norm": "batch",
            "output_activation": _activation(model.transpose_activation_fn),
        },
        "posterior": {
            "kind": "diagonal_normal",
            "scale": "log_variance" if model.log_variance else "abs",
        },
        "likelihood": {"kind": loss.likelihood, "scale": loss.scale},
        "prior": {"kind": "standard_normal"},
        "condition": {
            "encoder": "planes" if model.conditional and model.concat_channel else "none",
            "decoder": "one_hot" if model.conditional and model.decoder_fc_condition else "none",
        },
    }


def _training(training: TrainParams, loss: Loss) -> dict[str, Any]:
    return {
        "epochs": training.epochs,
        "batch_size": training.batch_size,
        "seed": training.seed,
        "optimizer": {"kind": "adam", "learning_rate": training.lr, "eps": loss.eps},
        "learning_rate_schedule": {
            "kind": "plateau",
            "factor": 0.5,
            "patience": 1,
            "watch": "train",
        },
        "preview": training.save_training_image,
    }


def _activation(name: SeedActivation | None) -> str:
    return {None: "identity", "leaky": "leaky_relu"}.get(name, str(name))
