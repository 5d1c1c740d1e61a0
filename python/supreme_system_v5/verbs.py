"""Every verb of the command line and of the Makefile: one table."""

from __future__ import annotations

from typing import NamedTuple

MAKE_ONLY = "make"  # a job of the Makefile: it needs no package, or builds it
LATER = "later"  # a later capability: the verb says so and ends with 2

GROUPS = ("run", "check", "watch", "research", "tune", "care")


class Verb(NamedTuple):
    """``module`` is the file in commands/, or MAKE_ONLY or LATER; ``flags`` are the options that it takes."""

    name: str
    group: str
    module: str
    about: str
    flags: tuple[str, ...] = ()
    is_lenient: bool = False  # runs on the defaults where the configuration is broken
    makes_env_file: bool = False  # a first run: leaves a .env to edit
    is_alias: bool = False  # of the verb listed just before


VERBS: tuple[Verb, ...] = (
    Verb("quick-start", "run", MAKE_ONLY, "set up, check the environment, start paper trading"),
    Verb("validate", "run", "validate", "check Python, memory, CPU, disk, ports, clock", (), True, True),
    Verb("setup-ultra", "run", MAKE_ONLY, "build .venv and install"),
    Verb("install-deps", "run", MAKE_ONLY, "install the runtime packages only"),
    Verb("run-ultra-local", "run", "run", "paper trading (set up first where needed)", ("duration",), False, True),
    Verb("run", "run", "run", "the same", ("duration",), False, True, True),
    Verb("run-ultra-live", "run", LATER, "live trading"),
    Verb("demo", "run", "demo", "whole trades within two minutes, on a scripted market", ("duration",), False, True),
    Verb(
        "exchange",
        "run",
        "exchange",
        "the simulated exchange alone, for any client (docs/exchange.md)",
        ("port", "duration", "wait"),
        False,
        True,
    ),
    Verb("stop", "run", "stop", "orderly stop of the running daemon", (), True),
    Verb(
        "emergency-stop", "run", "emergency_stop", "latch, cancel, close, end; works on a hung or dead daemon", (), True
    ),
    Verb("clear-halt", "run", "clear_halt", "lift the latch of emergency-stop", (), True),
    Verb("close-breaker", "run", "close_breaker", "close a breaker by hand: NAME=<breaker>", ("name",)),
    Verb("test", "check", MAKE_ONLY, "the whole suite: compiled, pure, and a short set on other Pythons"),
    Verb("test-quick", "check", MAKE_ONLY, "the fast tests, on the sources as they are"),
    Verb("test-parity", "check", MAKE_ONLY, "indicators against TA-Lib and an independent reference"),
    Verb("test-long", "check", MAKE_ONLY, "what takes long: 1x recordings, every fault, 50 kills"),
    Verb("bench-all", "check", MAKE_ONLY, "every benchmark of the README, one after the other"),
    Verb("bench-backtest", "check", MAKE_ONLY, "how fast a backtest is, and where the time goes"),
    Verb("bench-light", "check", "bench_light", "measure latency, CPU, RSS against the targets", ("duration",)),
    Verb("check-config", "check", "check_config", "each effective setting and its origin", (), True, True),
    Verb("lint", "check", MAKE_ONLY, "ruff and mypy --strict"),
    Verb("format", "check", MAKE_ONLY, "ruff format and safe fixes"),
    Verb("monitor", "watch", "monitor", "live view in the terminal", ("duration",), True),
    Verb("status", "watch", "status", "what the daemon is doing, and why there is no trade", (), True),
    Verb("usage", "watch", "usage", "RSS, CPU and disk against the budget", (), True),
    Verb("logs", "watch", "logs", "the session's log: SESSION=<name> for an older one", ("session",), True),
    Verb("results", "watch", "results", "the newest report: SESSION=<name> for another", ("session",), True),
    Verb("info", "watch", "info", "version, core, Python, home, sessions", (), True),
    Verb("troubleshoot", "watch", "troubleshoot", "look for what is wrong, and say the remedy", (), True),
    Verb("trades", "watch", "trades", "closed trades from the journal", ("session",), True),
    Verb(
        "download",
        "research",
        "download",
        "history into data/: SYMBOL= FROM= TO= [KIND=bars|trades|both] [MARKET=spot|usdm]",
        ("symbol", "from", "to", "kind", "market"),
    ),
    Verb(
        "import-data",
        "research",
        "import_data",
        "files of trades or bars into data/: FILE=a.csv,b.zip [SYMBOL= MARKET=]",
        ("file", "symbol", "market"),
    ),
    Verb(
        "check-data",
        "research",
        "check_data",
        "gaps, repeats, order, outliers of FILE=, or of SYMBOL= FROM= TO= in data/",
        ("file", "symbol", "from", "to", "kind", "market"),
    ),
    Verb(
        "backtest",
        "research",
        "backtest",
        "the same engine over history: DATA=<file> or the store's FROM= TO=",
        ("data", "from", "to", "kind", "symbol"),
    ),
    Verb(
        "lookahead-check",
        "research",
        "lookahead_check",
        "does a run know what comes later, and has it enough warm-up: DATA=<file>",
        ("data", "from", "to", "kind", "symbol"),
    ),
    Verb(
        "replay",
        "research",
        "replay",
        "a recorded session through the engine, compared: SESSION=<name>|chain",
        ("session",),
    ),
    Verb(
        "export-frames",
        "research",
        "export_frames",
        "recorded sessions as data for backtests and the exchange: SESSION=<name>[,...] [FILE=out.jsonl.gz]",
        ("session", "file"),
    ),
    Verb("record", "research", "record", "run-ultra-local, recorded for replay", ("duration",), False, True),
    Verb("profile-cpu", "tune", "profile_cpu", "where the time goes", ("duration",)),
    Verb("profile-memory", "tune", "profile_memory", "where the memory goes", ("duration",)),
    Verb("optimize-ultra", "tune", "optimize_ultra", "measure this machine and suggest settings"),
    Verb("clean", "care", "clean", "remove build products and sessions; never state/", (), True),
    Verb("reset", "care", "reset", "a new paper account; backs the journal up first"),
    Verb("help", "care", "help", "this list", (), True),
)
BY_NAME: dict[str, Verb] = {verb.name: verb for verb in VERBS}
