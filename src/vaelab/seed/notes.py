"""What a translated seed config changes or leaves out, said in sentences."""

from collections.abc import Iterator

from vaelab.seed.keys import ModelParams, SeedConfig, TrainParams
from vaelab.seed.loss import Loss


def notes(seed: SeedConfig, loss: Loss) -> Iterator[str]:
    """A sentence for each thing that is not said by a key of its own."""
    yield from _unread_notes(seed.model_params)
    yield from _head_notes(seed.model_params)
    yield from _class_notes(seed.model_params)
    yield from _loss_notes(seed.train_params, loss)
    yield from _data_notes(seed.model_params)
    yield from _training_notes(seed.train_params)


def _unread_notes(model: ModelParams) -> Iterator[str]:
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


def _head_notes(model: ModelParams) -> Iterator[str]:
    mean, spread = model.enc_fc_mu_activation, model.enc_fc_var_activation
    if mean != spread and len(model.enc_fc_layers) > 2:
        yield (
            f"enc_fc_mu_activation: {mean or 'null'} and enc_fc_var_activation: "
            f"{spread or 'null'} differ, but both heads share one heads_activation now; it is that "
            "of the mean."
        )
    outputs = {"the mean": mean, _spread(model): spread}
    for output, activation in outputs.items():
        if activation:
            yield (
                f"The seed applied {activation} to {output} itself, the output of its head; that "
                "is left out, so that the posterior is not bounded by it."
            )


def _spread(model: ModelParams) -> str:
    return "the log-variance" if model.log_variance else "the standard deviation"


def _class_notes(model: ModelParams) -> Iterator[str]:
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


def _loss_notes(training: TrainParams, loss: Loss) -> Iterator[str]:
    term = {"l1": "mean absolute error", "l2": "mean squared error"}[training.crit]
    said = f"a {loss.likelihood.title()} likelihood of scale {loss.scale:g}"
    if loss.beta:
        yield (
            f"The {term} over {loss.pixels} pixels plus {_number(training.kl_weight)} times the KL "
            f"is {said} at beta 1; in nats the loss is {1 / loss.weight:g} times the seed's, plus "
            "a constant."
        )
    else:
        yield (
            f"The {term} without a KL is {said} at beta 0, the scale that kl_weight "
            f"{_number(loss.weight)} would mean, so that the runs can be compared."
        )
    yield (
        f"Adam's eps is {_number(loss.eps)}, which is the seed's 1e-8 in the unit of the new loss, "
        "so that the steps are the same."
    )


def _number(value: float) -> str:
    return f"{value:g}".replace("e-0", "e-")


def _data_notes(model: ModelParams) -> Iterator[str]:
    yield (
        "The seed trained on every image of train_path; now a tenth of them is held out to choose "
        "the weights to keep on (data.validation: 0 holds out none)."
    )
    if model.transposebn_channels[-1] == 3:
        yield "The seed read grey images only; now they are read in colour."


def _training_notes(training: TrainParams) -> Iterator[str]:
    yield (
        f"ckpt_name: {training.ckpt_name} has no counterpart; the weights are in "
        "weights.safetensors."
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
