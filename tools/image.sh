#!/bin/sh
# The steps that make the image, one or more by name, run as the superuser in a Debian root file system. The
# Containerfile runs them, and so do the tests, whose root file system comes from Debian's packages.
# usage: tools/image.sh system|builder|application...
#   system        what the image has of Debian: keepalived, Python, and nft, by which the doctor reads the firewall
#   builder       what only the next step needs of Debian
#   application   the agent and what it imports, in /opt/vipalived, byte for byte as locked
set -eu

target=/opt/vipalived
source=$(cd "$(dirname "$0")/.." && pwd)

install_packages() {
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
    apt-get clean
    # dpkg's database stays, for whoever asks what is in the image.
    rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log
}

system() { install_packages keepalived nftables python3; }

builder() { install_packages python3-venv; }

application() {
    scratch=$(mktemp -d)
    python3 -m venv "$scratch/venv"
    pip="$scratch/venv/bin/python -m pip --disable-pip-version-check --no-cache-dir"
    locked='install --no-deps --require-hashes --only-binary :all: --requirement'
    $pip $locked "$source/requirements-build.txt"
    $pip wheel --no-deps --no-build-isolation --wheel-dir "$scratch" "$source"
    python3 -m venv --without-pip "$target"
    $pip --python "$target/bin/python3" $locked "$source/requirements-image.txt"
    $pip --python "$target/bin/python3" install --no-deps --no-index "$scratch"/vipalived-*.whl
    # The root file system will be read-only, so what Python compiles must be there, whatever the files' times.
    "$target/bin/python3" -m compileall -q -f --invalidation-mode unchecked-hash "$target/lib"
    rm -rf "$scratch"
}

[ $# -gt 0 ] || set -- usage
for step in "$@"; do
    case $step in
    system | builder | application) "$step" ;;
    *) echo "usage: $0 system|builder|application..." >&2 && exit 2 ;;
    esac
done
