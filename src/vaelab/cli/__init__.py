"""The command line: each command a few lines that call one function.

The commands import what they need when they run: PyTorch takes seconds to import, and `--help`
should not.
"""

import gc
import logging
import os
import signal
import sys
import traceback
import warnings

import typer

from vaelab.cli import data, explore, inference, reference, runs, sweep, training
from vaelab.cli.launch import end, record
from vaelab.cli.options import with_plugins
from vaelab.console import CONTROL, MAX_WIDTH, lost, streams, visible
from vaelab.errors import STOPPED, BadValueError, UserError, machine_lacks
from vaelab.malloc import prepare_process
from vaelab.yamlfile import quoted

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
for group in (training.app, explore.app, runs.app, inference.app, reference.app):
    app.add_typer(group)
for one in (app, *(group.typer_instance for group in app.registered_groups)):
    for command in one.registered_commands if one else ():
        command.callback = command.callback and with_plugins(command.callback)


def main() -> None:
    """Run the command line.

    Its exit code is 0; 2 for what the user can put right; 130 or 143 where Ctrl-C or SIGTERM
    stopped it; 1 for our faults, and where standard output could not be written.
    """
    warnings.showwarning = lambda message, *_, **__: _tell(f"warning: {message}")
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_Formatter())
    columns = os.environ.get("COLUMNS", "")
    if not (columns.isdecimal() and 0 < int(columns[:5]) <= MAX_WIDTH):
        os.environ.pop("COLUMNS", None)
    prepare_process()
    with streams() as (out, _):
        code = _run()
        out.flush()
        if (reason := lost(out)) is not None:
            code = code or 1
            if reason:
                _tell(f"standard output could not be written ({reason}); all else was done")
    gc.freeze()  # the interpreter need not look through PyTorch for garbage: half a second
    if code:
        end(code)


def _run() -> int:
    """Run a command and say what went wrong; its exit code."""
    try:
        for word in sys.argv[1:]:
            if CONTROL.search(word.encode(errors="surrogateescape").decode(errors="ignore")):
                raise BadValueError(
                    f"`{quoted(word)}` has a control character in it, and no name here has any"
                )
        _check_options(sys.argv[1:])
        app(prog_name="vaelab")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return STOPPED + signal.SIGINT
    except UserError as error:
        if not record(error):
            _tell(str(error))
        return error.exit_code
    except Exception as error:
        if (what := machine_lacks(error)) is not None:
            _tell(what)
            return UserError.exit_code
        from vaelab.plugins import blamed

        of_plugin = blamed(error)
        print(visible("".join(traceback.format_exception(error))), end="", file=sys.stderr)
        _tell(of_plugin or "this is a fault of vaelab, not yours; please report it")
        return UserError.exit_code if of_plugin else 1
    return 0


SETTINGS = {
    "--epochs": "training.epochs", "--batch-size": "training.batch_size", "--seed": "training.seed",
    "--lr": "training.optimizer.learning_rate",
    "--learning-rate": "training.optimizer.learning_rate",
    "--beta": "objective.beta", "--latent": "model.latent", "--device": "training.device",
    "--name": "task_name",
}  # fmt: skip
"""What other programs have as options of a training, and what vaelab calls it."""


def _check_options(words: list[str]) -> None:
    """Refuse a key as an option of `vaelab train`."""
    for place, word in enumerate(words if words[:1] == ["train"] else []):
        option, equals, value = word.partition("=")
        value = value if equals else next(iter(words[place + 1 :]), "...")
        if key := SETTINGS.get(option):
            raise BadValueError(f"there is no option `{option}`; did you mean {key}={value}?")


def _tell(text: str) -> None:
    print(f"vaelab: {visible(text)}", file=sys.stderr)


class _Formatter(logging.Formatter):
    """A line of a log that holds nothing a terminal obeys."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))
