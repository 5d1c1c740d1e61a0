"""Settings, read once at start: defaults, then `.env`, then the environment (SUPREME_<KEY> wins over <KEY>)."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from supreme_system_v5 import env_file
from supreme_system_v5.config_keys import HOME_KEY, KEYS, KEYS_BY_NAME, Key, Settings
from supreme_system_v5.config_values import masked_url
from supreme_system_v5.core.domain.errors import ConfigError

__all__ = [
    "KEYS",
    "Settings",
    "default_settings",
    "given_rows",
    "load_settings",
    "render_profile",
    "rows",
    "unknown_names",
    "warnings",
]

# Read by the build and the tests, not by the daemon.
TOOL_NAMES = frozenset({"SUPREME_BUILD", "SUPREME_DATA_DIR", "SUPREME_EXPECT_CORE", "SUPREME_LONG"})
STOP_PCT_USUAL_MAX = 0.1
ROUND_TRIP_FEES = {"usdm": 0.001, "spot": 0.002}  # two taker fills, as a fraction of the notional


def load_settings(env: Mapping[str, str], root: Path) -> Settings:
    """The effective settings of a clone (or home) at ``root``.

    Raises ConfigError with every fault found: the name, the value, and what is allowed.
    """
    found = env_file.read(env_file.find(env, root))
    faults = list(found.faults)
    for name in found.values:
        if name not in KEYS_BY_NAME:
            faults.append(f"{found.path}:{found.lines[name]}: unknown key {name}{_did_you_mean(name)}")
    texts: dict[str, str] = {}
    origins: dict[str, str] = {}
    for key in KEYS:
        texts[key.name], origins[key.name] = _text_of(key, env, found)
    values = _parse(texts, origins, found, faults)
    if not faults:
        settings = _settings(values, texts, origins, root, found.path)
        faults += _contradictions(settings)
    if faults:
        remedy = f"correct {found.path} or the environment; `make check-config` shows every key"
        raise ConfigError("\n".join(faults), remedy)
    return settings


def default_settings(env: Mapping[str, str], root: Path) -> Settings:
    """The defaults with the right home, whatever is wrong with the configuration: for commands that must not fail."""
    found = env_file.read(env_file.find(env, root))
    texts = {key.name: key.default for key in KEYS}
    texts[HOME_KEY] = env.get(HOME_KEY) or found.values.get(HOME_KEY, "")
    origins = dict.fromkeys(texts, "default")
    return _settings(_parse(texts, origins, found, []), texts, origins, root, found.path)


def rows(settings: Settings) -> list[dict[str, str]]:
    """What check-config shows: key, effective value, origin, meaning; passwords in addresses masked."""
    table = []
    for key in KEYS:
        value = masked_url(settings.texts[key.name])
        if key.name == HOME_KEY:
            value = str(settings.home)
        table.append({"key": key.name, "value": value, "origin": settings.origins[key.name], "about": key.about})
    return table


def given_rows(env: Mapping[str, str], settings: Settings) -> list[dict[str, str]]:
    """The same for a broken configuration: what was given for each key, usable or not."""
    found = env_file.read(settings.env_file)
    given = {key.name: _text_of(key, env, found) for key in KEYS}
    texts = {name: text for name, (text, _) in given.items()}
    origins = {name: origin for name, (_, origin) in given.items()}
    return rows(dataclasses.replace(settings, texts=texts, origins=origins))


def warnings(settings: Settings) -> list[str]:
    """Values that are allowed and probably not meant."""
    found = []
    stop, target = settings.stop_loss_pct, settings.take_profit_pct
    if settings.stop_mode == "pct" and stop > STOP_PCT_USUAL_MAX:
        found.append(f"STOP_LOSS_PCT={stop:g} is a stop {100 * stop:g} % away (a fraction: 0.01 = 1 %)")
    fees = ROUND_TRIP_FEES[settings.market]
    if target <= fees:
        loses = f"not more than the {100 * fees:g} % that both fills cost on {settings.market}"
        found.append(f"TAKE_PROFIT_PCT={target:g} is a target {100 * target:g} % away: {loses}")
    return found


def unknown_names(env: Mapping[str, str]) -> list[str]:
    """One sentence for each SUPREME_* of the environment that nothing reads."""
    known = [key.environment_names[0] for key in KEYS]
    found = []
    for name in sorted(env):
        if name.startswith("SUPREME_") and name not in TOOL_NAMES and name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
            meant = f"; did you mean {close[0]}?" if close else ""
            found.append(f"the environment's {name} is no key and has no effect{meant}")
    return found


def render_profile() -> str:
    """The text of `.env.ultra_constrained`: what the profile sets, then every other key as a comment."""
    lines = [
        "# The budget profile: 1 GB of RAM, of which 450 MB may be used, and under 85 % of a CPU.",
        "# Copied to .env on the first run; edit the copy. The environment wins over it:",
        "# SUPREME_<KEY>=value, <KEY>=value, or `make run-ultra-local KEY=value`.",
        "# `make check-config` shows every effective value and where it comes from.",
        "",
    ]
    lines += _profile_lines(key for key in KEYS if key.is_profile)
    lines += ["", "# Not set here; the value shown is the default.", ""]
    others = _profile_lines(key for key in KEYS if not key.is_profile)
    lines += [line if line.startswith("#") else f"#{line}" for line in others]
    return "\n".join(lines) + "\n"


def _profile_lines(keys: Iterable[Key]) -> list[str]:
    lines = []
    for key in keys:
        lines += [f"# {key.about} ({key.kind.allowed})", f"{key.name}={key.default}"]
    return lines


def _text_of(key: Key, env: Mapping[str, str], found: env_file.EnvFile) -> tuple[str, str]:
    for name in key.environment_names:
        if name in env:
            return env[name].strip(), f"environment {name}"
    if key.name in found.values:
        return found.values[key.name].strip(), found.path.name
    return key.default, "default"


def _parse(
    texts: Mapping[str, str], origins: Mapping[str, str], found: env_file.EnvFile, faults: list[str]
) -> dict[str, object]:
    values: dict[str, object] = {}
    for key in KEYS:
        text = texts[key.name]
        try:
            values[key.attribute] = key.kind.parse(text)
        except ValueError:
            origin = origins[key.name]
            where = f"{found.path}:{found.lines[key.name]}" if origin == found.path.name else origin
            faults.append(f"{where}: {key.name}={masked_url(text)!r} is not allowed; it must be {key.kind.allowed}")
    return values


def _settings(
    values: dict[str, object], texts: Mapping[str, str], origins: Mapping[str, str], root: Path, path: Path
) -> Settings:
    home_text = str(values["supreme_home"])
    home = Path(os.path.abspath(Path(home_text).expanduser())) if home_text else root.absolute()
    if values["sim_seed"] is None:
        values["sim_seed"] = values["seed"]
    fields = {**values, "home": home, "env_file": path, "texts": dict(texts), "origins": dict(origins)}
    return Settings(**fields)  # type: ignore[arg-type]


def _contradictions(settings: Settings) -> list[str]:
    """Values that are allowed one by one and not together."""
    faults = []
    if settings.execution_mode == "live":
        faults.append("EXECUTION_MODE=live: live trading is not available in this version; EXECUTION_MODE=paper is")
    if len(settings.symbols) > 1:
        profile = "ULTRA_CONSTRAINED=1 trades" if settings.ultra_constrained else "this version trades"
        faults.append(f"SYMBOLS={','.join(settings.symbols)}: {profile} one symbol")
    if settings.data_sources == ("coingecko",):
        faults.append("DATA_SOURCES=coingecko: an average is not a market; add binance or simulated")
    if settings.scalping_interval_min > settings.scalping_interval_max:
        low, high = settings.scalping_interval_min, settings.scalping_interval_max
        faults.append(f"SCALPING_INTERVAL_MIN={low:g} is above SCALPING_INTERVAL_MAX={high:g}")
    if settings.scalping_confirm_bars > settings.buffer_size_limit:
        bars, limit = settings.scalping_confirm_bars, settings.buffer_size_limit
        faults.append(f"SCALPING_CONFIRM_BARS={bars} is above BUFFER_SIZE_LIMIT={limit}")
    if settings.position_size_pct > settings.max_exposure_pct:
        size, limit_pct = settings.position_size_pct, settings.max_exposure_pct
        faults.append(f"POSITION_SIZE_PCT={size:g} is above MAX_EXPOSURE_PCT={limit_pct:g}")
    if settings.strategy != "scalping":
        from supreme_system_v5.core.strategies.catalogue import STRATEGY_NAMES

        if settings.strategy not in STRATEGY_NAMES:
            known = " or ".join(STRATEGY_NAMES)
            faults.append(f"STRATEGY={settings.strategy}: there is no such strategy; it must be {known}")
    if settings.sim_recording:
        for name in settings.sim_recording.split(","):
            if not Path(name.strip()).expanduser().is_file():
                faults.append(f"SIM_RECORDING={settings.sim_recording}: there is no file {name.strip()!r}")
    return faults


def _did_you_mean(name: str) -> str:
    bare = name.removeprefix("SUPREME_").upper()
    close = [bare] if bare in KEYS_BY_NAME else difflib.get_close_matches(bare, KEYS_BY_NAME, n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else ""
