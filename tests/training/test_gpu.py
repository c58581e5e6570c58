"""On an NVIDIA GPU a step is one captured graph, and computes what it would without."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.training.conftest import tiny
from tests.training.test_engines import KINDS
from tests.training.test_replicas import weights
from vaelab.engine import fast
from vaelab.engine.cuda_graph import capture
from vaelab.engine.recording import Recorded
from vaelab.runs.run import Run
from vaelab.training import replicas, train, train_together

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no NVIDIA GPU here"),
]


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_captured_it_trains_as_it_would_without(
    runs: Path, kind: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if count > 1 and kind == "dreg":  # each takes its step by itself
        return
    settings = (
        "training.device=cuda", "training.precision=float64", "training.batch_size=100",
        f"training.replicas={count}",
    )  # fmt: skip
    experiments = replicas(tiny(*settings, *KINDS[kind]))
    made: list[Recorded] = []

    def record(function: Callable[..., Tensor], written: list[Tensor]) -> Recorded:
        made.append(Recorded(function, written))
        return made[0]

    monkeypatch.setattr(fast, "Recorded", record)
    captured = train_together(experiments, runs / "captured")
    assert len(made[0].replays) == 2
    monkeypatch.setattr(fast, "Recorded", lambda function, written: function)
    plain = train_together(experiments, runs / "plain")
    for one, other in zip(plain, captured, strict=True):
        torch.testing.assert_close(weights(one.run), weights(other.run), rtol=1e-6, atol=1e-8)


def test_a_graph_reads_and_writes_where_the_tensors_are() -> None:
    total = torch.zeros((), device="cuda")
    x = torch.ones(3, device="cuda")

    def replay(x: Tensor) -> Tensor:
        total.add_(x.sum())
        return total * x

    run = capture(replay, [x], [total])
    assert total.item() == 0
    assert run(x).tolist() == [3, 3, 3]
    assert run(2 * x).tolist() == [18, 18, 18]
    assert total.item() == 9


def test_tf32_rounds_and_stays_near(runs: Path) -> None:
    def elbo(precision: str) -> float:
        name = f"training.precision={precision}", f"task_name={precision}"
        run: Run = train(tiny("training.device=cuda", *name), runs).run
        return float(run.metrics()[-1]["elbo_nats"])

    exact, rounded = elbo("float32"), elbo("tf32")
    assert rounded == pytest.approx(exact, rel=0.05)
    assert rounded != exact
