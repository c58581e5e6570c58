"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

ConfigArgument = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG",
        help="A shipped config's name (`digits`, `mnist`, `vae_kl`, ...), a YAML file, or a run.",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="Dotted overrides, e.g. `model.latent=4 objective.beta=2 training.epochs=20`.",
    ),
]
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's folder, or its name inside --runs.")
]
RunsFolder = Annotated[Path, typer.Option("--runs", help="The folder of all runs.")]
FileArguments = Annotated[
    list[Path], typer.Argument(metavar="FILES...", help="PNG, JPEG, WebP or BMP images.")
]
Label = Annotated[
    str | None, typer.Option(help="The class to condition on, for a conditional model.")
]

Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace a file of that name, if there is one.")
]

RUNS = Path("runs")
