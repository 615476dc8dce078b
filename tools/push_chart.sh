#!/bin/sh
# Packages the chart and pushes it to an OCI registry; prints the digest of what is there then, for whoever signs it.
# usage: HELM=PROGRAM tools/push_chart.sh oci://REGISTRY/PATH [OPTION OF HELM PUSH...]
set -eu

case ${1-} in
oci://?*) ;;
*) echo "usage: HELM=PROGRAM $0 oci://REGISTRY/PATH [OPTION OF HELM PUSH...]" >&2 && exit 2 ;;
esac
helm=${HELM:-helm}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$helm" package "$(dirname "$0")/../charts/vipalived" --destination "$scratch" >&2
# Helm 3 says the digest on stderr, Helm 4 on stdout.
if ! "$helm" push "$scratch"/vipalived-*.tgz "$@" >"$scratch/said" 2>&1; then
    cat "$scratch/said" >&2
    exit 1
fi
cat "$scratch/said" >&2
digest=$(sed -n 's/^Digest: \(sha256:[0-9a-f]\{64\}\)$/\1/p' "$scratch/said")
[ -n "$digest" ] || { echo "$helm pushed the chart and said no digest" >&2 && exit 1; }
echo "$digest"
