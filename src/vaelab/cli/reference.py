"""Commands that explain: kinds, schema, configs, a model's layers."""

from pathlib import Path
from typing import Annotated

import typer

from vaelab.cli.options import ConfigArgument, Overrides, Overwrite, experiment_of, output
from vaelab.console import Console
from vaelab.errors import BadValueError
from vaelab.files import output_path

app = typer.Typer()
config_app = typer.Typer(
    help="Show a config in full, suggest one for your pictures, translate one of the seed's."
)


@app.command()
def kinds(
    axis: Annotated[
        str | None, typer.Argument(help="One axis, e.g. `prior`; none: all of them.")
    ] = None,
    kind: Annotated[
        str | None, typer.Argument(help="One of its kinds, e.g. `vamp`, in full.")
    ] = None,
    long: Annotated[bool, typer.Option("--long", help="What each kind of every axis is.")] = False,
) -> None:
    """List the kinds of every axis; of one, with what each is and where it comes from.

    Examples:
    `vaelab kinds prior` : the priors

    `vaelab kinds prior vamp` : its formula, when to use it, its options, a config
    """
    from vaelab.kinds import entry, overview, table

    if axis is not None and kind is not None:
        Console().print(entry(axis, kind))
    else:
        Console().print(table(axis) if axis is not None or long else overview())


@app.command()
def schema() -> None:
    """Print the JSON schema of a config, for editors that complete and check YAML.

    Example: `vaelab schema > schema.json`, and `# yaml-language-server: $schema=schema.json` as
    the first line of a YAML beside it.
    """
    from vaelab.schema import schema_text

    typer.echo(schema_text(), nl=False)


@app.command()
def describe(
    config: ConfigArgument,
    overrides: Overrides = None,
    picture: Annotated[
        Path | None, output("Where to draw the architecture", "NAME_architecture.png")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Print a model layer by layer (shapes, parameters, multiply-adds) and draw it.

    Example: `vaelab describe vae_kl --picture vae_kl.png`
    """
    from vaelab.describe import Description
    from vaelab.figures import save_png
    from vaelab.training import build_model

    experiment = experiment_of(config, overrides)
    model = build_model(experiment, experiment.data.image_spec())
    description = Description(model, experiment)
    console = Console()
    console.print(description.table())
    if (drawing := description.draw()) is None:
        console.print(f"no picture: model `{experiment.model.kind}` has no code that is one vector")
        return
    path = output_path(picture, f"{experiment.task_name}_architecture.png", overwrite)
    save_png(drawing, path)
    console.say(f"drawn in {path}")


@config_app.command("show")
def show_config(config: ConfigArgument, overrides: Overrides = None) -> None:
    """Print a config with every default filled in.

    Example: `vaelab config show mnist model.latent=8 > mine.yaml`
    """
    from vaelab.config import to_yaml

    typer.echo(to_yaml(experiment_of(config, overrides)), nl=False)


@config_app.command()
def suggest(
    pictures: Annotated[
        Path, typer.Argument(help="A folder of pictures, or a .npz, .npy or .csv file.")
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Of the data alone, e.g. data.size=32.")
    ] = None,
) -> None:
    """Print a config for your own pictures, with the reason for each choice.

    Example: `vaelab config suggest my_pictures > mine.yaml`; training `my_pictures` does the same.
    """
    from vaelab.recipe import of_data
    from vaelab.recipe import suggest as suggest_config

    if others := [one for one in overrides or () if not of_data(one)]:
        raise BadValueError(f"`{others[0]}` is none of data's keys; change that in the YAML")
    typer.echo(suggest_config(pictures, overrides or ()), nl=False)


@config_app.command()
def translate(
    old: Annotated[Path, typer.Argument(metavar="OLD.yaml", help="A YAML file of the seed.")],
) -> None:
    """Print what a YAML file of the seed is here; comments say what has no counterpart.

    Example: `vaelab config translate config/vae_kl.yaml > mine.yaml`; training the old file itself
    does the same.
    """
    from vaelab.importers.vae_pytorch import translate as translate_seed
    from vaelab.importers.vae_pytorch import translated_yaml
    from vaelab.yamlfile import read_yaml

    typer.echo(translated_yaml(translate_seed(read_yaml(old), str(old))), nl=False)
