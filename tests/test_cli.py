"""The command line: verbs, exit codes, and that it stays small."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import types
from pathlib import Path

import pytest

from supreme_system_v5 import __version__, cli
from supreme_system_v5.config import Settings
from supreme_system_v5.core.domain.errors import HaltedError
from supreme_system_v5.verbs import BY_NAME, GROUPS, LATER, MAKE_ONLY, VERBS
from tests.source_tree import PACKAGE, ROOT

HEAVY = {
    "asyncio",
    "aiohttp",
    "numpy",
    "sqlite3",
    "msgspec",
    "websockets",
    "prometheus_client",
    "psutil",
    "rich",
    "ssl",
}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DURATION", "PORT", "NAME", "SESSION", "SUPREME_HOME", "EXECUTION_MODE"):
        monkeypatch.delenv(name, raising=False)


def give_command(monkeypatch: pytest.MonkeyPatch, verb: str, body: object, **others: object) -> None:
    """Put a module in a command's place, as the import system would find it."""
    module = types.ModuleType(f"supreme_system_v5.commands.{BY_NAME[verb].module}")
    module.__dict__.update(main=body, **others)
    monkeypatch.setitem(sys.modules, module.__name__, module)


def test_importing_the_command_line_stays_small() -> None:
    code = "import sys; before = set(sys.modules); import supreme_system_v5.cli; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(done.stdout.split())
    assert not loaded & HEAVY
    assert not [name for name in loaded if name.startswith(("supreme_system_v5.core", "supreme_system_v5.adapters"))]


def test_main_py_answers_help_and_json() -> None:
    command = [sys.executable, str(ROOT / "main.py"), "help", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    document = json.loads(done.stdout)
    assert document["schema_version"] == 1
    assert {row["name"] for row in document["commands"]} == set(BY_NAME)


@pytest.mark.parametrize("argv", [[], ["-h"], ["--help"], ["help"]])
def test_help_lists_every_command(argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(argv, root=tmp_path) == 0
    text = capsys.readouterr().out
    for verb in VERBS:
        assert verb.is_alias or f"  {verb.name} " in text
        assert verb.group in GROUPS


@pytest.mark.parametrize(("typed", "meant"), [("sttus", "status"), ("emergencystop", "emergency-stop"), ("Run", "run")])
def test_an_unknown_command_is_usage(
    typed: str, meant: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([typed], root=tmp_path) == 2
    assert f"did you mean {meant}?" in capsys.readouterr().err


def test_only_options_is_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--json"], root=tmp_path) == 2
    assert "usage: main.py" in capsys.readouterr().err


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS if verb.module == LATER])
def test_later_capabilities_say_so_in_one_line(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([verb], root=tmp_path) == 2
    said = capsys.readouterr().err
    assert "not available yet" in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS if verb.module == MAKE_ONLY])
def test_jobs_of_the_makefile_are_named(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([verb], root=tmp_path) == 2
    assert f"make {verb}" in capsys.readouterr().err


def test_every_command_has_its_module() -> None:
    modules = {verb.module for verb in VERBS if verb.module not in {MAKE_ONLY, LATER}}
    files = {path.stem for path in (PACKAGE / "commands").glob("*.py")} - {"__init__"}
    assert modules <= files, f"no module for {sorted(modules - files)}"


def test_a_missing_command_module_is_not_available(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(cli.BY_NAME, "status", BY_NAME["status"]._replace(module="no_such_module"))
    assert cli.main(["status"], root=tmp_path) == 2
    assert "status is not available" in capsys.readouterr().err


def test_options_come_from_flags_and_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[argparse.Namespace] = []

    def body(settings: Settings, args: argparse.Namespace) -> int:
        seen.append(args)
        return 7

    give_command(monkeypatch, "run", body)
    assert cli.main(["run", "--duration", "1.5", "--json"], root=tmp_path) == 7
    assert (seen[0].duration, seen[0].json, seen[0].verb, seen[0].port, seen[0].config_error) == (
        1.5,
        True,
        "run",
        None,
        "",
    )
    monkeypatch.setenv("DURATION", "120")
    cli.main(["--json", "run-ultra-local"], root=tmp_path)
    assert (seen[1].duration, seen[1].verb) == (120.0, "run-ultra-local")
    assert (tmp_path / ".env").exists()  # a first run leaves something to edit


@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan", "inf"])
def test_a_bad_duration_is_usage(text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    give_command(monkeypatch, "run", lambda settings, args: 0)
    monkeypatch.setenv("DURATION", text)
    with pytest.raises(SystemExit) as caught:
        cli.main(["run"], root=tmp_path)
    assert caught.value.code == 2


@pytest.mark.parametrize(("name", "verb"), [("DURATION", "run"), ("PORT", "exchange")])
def test_a_bad_option_is_named(
    name: str, verb: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    give_command(monkeypatch, verb, lambda settings, args: 0)
    monkeypatch.setenv(name, "abc")
    with pytest.raises(SystemExit) as caught:
        cli.main([verb], root=tmp_path)
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert f"{name}: must be " in said
    assert "not abc" in said


def test_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"], root=tmp_path) == 0
    assert capsys.readouterr().out == f"{__version__}\n"


def test_an_unknown_name_of_ours_in_the_environment_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SUPREME_MAX_RAM", "100")
    assert cli.main(["check-config"], root=tmp_path) == 0
    assert "SUPREME_MAX_RAM is no key and has no effect; did you mean SUPREME_MAX_RAM_MB?" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["monitor", "trades", "usage", "info", "results", "clear-halt"])
def test_looking_works_on_a_broken_configuration(
    verb: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    give_command(monkeypatch, verb, lambda settings, args: 0)
    (tmp_path / ".env").write_text("NONSENSE=1\n")
    assert cli.main([verb], root=tmp_path) == 0
    said = capsys.readouterr().err
    assert said.startswith("note: the configuration is broken, the defaults are used: ")
    assert said.count("\n") == 1


def test_check_config_shows_the_table_and_then_the_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".env").write_text("MAX_RAM_MB=lots\nSEED=7\n")
    assert cli.main(["check-config"], root=tmp_path) == 2
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    assert ["MAX_RAM_MB", "lots", ".env"] in rows
    assert ["SEED", "7", ".env"] in rows
    assert "MAX_RAM_MB='lots' is not allowed" in err
    assert cli.main(["check-config", "--json"], root=tmp_path) == 2
    assert "MAX_RAM_MB='lots'" in json.loads(capsys.readouterr().out)["fault"]


def test_check_config_warns_of_values_hardly_meant(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STOP_LOSS_PCT", "0.5")
    assert cli.main(["check-config"], root=tmp_path) == 0
    shown = capsys.readouterr().out
    assert "warning: STOP_LOSS_PCT=0.5 is a stop 50 % away" in shown
    assert "configuration: ok, with warnings" in shown


def test_a_command_adds_options_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--lines", type=int, default=5)

    give_command(monkeypatch, "logs", lambda settings, args: args.lines, add_arguments=add_arguments)
    assert cli.main(["logs"], root=tmp_path) == 5
    assert cli.main(["logs", "--lines", "9"], root=tmp_path) == 9


def test_errors_a_person_can_act_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(settings: Settings, args: argparse.Namespace) -> int:
        raise HaltedError("halted since 12:00", "make clear-halt")

    give_command(monkeypatch, "run", refuse)
    assert cli.main(["run"], root=tmp_path) == 4
    assert capsys.readouterr().err.endswith("main.py: halted since 12:00\n  make clear-halt\n")


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(settings: Settings, args: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    give_command(monkeypatch, "run", interrupted)
    assert cli.main(["run"], root=tmp_path) == 130


def test_a_broken_configuration_stops_a_start_but_not_an_emergency_stop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[tuple[Settings, argparse.Namespace]] = []

    def body(settings: Settings, args: argparse.Namespace) -> int:
        seen.append((settings, args))
        return 0

    give_command(monkeypatch, "run", body)
    give_command(monkeypatch, "emergency-stop", body)
    (tmp_path / ".env").write_text("NONSENSE=1\n")
    assert cli.main(["run"], root=tmp_path) == 2
    assert "unknown key NONSENSE" in capsys.readouterr().err
    assert not seen
    assert cli.main(["emergency-stop"], root=tmp_path) == 0
    settings, args = seen[0]
    assert settings.home == tmp_path
    assert "unknown key NONSENSE" in args.config_error


def test_check_config_shows_value_and_origin(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SUPREME_SEED", "77")
    assert cli.main(["check-config", "--json"], root=tmp_path) == 0
    document = json.loads(capsys.readouterr().out)
    rows = {row["key"]: (row["value"], row["origin"]) for row in document["settings"]}
    assert rows["SEED"] == ("77", "environment SUPREME_SEED")
    assert rows["MARKET"] == ("usdm", ".env")
    assert rows["BAR_SECONDS"] == ("60", "default")
    assert cli.main(["check-config"], root=tmp_path) == 0
    assert "configuration: ok" in capsys.readouterr().out


def test_live_mode_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    give_command(monkeypatch, "run", lambda settings, args: 0)
    monkeypatch.setenv("EXECUTION_MODE", "live")
    assert cli.main(["run"], root=tmp_path) == 2
    assert "EXECUTION_MODE=live" in capsys.readouterr().err
