"""Kinds from elsewhere: entry points of installed packages, and what the user names.

Code is loaded because a package is installed, or because the user says so (`--plugin`, the
environment variable VAELAB_PLUGINS, an import in Python); never because a config or a run names it.
"""

import hashlib
import importlib
import importlib.util
import os
import re
import sys
from ast import literal_eval
from collections.abc import Collection, Iterable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from types import TracebackType

from pydantic import PydanticUserError

from vaelab.config import Config
from vaelab.errors import BadValueError, MissingFileError, UserError
from vaelab.registry import Kind
from vaelab.yamlfile import quoted

GROUP = "vaelab.plugins"
"""Of entry points: each names a module whose import defines kinds."""
VARIABLE = "VAELAB_PLUGINS"
"""Plugins for this process and those that it starts, separated as in PATH."""
PREFIX = "vaelab_plugin_"
_loaded: set[str] = set()


def load_installed() -> None:
    """Load the plugins of installed packages, and those that VAELAB_PLUGINS names."""
    for point in entry_points(group=GROUP):
        _import(point.value.partition(":")[0], f"the plugin `{point.name}` of an installed package")
    for name in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        _load(name)


def load_plugin(name: str) -> None:
    """Load a Python file or a module, also in the processes that this one starts from now on."""
    known = os.environ.get(VARIABLE, "")
    _load(name)
    path = str(Path(name).resolve()) if name.endswith(".py") else name
    if path not in known.split(os.pathsep):
        os.environ[VARIABLE] = os.pathsep.join(filter(None, [known, path]))


def used_by(config: Config) -> dict[str, str]:
    """The plugins that define what a config is made of: SHA-256 of a file, "" for a module."""
    found: dict[str, str] = {}
    for cls in _kinds_in(config):
        module = sys.modules[cls.__module__]
        if cls.__module__.partition(".")[0] == "vaelab":
            continue
        path = module.__dict__.get("__file__")
        if cls.__module__.startswith(PREFIX) and path:
            found[path] = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        else:
            found[cls.__module__] = ""
    return found


def named_for(config: Config) -> list[str]:
    """What the user has named of the plugins that define what a config is made of."""
    used = used_by(config)
    named = filter(None, os.environ.get(VARIABLE, "").split(os.pathsep))
    return [name for name in named if any(f"{one}.".startswith(f"{name}.") for one in used)]


def explained(error: BadValueError, run: Path, known: Iterable[str]) -> BadValueError:
    """The error of a run's config, or, where that explains it, the plugins that it needs."""
    missing = [
        name for name in known
        if (_module_name(Path(name)) if name.endswith(".py") else name) not in sys.modules
    ]  # fmt: skip
    if not missing:
        return error
    words = " ".join(f"--plugin {quoted(name)}" for name in missing)
    first, *_ = str(error).splitlines()
    return BadValueError(
        f"{run} was made with kinds that are not vaelab's: add {words}, or define them first in "
        f"Python ({first.partition(';')[0]})"
    )


def blamed(error: Exception) -> str | None:
    """Which plugin an error is of, or may be of; None: there is none.

    Where it is of one, its traceback begins there afterwards.
    """
    if frames := _frames(error, _loaded):
        error.__traceback__ = frames[0]
        return f"the error is in a plugin, not in vaelab: {_place(frames[-1])}"
    if not _loaded:
        return None
    files = [str(sys.modules[name].__dict__.get("__file__", name)) for name in sorted(_loaded)]
    return (
        f"the reason may be in a plugin ({', '.join(files)}); if the error is there without it, "
        "it is a fault of vaelab: please report it"
    )


def is_known_to_children(cls: type[Kind]) -> bool:
    """Whether a process that this one starts knows a kind too: vaelab's own, or a plugin's."""
    package = cls.__module__.partition(".")[0]
    return package == "vaelab" or not _loaded.isdisjoint({package, cls.__module__})


def _kinds_in(value: object) -> Iterator[type[Kind]]:
    if isinstance(value, Kind):
        yield type(value)
    if isinstance(value, Config):
        for name in type(value).model_fields:
            yield from _kinds_in(getattr(value, name))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _kinds_in(one)


def _module_name(path: Path) -> str:
    return f"{PREFIX}{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


def _load(name: str) -> None:
    if not name.endswith(".py"):
        _import(name, f"the plugin {name}")
        return
    path = Path(name).resolve()
    if not path.is_file():
        raise MissingFileError(f"there is no plugin file {path}")
    module_name = _module_name(path)
    if module_name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise BadValueError(f"the plugin {path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
        _loaded.add(module_name)
    except UserError:
        del sys.modules[module_name]
        raise
    except Exception as error:
        del sys.modules[module_name]
        raise _broken(f"the plugin {path}", module_name, error) from error


def _import(module: str, what: str) -> None:
    try:
        importlib.import_module(module)
        _loaded.add(module)
    except UserError:
        raise
    except ModuleNotFoundError as error:
        if error.name and module.startswith(error.name):
            raise MissingFileError(
                f"{what} cannot be found: there is no module {error.name} on Python's path; name a "
                "file (--plugin my_prior.py) or install the package"
            ) from error
        raise _broken(what, module, error) from error
    except Exception as error:
        raise _broken(what, module, error) from error


def _broken(what: str, module: str, error: Exception) -> BadValueError:
    # a SyntaxError names its own place
    frames = [] if isinstance(error, SyntaxError) else _frames(error, {module})
    place = f" ({_place(frames[-1])})" if frames else ""
    words = f"{type(error).__name__}: {error}"
    if isinstance(error, PydanticUserError):
        words, *_ = error.message.splitlines()
        if field := re.search(r"non-annotated attribute.*?`(\w+) = (.+?)`", words):
            name, value = field.groups()
            typed = f"{name}: {_type_of(value)} = {value}"
            words = f"`{name} = {value}` in a config needs its type: write `{typed}`"
    return BadValueError(f"{what} cannot be imported: {words}{place}")


def _type_of(value: str) -> str:
    """The type that a value has, as far as its `repr` tells."""
    try:
        return type(literal_eval(value)).__name__  # of literals alone: nothing is run
    except (ValueError, SyntaxError):
        return "TYPE"


def _frames(error: Exception, modules: Collection[str]) -> list[TracebackType]:
    """What of an error's traceback runs these modules, or what is in them, outermost first."""
    found, step = [], error.__traceback__
    while step is not None:
        name = step.tb_frame.f_globals.get("__name__")
        if any(f"{name}.".startswith(f"{one}.") for one in modules):
            found.append(step)
        step = step.tb_next
    return found


def _place(frame: TracebackType) -> str:
    return f"{frame.tb_frame.f_code.co_filename}, line {frame.tb_lineno}"
