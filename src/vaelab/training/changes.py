"""What a person changed while a run trained, as a function of the step."""

from collections.abc import Iterable

from vaelab.experiment import Change


class Changes:
    """The changes of a run."""

    def __init__(self, changes: Iterable[Change]) -> None:
        self._changes = sorted(changes, key=lambda change: change.step)

    @property
    def all(self) -> tuple[Change, ...]:
        """All of them, by step."""
        return tuple(self._changes)

    def add(self, change: Change) -> None:
        """One more, at the present step; what it sets takes the place of an earlier value there."""
        last = self._changes[-1] if self._changes else None
        if last is not None and last.step == change.step:
            change = last.model_copy(update=change.model_dump(exclude_defaults=True))
            self._changes.pop()
        self._changes.append(change)

    def controls(self, step: int) -> dict[str, float]:
        """The objective's settings that were changed by then."""
        values = [c.beta for c in self._changes if c.beta is not None and c.step <= step]
        return {"beta": values[-1]} if values else {}

    def learning_rate(self, step: int) -> float | None:
        """The learning rate, if it was changed by then."""
        values = [c.learning_rate for c in self._changes if c.step <= step]
        return next((value for value in reversed(values) if value is not None), None)

    def stops(self, step: int) -> bool:
        """Whether training was stopped at exactly this step."""
        return any(change.stop for change in self._changes if change.step == step)

    def go_on_from(self, step: int) -> bool:
        """Forget the stops up to here, after which training goes on; whether there were any."""
        stops = [change for change in self._changes if change.stop and change.step <= step]
        for stop in stops:
            self._changes.remove(stop)
            rest = stop.model_copy(update={"stop": False})
            if rest != Change(step=stop.step):
                self._changes.append(rest)
        self._changes.sort(key=lambda change: change.step)
        return bool(stops)
