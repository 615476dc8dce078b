#!/bin/sh
# Sees to the programs that Python packages cannot bring. What is missing is installed where this runs as
# root on Debian or a relative of it; elsewhere one line names the packages, and the exit status is 1 unless
# what is missing is only wished for.
# usage: tools/packages.sh demo|test|interop|PACKAGE...
set -eu

# PROGRAM:PACKAGE. The programs decide, as another distribution has them in packages of other names.
unset missing
needs= wishes=
case ${1-} in
demo) needs='unshare:util-linux' wishes='keepalived:keepalived' ;;
interop) needs='ip:iproute2 tshark:tshark unshare:util-linux /usr/lib/frr/vrrpd:frr' ;;
test)
    needs='unshare:util-linux keepalived:keepalived ip:iproute2 git:git tshark:tshark'
    needs="$needs nft:nftables iptables:iptables busybox:busybox"
    # The pods run as root only; of a registry and a Prometheus the tests start their own.
    wishes='podman:podman runc:runc catatonit:catatonit mmdebstrap:mmdebstrap docker-registry:docker-registry'
    wishes="$wishes prometheus:prometheus"
    ;;
'') echo "usage: $0 demo|test|interop|PACKAGE..." >&2 && exit 2 ;;
*) missing=" $*" ;;
esac

# The packages of those among PROGRAM:PACKAGE whose program is not there.
absent() {
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null 2>&1 || printf ' %s' "${pair#*:}"
    done
}
# shellcheck disable=SC2086 # the pairs are words to split
missing=${missing-$(absent $needs)}
# shellcheck disable=SC2086
wished=$(absent $wishes)
[ -n "$missing$wished" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    [ -n "$missing" ] || exit 0
    echo "Missing packages, please install them first (their names in Debian):$missing" >&2
    exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
install_them() {
    apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
}
missing=$missing$wished
echo "Installing$missing" >&2
# shellcheck disable=SC2086 # the names are words to split
if ! install_them $missing </dev/null >"$log" 2>&1; then
    cat "$log" >&2
    echo "Could not install these packages:$missing" >&2
    exit 1
fi
# Debian starts these at once, on every address of the machine.
for service in docker-registry prometheus; do
    case " $missing " in
    *" $service "*) systemctl disable --quiet --now "$service" >/dev/null 2>&1 || : ;;
    esac
done
