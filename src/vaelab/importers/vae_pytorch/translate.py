"""From the seed's YAML to an experiment."""

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import yaml

from vaelab.config import validate
from vaelab.console import visible
from vaelab.errors import BadValueError
from vaelab.importers.vae_pytorch.keys import ModelParams, SeedConfig, problems

SECTIONS = frozenset(SeedConfig.model_fields)
ACTIVATIONS = {
    None: "identity", "relu": "relu", "leaky": "leaky_relu", "tanh": "tanh", "gelu": "gelu",
    "silu": "silu",
}  # fmt: skip


@dataclass(frozen=True)
class Translation:
    """What `Experiment` takes, and what is changed or has no counterpart, a sentence each."""

    config: dict[str, Any]
    notes: tuple[str, ...]


def is_seed(data: dict[str, Any]) -> bool:
    """Whether parsed YAML has a section of the seed."""
    return not SECTIONS.isdisjoint(data)


def translate(data: dict[str, Any], source: str) -> Translation:
    """Say a seed config, for which `is_seed` holds, in today's words; errors call it `source`."""
    seed = validate(SeedConfig, data, source)
    model, training = seed.model_params, seed.train_params
    if wrong := problems(model):
        raise BadValueError(f"{source}: " + "\n".join(wrong))
    config = {
        "task_name": training.task_name,
        "data": {
            "kind": "images",
            "train": training.train_path,
            "test": training.test_path,
            "channels": model.transposebn_channels[-1],
            "pixels": "signed",
        },
        "model": _model(seed),
        "objective": {"kind": "elbo", "beta": 1.0 if training.kl_weight else 0.0},
        "training": _training(seed),
        "figures": {"every_epoch": ["latent"] if training.save_latent_plot else []},
    }
    return Translation(config, (*_network_notes(model), *_training_notes(seed)))


def translated_yaml(translation: Translation) -> str:
    """A translation as a YAML file, its notes as comments before it."""
    comments = [
        fill(visible(note), 98, initial_indent="# - ", subsequent_indent="#   ")
        for note in translation.notes
    ]
    config = yaml.safe_dump(translation.config, sort_keys=False, default_flow_style=None, width=100)
    return "\n".join([*comments, config])


def _model(seed: SeedConfig) -> dict[str, Any]:
    model = seed.model_params
    return {
        "kind": "vae",
        "latent": model.latent_dim,
        "encoder": {
            "kind": "conv",
            "channels": list(model.convbn_channels[1:]),
            "kernels": list(model.conv_kernel_size),
            "strides": list(model.conv_kernel_strides),
            "norm": "batch",
            "activation": ACTIVATIONS[model.conv_activation_fn],
            "heads": list(model.enc_fc_layers[1:-1]),
            "heads_activation": ACTIVATIONS[model.enc_fc_mu_activation],
        },
        "decoder": {
            "kind": "conv",
            "hidden": list(model.dec_fc_layers[1:-1]),
            "hidden_activation": ACTIVATIONS[model.dec_fc_activation_fn],
            "channels": list(model.transposebn_channels[:-1]),
            "kernels": list(model.transpose_kernel_size),
            "strides": list(model.transpose_kernel_strides),
            "norm": "batch",
            "activation": ACTIVATIONS[model.transpose_activation_fn],
            "output_norm": "batch",
            "output_activation": ACTIVATIONS[model.transpose_activation_fn],
        },
        "posterior": {
            "kind": "diagonal_normal",
            "scale": "log_variance" if model.log_variance else "abs",
        },
        "likelihood": {"kind": seed.likelihood, "scale": seed.scale},
        "prior": {"kind": "standard_normal"},
        "condition": {
            "encoder": "planes" if model.conditional and model.concat_channel else "none",
            "decoder": "one_hot" if model.conditional and model.decoder_fc_condition else "none",
        },
    }


def _training(seed: SeedConfig) -> dict[str, Any]:
    training = seed.train_params
    return {
        "epochs": training.epochs,
        "batch_size": training.batch_size,
        "seed": training.seed,
        "optimizer": {"kind": "adam", "learning_rate": training.lr, "eps": seed.eps},
        "learning_rate_schedule": {
            "kind": "plateau",
            "factor": 0.5,
            "patience": 1,
            "watch": "train",
        },
        "preview": training.save_training_image,
    }


def _network_notes(model: ModelParams) -> Iterator[str]:
    if model.in_channels is not None:
        yield "in_channels did nothing in the seed; the channels of the image follow from the data."
    if model.enc_fc_activation_fn is not None:
        yield (
            f"enc_fc_activation_fn: {model.enc_fc_activation_fn} was checked by the seed and never "
            "applied; the heads are as they were, without it."
        )
    yield (
        "The convolutions have no bias any more, since the batch norm after each took it away "
        "again."
    )
    mean, spread = model.enc_fc_mu_activation, model.enc_fc_var_activation
    if mean != spread and len(model.enc_fc_layers) > 2:
        yield (
            f"enc_fc_mu_activation: {mean or 'null'} and enc_fc_var_activation: "
            f"{spread or 'null'} differ, but both heads share one heads_activation now; it is that "
            "of the mean."
        )
    second = "the log-variance" if model.log_variance else "the standard deviation"
    for output, activation in (("the mean", mean), (second, spread)):
        if activation:
            yield (
                f"The seed applied {activation} to {output} itself, the output of its head; that "
                "is left out, so that the posterior is not bounded by it."
            )
    asked = [key for key in ("concat_channel", "decoder_fc_condition") if getattr(model, key)]
    if model.conditional and asked:
        yield (
            f"num_classes: {model.num_classes} is not needed; the classes are the folders of the "
            "training images."
        )
    elif model.conditional:
        yield (
            "conditional without concat_channel or decoder_fc_condition changed nothing in the "
            "seed's network; the model is not conditional."
        )
    elif asked:
        yield f"{' and '.join(asked)} did nothing in the seed without conditional."


def _training_notes(seed: SeedConfig) -> Iterator[str]:
    training = seed.train_params
    term = {"l1": "mean absolute error", "l2": "mean squared error"}[training.crit]
    said = f"a {seed.likelihood.title()} likelihood of scale {seed.scale:g}"
    if training.kl_weight:
        yield (
            f"The {term} over {seed.pixels} pixels plus {_number(seed.weight)} times the KL "
            f"is {said} at beta 1; in nats the loss is {1 / seed.weight:g} times the seed's, plus "
            "a constant."
        )
    else:
        yield (
            f"The {term} without a KL is {said} at beta 0, the scale that kl_weight "
            f"{_number(seed.weight)} would mean, so that the runs can be compared."
        )
    yield (
        f"Adam's eps is {_number(seed.eps)}, which is the seed's 1e-8 in the unit of the new loss, "
        "so that the steps are the same."
    )
    yield (
        "The seed trained on every image of train_path; now a tenth of them is held out to choose "
        "the weights to keep on (data.validation: 0 holds out none)."
    )
    if seed.model_params.transposebn_channels[-1] == 3:
        yield "The seed read grey images only; now they are read in colour."
    yield (
        f"ckpt_name: {training.ckpt_name} has no counterpart; the weights are in "
        "weights.safetensors."
    )
    if training.output_train_dir != "output":
        yield (
            f"output_train_dir: {training.output_train_dir} has no counterpart; pictures are in "
            "output."
        )
    yield (
        "The seed kept the weights with the smallest training loss; now those with the "
        "smallest loss on validation images are kept."
    )
    yield (
        "The seed halved the learning rate also when the training loss fell by less than 0.01 "
        "percent; now every fall counts as one."
    )
    yield f"seed: {training.seed} makes runs repeatable, but not with the seed's random numbers."
    if training.save_training_image:
        yield (
            "save_training_image is training.preview now: one picture, refreshed twice a second at "
            "most, in place of two files written at every step."
        )
    if not training.save_latent_plot:
        yield (
            "save_latent_plot: false still drew the latent scatter before training; now nothing is "
            "drawn before the end."
        )
    yield (
        f"The seed deleted an earlier run of the same task_name; now {training.task_name} is only "
        "replaced with --overwrite."
    )


def _number(value: float) -> str:
    return f"{value:g}".replace("e-0", "e-")
