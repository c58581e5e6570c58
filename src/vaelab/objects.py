"""Experiments of objects: modules, functions, arrays where a config has names."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vaelab.config import Config, override, validate
from vaelab.data import DataConfig, Source, Store, arrays
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.data.store import SplitName
from vaelab.errors import BadCombinationError, BadValueError, any_code
from vaelab.experiment import Experiment
from vaelab.models import GivenModel, LatentVariableModel
from vaelab.networks.network import evaluating
from vaelab.objectives import BaseObjective, GivenObjective, ObjectiveConfig
from vaelab.runs.run import Run

WHERE = "vaelab.fit"


class _Data(Config):
    data: DataConfig


class _Objective(Config):
    objective: ObjectiveConfig


def data_of(data: Any, domain: str | None = None) -> Source:
    """Data as a config: of arrays, tensors, datasets, settings or the name of a kind."""
    if isinstance(data, str | Mapping | Source):
        if domain is not None:
            raise BadCombinationError("domain is of arrays; of other data set data.pixels")
        plain = dict(data) if isinstance(data, Mapping) else data
        return validate(_Data, {"data": plain}, WHERE).data
    if isinstance(data, tuple | list) and len(data) == 2:
        return arrays(*data, domain=domain)
    if isinstance(data, np.ndarray | Tensor | Dataset | DataLoader):
        return arrays(data, domain=domain)
    raise BadValueError(
        f"data is a {type(data).__name__}; give an array or tensor of images, (images, labels), a "
        "torch.utils.data.Dataset, vaelab.arrays(...), or the name or settings of a kind"
    )


def experiment_of(
    model: Any, data: Source, objective: Any, settings: Mapping[str, Any], overrides: Sequence[str]
) -> Experiment:
    """The experiment of a model, data and an objective, each an object, settings or a name."""
    plain: dict[str, Any] = {**settings, "data": data.model_dump(), "model": _plain(model)}
    if objective is not None:
        plain["objective"] = _objective(objective)
    mapping = override(Experiment, plain, overrides)
    if "objective" in mapping:
        chosen = validate(_Objective, {"objective": mapping["objective"]}, WHERE).objective
        if isinstance(chosen, GivenObjective):
            chosen = chosen.holding(objective)
        mapping["objective"] = chosen
    if isinstance(model, LatentVariableModel):
        images = validate(_Data, {"data": mapping["data"]}, WHERE).data
        shape, classes = images.image_spec()
        mapping["model"] = GivenModel.of(model, shape, images.pixels.domain, classes)
    experiment = validate(Experiment, mapping, WHERE)
    own = [one for one in (experiment.model, experiment.objective) if one.kind == "given"]
    if own and experiment.training.replicas > 1:
        raise BadCombinationError("training.replicas is for models and objectives of a config")
    if own:  # any code may be in them, which recorded steps would not run again
        training = experiment.training.model_copy(update={"engine": "plain"})
        experiment = experiment.model_copy(update={"training": training})
    return experiment


def try_out(experiment: Experiment) -> None:
    """Compute the objective of two images by what was given, before anything is written."""
    if "given" not in {experiment.model.kind, experiment.objective.kind}:
        return
    store = experiment.data.load()
    model = experiment.model.build(
        store.image_shape, experiment.data.pixels.domain, len(store.classes)
    )
    few = store.train.select(np.arange(min(2, len(store.train))))
    batch = next(EvalLoader(few, experiment.data.pixels, model.classes).batches(2))
    objective = experiment.objective
    noise = torch.zeros(objective.num_samples, len(few), *model.latent_shape)
    controls = {name: torch.tensor(value(0.0)) for name, value in objective.controls.items()}
    controls["images"] = torch.tensor(float(len(store.train)))
    with evaluating(model), torch.random.fork_rng(devices=[]):
        with any_code("the model cannot compute its terms of two images"):
            terms = model.terms(batch.x, batch.context, noise=noise)
            values = terms.log_likelihood
        if values.shape != noise.shape[:2]:
            raise BadCombinationError(
                f"log p(x|z) of {len(few)} images and {len(noise)} samples has shape "
                f"{tuple(values.shape)}; a likelihood gives one number for an image: its event "
                "shape is (c, h, w), see torch.distributions.Independent"
            )
        objective(terms, controls)


def feed_of(
    model: LatentVariableModel, data: Any, domain: str | None, split: SplitName
) -> EvalLoader:
    """Images for a model: all of an array's or dataset's, or a split of data of a config."""
    of_config = isinstance(data, str | Mapping | Source)
    if domain is None and model.pixels is not None and not of_config:
        domain = model.pixels.domain
    source = data_of(data, domain)
    found = source.load() if of_config else source.raw()
    images = found.split(split) if isinstance(found, Store) else found.train
    if model.classes and len(found.classes) != model.classes:
        raise BadCombinationError(
            f"the model reads one of {model.classes} classes, but the images are of "
            f"{len(found.classes)} ({', '.join(found.classes[:10])}); give images of all of its "
            "classes, so that each is numbered as the model knows it"
        )
    if images.image_shape != model.image_shape:
        sizes = [" x ".join(map(str, one)) for one in (images.image_shape, model.image_shape)]
        raise BadCombinationError(f"the images are {sizes[0]}, but the model is one of {sizes[1]}")
    if model.pixels is not None and source.pixels.domain is not model.pixels.domain:
        raise BadCombinationError(
            f"the images' domain is `{source.pixels.domain}`, but the model's is "
            f"`{model.pixels.domain}`; numbers of the two are not comparable"
        )
    return EvalLoader(images, source.pixels, model.classes, next(model.parameters()).device)


def with_model(run: Run, model: LatentVariableModel) -> Run:
    """The run with a model built as the one that was trained, which its config cannot make."""
    own = run.experiment.model
    if not isinstance(own, GivenModel):
        raise BadCombinationError(
            f"{run.path} makes its model from its config, kind `{own.kind}`; leave out model=..."
        )
    return Run(run.path, run.experiment.model_copy(update={"model": own.holding(model)}))


def take_weights(model: LatentVariableModel, run: Run) -> None:
    """Give an object the weights that its run keeps, in evaluation mode, where it lies."""
    trained, about = run.load_model()
    device = next(model.parameters()).device
    domain = run.experiment.data.pixels.domain
    model.prepare(trained.image_shape, domain, len(about["classes"]))
    model.load_state_dict(trained.state_dict())
    model.pixels = trained.pixels
    model.to(device).eval()


def _plain(model: Any) -> Any:
    if isinstance(model, LatentVariableModel):
        return model
    if isinstance(model, torch.nn.Module):
        raise BadValueError(
            f"the model is a {type(model).__name__}, which is no vaelab model; make one of an "
            "encoder and a decoder: vaelab.VAE(encoder, decoder)"
        )
    return model.model_dump() if isinstance(model, Config) else model


def _objective(objective: Any) -> Any:
    if isinstance(objective, BaseObjective):
        return objective.model_dump()
    if isinstance(objective, str | Mapping):
        return objective
    if callable(objective):
        name = getattr(objective, "__qualname__", type(objective).__qualname__)
        return {"kind": "given", "made_of": name}
    raise BadValueError(
        f"the objective is a {type(objective).__name__}; give a function of Terms, such as lambda "
        "terms: terms.distortion + 4 * terms.rate, or the name or settings of a kind"
    )
