"""Commands that explain: kinds, schema, configs."""

from pathlib import Path
from typing import Annotated

import typer

from vaelab.cli.options import ConfigArgument, Overrides, experiment_of
from vaelab.console import Console

app = typer.Typer()
config_app = typer.Typer(help="Show a config in full, or translate one of the seed's.")


@app.command()
def kinds(
    axis: Annotated[
        str | None, typer.Argument(help="One axis, e.g. `prior`; none: all of them.")
    ] = None,
    kind: Annotated[
        str | None, typer.Argument(help="One of its kinds, e.g. `vamp`, in full.")
    ] = None,
) -> None:
    """List every member of every axis, with what it is and where it comes from.

    Examples:
    `vaelab kinds prior` : the priors

    `vaelab kinds prior vamp` : its formula, when to use it, its options, a config
    """
    from vaelab.kinds import entry, table

    Console().print(table(axis) if axis is None or kind is None else entry(axis, kind))


@app.command()
def schema() -> None:
    """Print the JSON schema of a config, for editors that complete and check YAML.

    Example: `vaelab schema > schema.json`, and `# yaml-language-server: $schema=schema.json` as
    the first line of a YAML beside it.
    """
    from vaelab.schema import schema_text

    typer.echo(schema_text(), nl=False)


@config_app.command("show")
def show_config(config: ConfigArgument, overrides: Overrides = None) -> None:
    """Print a config with every default filled in.

    Example: `vaelab config show mnist model.latent=8 > mine.yaml`
    """
    from vaelab.config import to_yaml

    typer.echo(to_yaml(experiment_of(config, overrides)), nl=False)


@config_app.command()
def translate(
    old: Annotated[Path, typer.Argument(metavar="OLD.yaml", help="A YAML file of the seed.")],
) -> None:
    """Print what a YAML file of the seed is here; comments say what has no counterpart.

    Example: `vaelab config translate config/vae_kl.yaml > mine.yaml`; training the old file itself
    does the same.
    """
    from vaelab.seed import translate as translate_seed
    from vaelab.seed import translated_yaml
    from vaelab.yamlfile import read_yaml

    typer.echo(translated_yaml(translate_seed(read_yaml(old), str(old))), nl=False)
