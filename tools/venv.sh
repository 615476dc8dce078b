#!/bin/sh
# Makes or brings up to date the virtual environment, from the lock and with plain pip only.
# usage: tools/venv.sh DIRECTORY [PYTHON]
set -eu

venv=$1
wanted=${2-}

# Ask the interpreter itself: a version manager's shim may be on PATH and still refuse to run.
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
makes_venvs() { "$1" -c 'import venv, ensurepip' >/dev/null 2>&1; }
version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

choose() {
    found=
    for candidate in ${wanted:-python3.14 python3.13 python3.12 python3.11 python3}; do
        new_enough "$candidate" || continue
        found=${found:-$candidate}
        if makes_venvs "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    if [ -z "$found" ]; then
        echo "Python 3.11 or newer is needed, and ${wanted:-python3} is not one that runs; name another with \`make PYTHON=...\`" >&2
        return 1
    fi
    # Debian keeps the venv module's other half in a package of its own.
    sh "$(dirname "$0")/packages.sh" "python$(version "$found")-venv" || return 1
    if ! makes_venvs "$found"; then
        echo "\`$found\` cannot make a virtual environment: its module \`ensurepip\` is missing" >&2
        return 1
    fi
    echo "$found"
}

usable() {
    [ -x "$venv/bin/python" ] && new_enough "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1 &&
        { [ -z "$wanted" ] || [ "$(version "$venv/bin/python")" = "$(version "$wanted")" ]; }
}

if ! usable; then
    python=$(choose)
    "$python" -m venv --clear "$venv"
fi

echo "Installing into $venv (Python $(version "$venv/bin/python"))"
# The first step takes only what the lock names, byte for byte. The lock is complete, so nothing is left to resolve:
# a resolver of pip's older releases would look at newer versions of what is asked for with an extra, and stop.
"$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-deps --require-hashes --requirement requirements.txt
# The second step adds the project itself, and the third says whether the lock really was complete.
"$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
conflicts=$("$venv/bin/python" -m pip check --disable-pip-version-check) || { echo "$conflicts" >&2 && exit 1; }
