"""The seed's YAML: recognised, translated, its changes said, its mistakes refused."""

from pathlib import Path
from typing import Any

import pytest
from seed_reference import CONDITIONAL, MODEL, SEED_CONFIGS, TRAINING, seed_yaml

from vaelab.config import validate
from vaelab.errors import BadValueError
from vaelab.experiment import Experiment
from vaelab.importers.vae_pytorch import is_seed, translate, translated_yaml
from vaelab.yamlfile import parse_yaml, read_yaml

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize("name", SEED_CONFIGS)
def test_the_shipped_config_is_the_translated_one(name: str) -> None:
    translated = validate(Experiment, translate(SEED_CONFIGS[name], name).config, name)
    shipped = validate(Experiment, read_yaml(CONFIGS / f"{name}.yaml"), name)
    for section in ("task_name", "model", "objective", "training", "figures"):
        assert getattr(shipped, section) == getattr(translated, section)
    assert shipped.data.pixels == translated.data.pixels


def test_values_of_the_first_config() -> None:
    experiment = validate(Experiment, translate(seed_yaml(), "x").config, "x")
    assert experiment.model.likelihood.scale == pytest.approx((1e-5 * 784 / 2) ** 0.5, rel=1e-5)
    assert experiment.training.optimizer.eps == 1e-3
    assert str(experiment.data.train) == str(Path("data/train/images"))
    assert experiment.data.channels == 1


def test_without_kl_the_likelihood_and_eps_are_those_of_1e_5() -> None:
    without, with_kl = (translate(seed_yaml(kl_weight=w), "x").config for w in (0, 1e-5))
    assert without["objective"]["beta"] == 0
    assert without["model"] == with_kl["model"]
    assert without["training"] == with_kl["training"]


def test_no_latent_plot_means_no_figures_every_epoch() -> None:
    config = translate(seed_yaml(save_latent_plot=False), "x").config
    assert validate(Experiment, config, "x").figures.every_epoch == ()


def test_another_folder_of_pictures_is_said_to_be_left_out() -> None:
    (note,) = set(translate(seed_yaml(output_train_dir="a"), "x").notes) - set(
        translate(seed_yaml(), "x").notes
    )
    assert note == "output_train_dir: a has no counterpart; pictures are in output."


@pytest.mark.parametrize("name", SEED_CONFIGS)
def test_as_yaml_it_is_the_same_config_with_its_notes(name: str) -> None:
    translation = translate(SEED_CONFIGS[name], name)
    text = translated_yaml(translation)
    assert parse_yaml(text, name) == translation.config
    comments = [line for line in text.splitlines() if line.startswith("#")]
    said = " ".join(line.removeprefix("#").strip() for line in comments)
    assert said == " ".join(f"- {note}" for note in translation.notes)
    assert max(map(len, text.splitlines())) <= 100


def test_the_input_is_left_as_it_is() -> None:
    data = seed_yaml(**CONDITIONAL)
    translate(data, "x")
    assert data == seed_yaml(**CONDITIONAL)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (seed_yaml(), True),
        ({"model_params": {}}, True),
        ({"train_params": {}}, True),
        ({"model": {}, "training": {}}, False),
        ({}, False),
    ],
)
def test_is_seed(data: dict[str, Any], expected: bool) -> None:
    assert is_seed(data) is expected


ALWAYS = [
    "in_channels did nothing",
    "enc_fc_activation_fn: leaky was checked by the seed and never applied",
    "convolutions have no bias",
    "mean squared error over 784 pixels plus 1e-5 times the KL is a Gaussian likelihood of scale "
    "0.0626099 at beta 1; in nats the loss is 100000 times",
    "Adam's eps is 0.001",
    "data.validation: 0 holds out none",
    "ckpt_name: best_vae_kl_ckpt.pth has no counterpart; the weights are in weights.safetensors",
    "smallest loss on validation images",
    "0.01 percent",
    "seed: 111",
    "training.preview",
    "vae_kl is only replaced with --overwrite",
]


def test_notes_of_the_first_config() -> None:
    notes = translate(seed_yaml(), "x").notes
    assert len(notes) == len(ALWAYS)
    for note, words in zip(notes, ALWAYS, strict=True):
        assert words in note


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"enc_fc_mu_activation": "tanh", "enc_fc_var_activation": "tanh"}, "tanh to the mean"),
        (
            {"enc_fc_mu_activation": "relu", "enc_fc_var_activation": "relu"},
            "relu to the log-variance itself, the output of its head; that is left out",
        ),
        (
            {"enc_fc_var_activation": "relu", "log_variance": False},
            "relu to the standard deviation itself",
        ),
        (
            {"enc_fc_var_activation": "relu"},
            "enc_fc_mu_activation: null and enc_fc_var_activation: relu differ",
        ),
        (CONDITIONAL, "num_classes: 10 is not needed"),
        ({"conditional": True}, "the model is not conditional"),
        (
            {"concat_channel": True, "decoder_fc_condition": True},
            "concat_channel and decoder_fc_condition did nothing",
        ),
        ({"decoder_fc_condition": True}, "decoder_fc_condition did nothing"),
        ({"kl_weight": 0}, "without a KL is a Gaussian likelihood of scale 0.0626099 at beta 0"),
        (
            {"crit": "l1"},
            "mean absolute error over 784 pixels plus 1e-5 times the KL is a Laplace",
        ),
        (
            {"convbn_channels": [3, 16, 32, 64], "transposebn_channels": [64, 32, 16, 3]},
            "read in colour",
        ),
        ({"save_latent_plot": False}, "save_latent_plot: false still drew"),
    ],
)
def test_notes_of_what_is_changed(changes: dict[str, Any], words: str) -> None:
    plain, changed = translate(seed_yaml(), "x").notes, translate(seed_yaml(**changes), "x").notes
    assert any(words in note for note in changed)
    assert not any(words in note for note in plain)
    assert all(note.endswith(".") for note in changed)


def test_no_notes_on_what_is_not_there() -> None:
    data = seed_yaml(enc_fc_activation_fn=None, save_training_image=False)
    del data["model_params"]["in_channels"]
    notes = " ".join(translate(data, "x").notes)
    assert not any(word in notes for word in ("in_channels", "enc_fc_activation_fn", "preview"))


def test_heads_that_differ_have_the_activation_of_the_mean() -> None:
    data = seed_yaml(enc_fc_mu_activation="relu", enc_fc_var_activation="tanh")
    assert translate(data, "x").config["model"]["encoder"]["heads_activation"] == "relu"


def test_differing_activations_matter_only_between_layers() -> None:
    data = seed_yaml(enc_fc_layers=[576, 2], enc_fc_var_activation="tanh")
    assert not any("differ" in note for note in translate(data, "x").notes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"conv_activation_fn": None}, "`model_params.conv_activation_fn`: input should be 'relu'"),
        ({"dec_fc_activation_fn": None}, "`model_params.dec_fc_activation_fn`: input should be"),
        ({"transpose_activation_fn": None}, "`model_params.transpose_activation_fn`: input should"),
        ({"conv_kernel_size": [2, 2]}, "`model_params.conv_kernel_size` has 2 entries, but "
         "convbn_blocks: 3 needs 3"),
        ({"conv_kernel_strides": [2] * 4}, "`model_params.conv_kernel_strides` has 4 entries"),
        ({"convbn_channels": [1, 16, 32]}, "`model_params.convbn_channels` has 3 entries, but "
         "convbn_blocks: 3 needs 4"),
        ({"convbn_blocks": 2}, "convbn_blocks: 2 needs 3"),
        ({"transpose_bn_blocks": 2}, "`model_params.transposebn_channels` has 4 entries, but "
         "transpose_bn_blocks: 2 needs 3"),
        ({"transpose_kernel_size": [3, 2]}, "`model_params.transpose_kernel_size` has 2 entries"),
        ({"transpose_kernel_strides": []}, "`model_params.transpose_kernel_strides` has 0 entries"),
        ({"transposebn_channels": [64, 32, 1]}, "`model_params.transposebn_channels` has 3"),
        ({"enc_fc_layers": [2]}, "`model_params.enc_fc_layers`: tuple should have at least 2"),
        ({"dec_fc_layers": [2]}, "`model_params.dec_fc_layers`: tuple should have at least 2"),
        ({"enc_fc_layers": [576, 128, 3]}, "`model_params.enc_fc_layers` ends with 3, but "
         "latent_dim is 2"),
        ({"dec_fc_layers": [3, 128, 576]}, "`model_params.dec_fc_layers` begins with 3, but "
         "latent_dim is 2"),
        ({"latent_dim": 5}, "but latent_dim is 5; make them equal"),
        ({"convbn_channels": [3, 16, 32, 64]}, "`model_params.convbn_channels` begins with 3, the "
         "image's channels, but transposebn_channels ends with 1"),
        ({"transposebn_channels": [64, 32, 16, 2]}, "`model_params.transposebn_channels` ends with "
         "2 channels"),
        ({"dec_fc_layers": [2, 128, 500]}, "`model_params.dec_fc_layers` ends with 500, which is "
         "no square of 64 channels; 576 would be 64 x 3 x 3"),
        ({"enc_fc_layers": [256, 128, 2]}, "`model_params.enc_fc_layers` begins with 256, but the "
         "convolutions turn the 28 x 28 image that the decoder makes into 64 x 3 x 3 = 576"),
        ({"conv_kernel_size": [20, 10, 2]}, "`model_params.conv_kernel_size`: nothing is left of "
         "the 28 x 28 image that the decoder makes; a kernel of 10 gets 5 x 5"),
        ({"convbn_blocks": 0}, "`model_params.convbn_blocks`: input should be greater than 0"),
        ({"crit": "bce"}, "`train_params.crit`: input should be 'l1' or 'l2', got 'bce'"),
        ({"conv_activation_fn": "elu"}, "`model_params.conv_activation_fn`: input should be"),
        ({"log_variance": "yes"}, "`model_params.log_variance`: input should be a valid boolean"),
        ({"convbn_channels": 16}, "`model_params.convbn_channels`: input should be a valid tuple"),
        ({"enc_fc_layers": [576, "wide", 2]}, "`model_params.enc_fc_layers.1`: input should be"),
        ({"kl_weight": -1}, "`train_params.kl_weight`: input should be greater than or equal to 0"),
        ({"kl_weight": float("nan")}, "`train_params.kl_weight`: input should be"),
        ({"lr": 0}, "`train_params.lr`: input should be greater than 0"),
    ],
)  # fmt: skip
def test_errors_name_the_key(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadValueError) as caught:
        translate(seed_yaml(**changes), "old.yaml")
    assert str(caught.value).startswith("old.yaml: ")
    assert message in str(caught.value)


def test_unknown_keys_come_with_the_nearest_right_one() -> None:
    data = seed_yaml()
    data["model_params"]["latent_dims"] = data["model_params"].pop("latent_dim")
    with pytest.raises(BadValueError, match=r"unknown key `model_params.latent_dims`; did you mean "
                       r"`model_params.latent_dim`"):  # fmt: skip
        translate(data, "old.yaml")
    with pytest.raises(BadValueError, match=r"unknown key `train_param`; did you mean "
                       r"`train_params`"):  # fmt: skip
        translate({**seed_yaml(), "train_param": {}}, "old.yaml")


@pytest.mark.parametrize("key", sorted(MODEL.keys() - {"in_channels"}))
def test_missing_model_keys(key: str) -> None:
    data = seed_yaml()
    del data["model_params"][key]
    with pytest.raises(BadValueError, match=f"the key `model_params.{key}` is missing"):
        translate(data, "old.yaml")


@pytest.mark.parametrize("key", sorted(TRAINING))
def test_missing_training_keys(key: str) -> None:
    data = seed_yaml()
    del data["train_params"][key]
    with pytest.raises(BadValueError, match=f"the key `train_params.{key}` is missing"):
        translate(data, "old.yaml")


def test_a_missing_section() -> None:
    with pytest.raises(BadValueError, match="the key `train_params` is missing"):
        translate({"model_params": MODEL}, "old.yaml")


def test_every_problem_is_said_at_once() -> None:
    with pytest.raises(BadValueError) as caught:
        translate(seed_yaml(conv_kernel_size=[2], transpose_kernel_size=[2]), "old.yaml")
    assert len(str(caught.value).splitlines()) == 2
