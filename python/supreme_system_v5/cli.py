"""The command line: a verb finds its module in commands/, gets the settings, and its result is the exit code.

Nothing of the core, no event loop and no network is imported here: `stop` must not wait for the trading system to load.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from supreme_system_v5 import __version__, env_file, pure_import
from supreme_system_v5.verbs import BY_NAME, LATER, MAKE_ONLY, Verb

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
OWN_WORDS = {"check-config", "validate", "troubleshoot", "emergency-stop", "help"}  # on a broken configuration
WHEEL_HOME = "~/.supreme"  # where an installed package without a clone keeps .env, state/ and run_artifacts/


def run() -> None:
    """The `supreme` script of an installed wheel."""
    sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str], root: Path | None = None) -> int:
    """Run one command and return its exit code. ``root`` is the clone; without one, ~/.supreme."""
    place = root or Path(WHEEL_HOME).expanduser()
    if pure_import.is_wanted({**env_file.read(env_file.find(os.environ, place)).values, **os.environ}):
        pure_import.install()
    from supreme_system_v5.core.domain.errors import SupremeError

    try:
        return _command(list(argv), os.environ, place)
    except SupremeError as error:
        return _complain(error.message, error.remedy, error.exit_code)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # `... | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _command(argv: list[str], env: Mapping[str, str], root: Path) -> int:
    if argv[:1] == ["--version"]:
        sys.stdout.write(f"{__version__}\n")
        return 0
    if not argv or argv[0] in {"-h", "--help"}:
        argv = ["help"]
    name = next((word for word in argv if not word.startswith("-")), "")
    verb = BY_NAME.get(name)
    if verb is None:
        return _unknown(name)
    if verb.module == MAKE_ONLY:
        return _complain(f"{name} is a job of the Makefile", f"make {name}", EXIT_USAGE)
    if verb.module == LATER:
        return _complain(f"{name} ({verb.about}) is not available yet: it comes with a later version", "", EXIT_USAGE)
    module = _load(verb)
    if module is None:
        return _complain(f"{name} is not available in this build", "", EXIT_USAGE)
    argv.remove(name)
    args = _parse(verb, module, argv, env)
    settings = _settings(verb, args, env, root)
    return int(module.main(settings, args))


def _load(verb: Verb) -> ModuleType | None:
    wanted = f"{pure_import.PACKAGE}.commands.{verb.module}"
    try:
        return importlib.import_module(wanted)
    except ModuleNotFoundError as error:
        if error.name != wanted:
            raise
        return None


def _parse(verb: Verb, module: ModuleType, argv: list[str], env: Mapping[str, str]) -> argparse.Namespace:
    """Options of a verb; each also comes from the environment (`make NAME DURATION=60`).

    Every verb gets every attribute (None where it has no such option). A command module may add options of its own
    by a function ``add_arguments(parser)``.
    """
    parser = argparse.ArgumentParser(prog=f"main.py {verb.name}", description=verb.about)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")
    parser.set_defaults(verb=verb.name, config_error="", duration=None, port=None, name=None, session=None, wait=False)
    for flag in verb.flags:
        if flag == "wait":
            parser.add_argument("--wait", action="store_true", help="stand still until POST /x/start")
        elif flag == "duration":
            parser.add_argument("--duration", type=_seconds, default=env.get("DURATION") or None, metavar="SECONDS")
        elif flag == "port":
            parser.add_argument("--port", type=_port, default=env.get("PORT") or None, metavar="N")
        else:
            parser.add_argument(f"--{flag}", default=env.get(flag.upper()) or None, metavar=flag.upper())
    if hasattr(module, "add_arguments"):
        module.add_arguments(parser)
    return parser.parse_args(argv)


def _settings(verb: Verb, args: argparse.Namespace, env: Mapping[str, str], root: Path) -> Settings:
    from supreme_system_v5 import config
    from supreme_system_v5.core.domain.errors import ConfigError

    if verb.makes_env_file:
        path = env_file.find(env, root)
        if env_file.create(path, root / env_file.PROFILE_NAME, config.render_profile()):
            sys.stderr.write(f"created {path} from {env_file.PROFILE_NAME}\n")
    for warning in config.unknown_names(env):
        sys.stderr.write(f"warning: {warning}\n")
    try:
        return config.load_settings(env, root)
    except ConfigError as error:
        if not verb.is_lenient:
            raise
        args.config_error = str(error)
        if verb.name not in OWN_WORDS:
            first = error.message.partition("\n")[0]
            sys.stderr.write(f"note: the configuration is broken, the defaults are used: {first}\n")
        return config.default_settings(env, root)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"DURATION: must be seconds above 0, not {text}")
    return value


def _port(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 65_535:
        raise argparse.ArgumentTypeError(f"PORT: must be a whole number from 0 to 65535, not {text}")
    return value


def _unknown(name: str) -> int:
    close = difflib.get_close_matches(name, BY_NAME, n=1, cutoff=0.5)
    message = f"there is no command {name!r}" if name else "a command is missing"
    remedy = f"did you mean {close[0]}?" if close else "`main.py help` lists the commands"
    return _complain(message, f"{remedy}\nusage: main.py <command> [--json] [options]", EXIT_USAGE)


def _complain(message: str, remedy: str, exit_code: int) -> int:
    lines = [f"main.py: {message}", *(f"  {line}" for line in remedy.splitlines())]
    sys.stderr.write("\n".join(lines) + "\n")
    return exit_code
