"""Settings: precedence, ranges, what a person is told, and the profile file."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from pathlib import Path

import pytest

from supreme_system_v5 import config, config_values, env_file
from supreme_system_v5.config import KEYS, Settings, load_settings
from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.core.domain.parameters import Parameters
from tests.source_tree import ROOT

BY_NAME = {key.name: key for key in KEYS}


def write(folder: Path, text: str) -> None:
    (folder / ".env").write_text(text, encoding="utf-8")


def complaint(env: dict[str, str], root: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(env, root)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_the_defaults_are_the_specification_s(tmp_path: Path) -> None:
    settings = load_settings({}, tmp_path)
    assert settings.symbols == ("ETH-USDT",)
    assert settings.data_sources == ("binance", "coingecko", "simulated")
    assert settings.initial_balance == Decimal(10_000)
    assert settings.initial_balance_e8 == 10_000 * 10**8
    assert settings.max_order_notional_e8 == 1_000 * 10**8
    assert (settings.max_ram_mb, settings.max_cpu_percent, settings.metrics_port) == (450, 85.0, 9108)
    assert settings.home == tmp_path
    assert set(settings.origins.values()) == {"default"}


def test_defaults_agree_with_the_engine_s_parameters(tmp_path: Path) -> None:
    """The engine's own defaults and the settings' are the same numbers, wherever both have the word."""
    settings, parameters = load_settings({}, tmp_path), Parameters()
    names = {field.name for field in dataclasses.fields(Parameters)}
    shared = [key.attribute for key in KEYS if key.attribute in names]
    assert len(shared) > 20
    assert {name: getattr(settings, name) for name in shared} == {name: getattr(parameters, name) for name in shared}
    assert settings.buffer_size_limit == parameters.buffer_size
    assert settings.max_order_notional_e8 == parameters.max_order_notional_e8


def test_precedence_prefixed_then_plain_then_file_then_default(tmp_path: Path) -> None:
    write(tmp_path, "MAX_RAM_MB=111\nSEED=7\n")
    env = {"MAX_RAM_MB": "222", "SUPREME_MAX_RAM_MB": "333", "SUPREME_UNKNOWN": "x", "UNRELATED": "y"}
    settings = load_settings(env, tmp_path)
    assert settings.max_ram_mb == 333
    assert settings.origins["MAX_RAM_MB"] == "environment SUPREME_MAX_RAM_MB"
    assert load_settings({"MAX_RAM_MB": "222"}, tmp_path).max_ram_mb == 222
    assert load_settings({}, tmp_path).max_ram_mb == 111
    assert settings.origins["SEED"] == ".env"
    assert settings.origins["MARKET"] == "default"


def test_the_simulation_s_seed_follows_the_seed(tmp_path: Path) -> None:
    assert load_settings({"SEED": "7"}, tmp_path).sim_seed == 7
    assert load_settings({"SEED": "7", "SIM_SEED": "8"}, tmp_path).sim_seed == 8


def test_an_empty_target_skip_is_the_literal_rule(tmp_path: Path) -> None:
    assert load_settings({"GATE_TARGET_SKIP": ""}, tmp_path).gate_target_skip == 0.0


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("MAX_RAM=450", "unknown key MAX_RAM; did you mean MAX_RAM_MB?"),
        ("SUPREME_MAX_RAM_MB=450", "did you mean MAX_RAM_MB?"),
        ("ZZZ=1", "unknown key ZZZ"),
        ("MAX_RAM_MB=450\nMAX_RAM_MB=451", "MAX_RAM_MB is already set in line 1"),
        ("this is not a setting", "not KEY=value"),
        ("MAX_RAM_MB", "not KEY=value"),
        ("MAX_RAM_MB=lots", "MAX_RAM_MB='lots' is not allowed; it must be a whole number from 16 to"),
    ],
)
def test_a_broken_line_is_named_with_its_place(tmp_path: Path, line: str, told: str) -> None:
    write(tmp_path, f"{line}\n")
    text = complaint({}, tmp_path)
    assert told in text
    assert str(tmp_path / ".env") in text


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, "MAX_RAM=1\nMARKET=moon\n")
    text = complaint({"SEED": "x"}, tmp_path)
    assert "MAX_RAM" in text
    assert "MARKET='moon'" in text
    assert "SEED='x'" in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_RAM_MB", "0"),
        ("MAX_RAM_MB", "4.5"),
        ("MAX_RAM_MB", "٤٥٠"),
        ("MAX_CPU_PERCENT", "0"),
        ("MAX_CPU_PERCENT", "nan"),
        ("MAX_CPU_PERCENT", "inf"),
        ("STOP_LOSS_PCT", "-0.01"),
        ("STOP_LOSS_PCT", "1e400"),
        ("POSITION_SIZE_PCT", "2"),
        ("INITIAL_BALANCE", "NaN"),
        ("INITIAL_BALANCE", "1.000000001"),
        ("INITIAL_BALANCE", "0"),
        ("SEED", str(2**63)),
        ("SEED", "-1"),
        ("MARKET", ""),
        ("DATA_SOURCES", "binance,kraken"),
        ("DATA_SOURCES", "binance,binance"),
        ("SYMBOLS", "ETHUSDT"),
        ("KELLY_STOP", "maybe"),
        ("METRICS_PORT", "70000"),
        ("BINANCE_SPOT_WS_URL", "https://stream.binance.com"),
        ("BINANCE_USDM_REST_URL", "fapi.binance.com"),
        ("COINGECKO_URL", "https://api.coingecko.com:port/api"),
        ("LOG_LEVEL", "LOUD"),
        ("STRATEGY", "Scalping!"),
    ],
)
def test_bad_values_are_refused_with_name_value_and_what_is_allowed(tmp_path: Path, name: str, value: str) -> None:
    text = complaint({name: value}, tmp_path)
    assert f"{name}={value!r} is not allowed; it must be {BY_NAME[name].kind.allowed}" in text


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"EXECUTION_MODE": "live"}, "live trading is not available"),
        ({"SYMBOLS": "ETH-USDT,BTC-USDT"}, "one symbol"),
        ({"DATA_SOURCES": "coingecko"}, "an average is not a market"),
        ({"SCALPING_INTERVAL_MIN": "61"}, "SCALPING_INTERVAL_MIN=61 is above SCALPING_INTERVAL_MAX=60"),
        ({"SCALPING_CONFIRM_BARS": "201"}, "above BUFFER_SIZE_LIMIT"),
        ({"POSITION_SIZE_PCT": "0.2"}, "above MAX_EXPOSURE_PCT"),
        ({"STRATEGY": "moon"}, "it must be scalping"),
        ({"SIM_RECORDING": "/nowhere/frames.gz"}, "there is no file"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, env: dict[str, str], told: str) -> None:
    assert told in complaint(env, tmp_path)


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({}, []),
        ({"STOP_LOSS_PCT": "0.1", "TAKE_PROFIT_PCT": "0.0011"}, []),
        ({"STOP_LOSS_PCT": "0.11"}, ["STOP_LOSS_PCT=0.11"]),
        ({"STOP_LOSS_PCT": "0.11", "STOP_MODE": "atr"}, []),
        ({"TAKE_PROFIT_PCT": "0.001"}, ["TAKE_PROFIT_PCT=0.001"]),
        ({"TAKE_PROFIT_PCT": "0.002", "MARKET": "spot"}, ["TAKE_PROFIT_PCT=0.002"]),
    ],
)
def test_values_hardly_meant_are_warned_of(tmp_path: Path, env: dict[str, str], told: list[str]) -> None:
    found = config.warnings(load_settings(env, tmp_path))
    assert [text.split(" ")[0] for text in found] == told


def test_names_that_nothing_reads() -> None:
    known = {"SUPREME_SEED": "1", "SUPREME_HOME": "/x", "SUPREME_DATA_DIR": "/x", "SEED": "1", "UNRELATED": "y"}
    assert config.unknown_names(known) == []
    assert config.unknown_names({"SUPREME_HOM": "x"})[0].endswith("did you mean SUPREME_HOME?")
    assert config.unknown_names({"SUPREME_ZZZZZZ": "x"})[0].endswith("has no effect")


def test_every_default_is_allowed_and_every_kind_refuses_something() -> None:
    for key in KEYS:
        key.kind.parse(key.default)
        with pytest.raises(ValueError, match=r".*"):
            key.kind.parse("\0 no such value")


@pytest.mark.parametrize("kind", [config_values.number(0, 1), config_values.positive(1), config_values.money("0", "1")])
@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-Infinity", "1e999", "1_0", "0x1", " ", "--1"])
def test_no_number_that_is_not_one(kind: config_values.Kind, text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        kind.parse(text)


def test_home_and_its_own_env_file(tmp_path: Path) -> None:
    clone, home = tmp_path / "clone", tmp_path / "home"
    clone.mkdir()
    home.mkdir()
    write(clone, "SEED=1\n")
    env = {"SUPREME_HOME": str(home)}
    assert (load_settings(env, clone).seed, load_settings(env, clone).home) == (1, home)
    write(home, "SEED=2\n")
    assert load_settings(env, clone).seed == 2
    assert load_settings({}, clone).home == clone


def test_home_named_in_the_env_file(tmp_path: Path) -> None:
    write(tmp_path, f"SUPREME_HOME={tmp_path / 'elsewhere'}\n")
    assert load_settings({}, tmp_path).home == tmp_path / "elsewhere"


def test_an_unreadable_env_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe\x00garbage")
    assert "this is not a text file" in complaint({}, tmp_path)
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").mkdir()
    assert "cannot be read" in complaint({}, tmp_path)


def test_defaults_stay_usable_when_the_configuration_is_broken(tmp_path: Path) -> None:
    write(tmp_path, f"NONSENSE=1\nMAX_RAM_MB=x\nSUPREME_HOME={tmp_path / 'there'}\n")
    settings = config.default_settings({"MARKET": "moon"}, tmp_path)
    assert (settings.home, settings.max_ram_mb, settings.market) == (tmp_path / "there", 450, "usdm")


def test_passwords_in_addresses_are_masked(tmp_path: Path) -> None:
    env = {"COINGECKO_URL": "https://me:hunter2@proxy.example/api/v3"}
    shown = {row["key"]: row["value"] for row in config.rows(load_settings(env, tmp_path))}
    assert shown["COINGECKO_URL"] == "https://***@proxy.example/api/v3"
    assert "hunter2" not in complaint({**env, "COINGECKO_URL": "ftp://me:hunter2@proxy.example"}, tmp_path)


def test_the_profile_file_is_the_table(tmp_path: Path) -> None:
    """`.env.ultra_constrained` is rendered from the table; after a change there:
    python -c "from supreme_system_v5 import config; print(config.render_profile(), end='')" > .env.ultra_constrained
    """
    text = (ROOT / ".env.ultra_constrained").read_text(encoding="utf-8")
    assert text == config.render_profile()
    write(tmp_path, text)
    from_file, by_default = load_settings({}, tmp_path), load_settings({}, tmp_path / "none")
    names = [key.attribute for key in KEYS if key.name != "SUPREME_HOME"]
    assert [getattr(from_file, name) for name in names] == [getattr(by_default, name) for name in names]
    for key in KEYS:
        assert f"\n{key.name}=" in text or f"\n#{key.name}=" in text


def test_the_first_copy_never_overwrites(tmp_path: Path) -> None:
    profile = tmp_path / env_file.PROFILE_NAME
    assert env_file.create(tmp_path / ".env", profile, "SEED=3\n")
    assert not env_file.create(tmp_path / ".env", profile, "SEED=4\n")
    assert load_settings({}, tmp_path).seed == 3


def test_settings_have_one_attribute_a_key() -> None:
    made = {"home", "env_file", "texts", "origins"}
    assert {field.name for field in dataclasses.fields(Settings)} - made == {key.attribute for key in KEYS}
    assert len({key.name for key in KEYS}) == len(KEYS)
    assert all(key.about for key in KEYS)
