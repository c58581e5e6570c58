"""The command line: each command a few lines that call one function.

The commands import what they need when they run: PyTorch takes seconds to import, and `--help`
should not.
"""

import sys
import traceback
import warnings
from typing import TextIO

import typer

from vaelab.cli import data, explore, files, reference, runs, sweep, training
from vaelab.errors import UserError
from vaelab.process import prepare_process

app = typer.Typer(
    help=(
        "A laboratory for understanding variational autoencoders: train one, watch its latent "
        "space form, and read numbers that mean what they say.\n\n"
        "Start with `vaelab demo`: real handwritten digits, no download, under two minutes."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data.app, name="data")
app.add_typer(sweep.app, name="sweep")
app.add_typer(reference.config_app, name="config")
app.add_typer(explore.export_app, name="export")
for group in (training.app, explore.app, runs.app, files.app, reference.app):
    app.add_typer(group)


def main() -> None:
    """Run the command line; exit code 0, 2 for what the user can put right, 1 for our faults."""
    warnings.showwarning = _print_warning
    prepare_process()
    try:
        app(prog_name="vaelab")
    except UserError as error:
        print(f"vaelab: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception:
        traceback.print_exc()
        print("vaelab: this is a fault of vaelab, not yours; please report it", file=sys.stderr)
        sys.exit(1)


def _print_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    print(f"vaelab: warning: {message}", file=sys.stderr)
