"""What the user writes becomes dimensions; what is wrong is told in their spelling."""

from random import Random
from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from vaelab.errors import UserError
from vaelab.sweep.plan import plan, resets_of
from vaelab.sweep.space import key_of, read_space, split

DIGITS: dict[str, Any] = {"data": {"kind": "digits", "validation": 100}}


def test_lists_ranges_seeds_and_overrides_are_told_apart() -> None:
    space, fixed = read_space([
        "objective.beta=0.5,1,2", "training.seed=3,4", "model.latent=2..16:log", "model.prior=vamp",
        "training.optimizer.learning_rate=1e-4..0.1:log", "model.encoder.widths=[32,16],[8]",
        "data.path=../mnist",
    ])  # fmt: skip
    assert fixed == ["model.prior=vamp", "data.path=../mnist"]
    assert space.seeds == (3, 4)
    assert space.dimensions == {
        "objective.beta": CategoricalDistribution((0.5, 1, 2)),
        "model.latent": IntDistribution(2, 16, log=True),
        "training.optimizer.learning_rate": FloatDistribution(1e-4, 0.1, log=True),
        "model.encoder.widths": CategoricalDistribution(("[32,16]", "[8]")),
    }


def test_commas_inside_brackets_and_quotes_separate_nothing() -> None:
    assert split("{a: [1, 2], b: 3}, 'x,y',z") == ["{a: [1, 2], b: 3}", "'x,y'", "z"]


def test_a_grid_is_every_combination_with_every_seed() -> None:
    space, _ = read_space(["objective.beta=1,2", "model.latent=2,4,8", "training.seed=0,1"])
    settings = list(space.grid())
    assert len(settings) == 6
    assert {(one["objective.beta"], one["model.latent"]) for one in settings} == {
        (beta, latent) for beta in (1, 2) for latent in (2, 4, 8)
    }
    assert space.size == 12


def test_keys_are_shortened_as_far_as_they_stay_apart() -> None:
    space, _ = read_space(["model.encoder.widths=[8],[9]", "model.decoder.widths=[8],[9]"])
    assert [space.short(key) for key in space.keys] == ["encoder.widths", "decoder.widths"]
    name = space.name({"model.encoder.widths": "[32, 16]", "model.decoder.widths": "[8]"}, 3)
    assert name == "encoder.widths32-16_decoder.widths8_seed3"


def test_a_trial_is_the_config_with_its_values() -> None:
    words = ["objective.beta=0.5,2", "model.prior=standard_normal,vamp", "training.seed=4,5"]
    sweep = plan(DIGITS, [*words, "training.epochs=3"], "grid", None, False)
    assert sweep.trials == 8
    setting = {"objective.beta": 2, "model.prior": "vamp"}
    experiment = sweep.experiment("name", setting, 5)
    assert experiment.task_name == "name"
    assert experiment.objective.beta(0) == 2.0  # type: ignore[union-attr]
    assert experiment.model.prior.kind == "vamp"
    assert (experiment.training.seed, experiment.training.epochs) == (5, 3)
    assert experiment.figures.at_end == ()


def test_what_is_given_beside_a_swept_kind_holds_for_each_of_them() -> None:
    settings = {"model": {"prior": {"kind": "vamp", "components": 500}}}
    words = ["model.prior=vamp,mixture", "model.prior.components=20"]
    sweep = plan(settings, words, "grid", None, False)
    for kind in ("vamp", "mixture"):
        prior = sweep.experiment("trial", {"model.prior": kind}, None).model.prior
        assert (prior.kind, prior.components) == (kind, 20)
    assert resets_of(settings, words) == []
    (note,) = resets_of(settings, words[:1])
    assert note.startswith("model.prior=mixture starts from its own defaults: components is 10")
    sweep = plan(settings, words[:1], "grid", None, False)
    assert sweep.experiment("trial", {"model.prior": "mixture"}, None).model.prior.components == 10


def test_a_class_that_the_encoder_alone_reads_can_be_swept() -> None:
    plan(DIGITS, ["model.condition.encoder=none,one_hot"], "grid", None, False)
    with pytest.raises(UserError, match="given the class cannot be compared"):
        plan(DIGITS, ["model.condition.decoder=none,one_hot"], "grid", None, False)


def test_draws_are_even_within_a_range_and_never_known() -> None:
    space, _ = read_space(["model.latent=1..100:log", "objective.beta=0.1..10:log"])
    drawn = [space.draw(Random(seed), ()) for seed in range(2_000)]
    latents = [int(one["model.latent"]) for one in drawn]  # type: ignore[arg-type]
    betas = [float(one["objective.beta"]) for one in drawn]  # type: ignore[arg-type]
    assert (min(latents), max(latents)) == (1, 100)
    assert 0.1 <= min(betas) < 0.11
    assert 9 < max(betas) <= 10
    assert sum(beta < 1 for beta in betas) == pytest.approx(1_000, abs=90)
    assert sum(latent < 8 for latent in latents) == pytest.approx(2_000 * 0.51, abs=90)
    few, _ = read_space(["model.latent=2..3"])
    assert few.draw(Random(0), {key_of({"model.latent": 2})}) == {"model.latent": 3}


WRONG = {
    "objective.bta=1,2": "unknown key `objective.bta`; did you mean `objective.beta`",
    "objectve.beta=1,2": "unknown key `objectve`; did you mean `objective`",
    "model.latent=2,x": "model.latent=x: `model.latent`: input should be a valid integer",
    "model.latent=2.5..8": "takes whole numbers",
    "model.prior=1..2": "`model.prior`: input should be a valid dictionary",
    "objective.beta=-1..2": "greater than or equal to 0",
    "objective.beta=a..b": "a range is of numbers, and a is none",
    "objective.beta=": "has no value",
    "objective.beta=1,,2": "has an empty value",
    "objective.beta=1,1.0": "the value 1.0 twice",
    "objective.beta=1..": "without one of its ends",
    "objective.beta=2..1": "2 is not smaller than 1",
    "objective.beta=2..2": "is an empty range",
    "objective.beta=0..1:log": "begins at 0",
    "objective.beta=1..2:ln": "end in :log, and in nothing else",
    "objective.beta=1": "nothing is swept",
    "objective.beta": "says nothing to sweep",
    "training.seed=0..3": "seeds are listed",
    "training.seed=0,x": "takes whole numbers, got x",
    "task_name=a,b": "the sweep gives it to each trial",
    "data.seed=0,1": "on the same images",
    "model.likelihood=gaussian,categorical": "cannot be compared",
    "model.condition.decoder=none,one_hot": "given the class cannot be compared",
}


@pytest.mark.parametrize("words", [["beta=3", "beta=0.5,1"], ["beta=1..2", "beta=3"]])
def test_a_key_is_swept_or_has_one_value(words: list[str]) -> None:
    with pytest.raises(UserError, match=r"`objective\.beta` is swept"):
        read_space([f"objective.{word}" for word in words])


@pytest.mark.parametrize("word", WRONG)
def test_wrong_values_are_told_before_anything_is_written(word: str) -> None:
    with pytest.raises(UserError) as caught:
        plan(
            DIGITS, [word], "random" if ".." in word else "grid", 4 if ".." in word else None, False
        )
    assert WRONG[word] in str(caught.value)


SEARCHES = {
    "a grid needs listed values, but `objective.beta` is a range": (
        ["objective.beta=1..2"], "grid", None, False),
    "as many trials as combinations, here 2": (["objective.beta=1,2"], "grid", 5, False),
    "add --trials N": (["objective.beta=1..2"], "tpe", None, False),
    "use --trials 6": (["objective.beta=1..2", "training.seed=0,1"], "random", 5, False),
    "--trials 20, but there are no more than 16 different ones; use --trials 16": (
        ["model.latent=2..5", "objective.beta=1,2", "training.seed=0,1"], "tpe", 20, False),
    "the lucky ones": (["objective.beta=1,2", "training.seed=0,1"], "grid", None, True),
    "hold some images out": (
        ["objective.beta=1,2", "data.validation=0"], "grid", None, False),
    "a sweep lists its seeds": (
        ["objective.beta=1,2", "training.replicas=3"], "grid", None, False),
    "leave it out and choose training.epochs": (
        ["objective.beta=1,2", "training.max_minutes=3"], "grid", None, False),
    "more than 2,000 trials": (
        ["training.seed=" + ",".join(map(str, range(2_001)))], "grid", None, False),
}  # fmt: skip


@pytest.mark.parametrize("message", SEARCHES)
def test_wrong_searches_are_told(message: str) -> None:
    words, search, trials, prune = SEARCHES[message]
    with pytest.raises(UserError) as caught:
        plan(DIGITS, words, search, trials, prune)  # type: ignore[arg-type]
    assert message in str(caught.value)
