#!/bin/sh
# Sees to the programs that Python packages cannot bring. What is missing is installed where this runs as
# root on Debian or a relative of it; elsewhere one line names the packages, and the exit status is 1.
# usage: tools/packages.sh demo|test|PACKAGE...
set -eu

# PROGRAM:PACKAGE. The programs decide, as another distribution has them in packages of other names.
demo='keepalived:keepalived ip:iproute2 unshare:util-linux'

case ${1-} in
demo) needs=$demo ;;
test) needs="$demo git:git tshark:tshark" ;;
'') echo "usage: $0 demo|test|PACKAGE..." >&2 && exit 2 ;;
*) needs= ;;
esac

missing=
if [ -n "$needs" ]; then
    for need in $needs; do
        command -v "${need%%:*}" >/dev/null 2>&1 || missing="$missing ${need#*:}"
    done
else
    missing=" $*"
fi
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "Missing packages, please install them first (their names in Debian):$missing" >&2
    exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
install_them() {
    apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
}
echo "Installing$missing" >&2
# shellcheck disable=SC2086 # the names are words to split
if ! install_them $missing </dev/null >"$log" 2>&1; then
    cat "$log" >&2
    echo "Could not install these packages:$missing" >&2
    exit 1
fi
