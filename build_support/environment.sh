#!/bin/sh
# The steps that build .venv; the Makefile calls them and keeps the stamps.
#   environment.sh venv | deps | package | research | dev | expected-core
# PYTHON=<interpreter> chooses one; SUPREME_BUILD=auto|pure|compiled is explained in setup.py.
set -eu

VENV=${VENV:-.venv}
PIP="$VENV/bin/python -m pip --disable-pip-version-check --no-input -qq"

say() { printf '%s\n' "$*" >&2; }

# The first interpreter that runs and is new enough. A shim may be there and fail when it is called.
find_python() {
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10}; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; then
            command -v "$name"
            return 0
        fi
    done
    found=$("${PYTHON:-python3}" --version 2>&1 | head -n 1) || found="none"
    say "Python 3.10 or newer is needed; found: ${found:-none}."
    say "  Install one (Debian, Ubuntu: apt install python3 python3-venv) or name it: make setup-ultra PYTHON=/path/to/python3.12"
    return 1
}

make_venv() {
    python=$(find_python)
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
        say "Python $version is here, but its venv module is not."
        say "  Install python3-venv: apt install python$version-venv (other systems: the package that holds ensurepip)"
        return 1
    fi
    say "[1/3] $VENV with Python $version"
    "$python" -m venv --clear "$VENV"
}

install_deps() {
    say "[2/3] runtime packages (requirements-ultra.txt)"
    if $PIP install --prefer-binary -r requirements-ultra.txt; then return 0; fi
    say "      trying again without uvloop; asyncio's own loop does its work"
    grep -v '^uvloop' requirements-ultra.txt >"$VENV/requirements-without-uvloop.txt"
    if $PIP install --prefer-binary -r "$VENV/requirements-without-uvloop.txt"; then return 0; fi
    say "The packages could not be installed: is the package index reachable? (pip's own words are above)"
    return 1
}

install_package() {
    say "[3/3] the package; compiling the core takes about half a minute (skipped without a compiler)"
    if ! $PIP install --no-deps --force-reinstall .; then
        if [ "${SUPREME_BUILD:-auto}" != auto ]; then return 1; fi
        say "      not with the compiled core (see above); installing the pure one"
        SUPREME_BUILD=pure $PIP install --no-deps --force-reinstall .
    fi
    if [ -f build/why-pure.txt ]; then
        say "      the compiled core could not be built, the pure one does the same work more slowly:"
        head -n 5 build/why-pure.txt >&2
    fi
    say "      core: $(cd / && "$OLDPWD/$VENV/bin/python" -c 'from supreme_system_v5 import build_info; print(build_info.core())')"
}

install_research() {
    say "packages for research (requirements-research.txt)"
    if $PIP install --prefer-binary -r requirements-research.txt; then return 0; fi
    say "pyarrow could not be installed (pip's own words are above); everything but download and backtest works without it"
    return 1
}

install_dev() {
    say "development packages (requirements-dev.txt)"
    if $PIP install --prefer-binary -r requirements-dev.txt; then return 0; fi
    say "      trying again without the test oracles; the tests that need one skip and say so"
    sed '/^# oracles/,$d' requirements-dev.txt >"$VENV/requirements-dev-base.txt"
    $PIP install --prefer-binary -r "$VENV/requirements-dev-base.txt"
}

# What this machine should come to: CI fails when a core that could be compiled is not.
expected_core() {
    header='import os, sysconfig; print(os.path.join(sysconfig.get_path("include"), "Python.h"))'
    if [ "${SUPREME_BUILD:-auto}" != pure ] && command -v "${CC:-cc}" >/dev/null 2>&1 &&
        [ -f "$("$VENV/bin/python" -c "$header")" ]; then
        echo compiled
    else
        echo pure
    fi
}

case "${1:-}" in
    venv) make_venv ;;
    deps) install_deps ;;
    package) install_package ;;
    research) install_research ;;
    dev) install_dev ;;
    expected-core) expected_core ;;
    *) say "usage: environment.sh venv | deps | package | research | dev | expected-core" && exit 2 ;;
esac
