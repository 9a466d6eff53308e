#!/usr/bin/env bash
# What `make setup` runs: .venv with what the lock files name. One that another Python or another folder made, or that
# was left half made, is made anew; a new one that fails is removed again.
# Usage: envs/setup.sh PYTHON
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
stop() { echo "make: $1" >&2; exit 2; }
is_3_11() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; }

# Programs that pip installs name their Python by its full path: those of a copied or moved .venv run another one.
is_made_here() {
    is_3_11 .venv/bin/python || return 1
    for program in .venv/bin/snakemake .venv/bin/pip; do
        ! [ -e "$program" ] || head -n 2 "$program" | grep -qF "$PWD/.venv/bin/" || return 1
    done
}

make_anew() {
    command -v "$python" >/dev/null || stop "needs Python 3.11, and there is no $python: give its path as PYTHON=…"
    is_3_11 "$python" || stop "needs Python 3.11, and $python is another: give the path of 3.11 as PYTHON=…"
    # Not the one in an activated .venv, which goes: what that was made from.
    python=$("$python" -c 'import os, sys; print(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))')
    ! [ -e .venv ] || echo 'make: .venv is not of this folder and Python 3.11: it is made anew' >&2
    rm -rf .venv
    trap 'rm -rf .venv' EXIT
    "$python" -m venv --without-pip .venv || stop "$python cannot make an environment (above)"
    add_pip
    trap - EXIT
}

add_pip() {
    .venv/bin/python -m ensurepip --upgrade --default-pip >/dev/null 2>&1 ||
        stop "$python comes without pip (Debian: apt-get install python3.11-venv)"
}

# Modules are compiled when they are first imported, 4,000 of 25,000; pip would compile all, which takes two minutes more.
install() { .venv/bin/python -m pip install --disable-pip-version-check --no-compile "$@"; }

is_made_here || make_anew
.venv/bin/python -m pip --version >/dev/null 2>&1 || add_pip
install -r envs/cpu.txt
install --no-deps -r envs/cpu-nodeps.txt
install --no-deps --no-build-isolation -e .
cp envs/torchvision.pth "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/viper_torchvision.pth"
