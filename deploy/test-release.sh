#!/usr/bin/env bash
# Builds the image twice, from two copies of the committed tree, and holds the two to one digest; then lists what is in it as an SPDX
# document, and holds that to what the binary says of itself.
#
#   deploy/test-release.sh [OUT.spdx.json]     OUT gets the document
#
# Needs root. Uses buildah, and podman with runc; builds syft with Go, and checks the document with spdx-tools from PyPI, in a cache.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=deploy/image.sh
. "$(dirname "${BASH_SOURCE[0]}")/image.sh"

[[ $EUID -eq 0 ]] || fail "run this as root: it builds images"
syft=github.com/anchore/syft/cmd/syft@v1.57.1
spdx_tools=spdx-tools==0.8.5
scratch=$(mktemp -d)
clean_up() {
  local status=$?
  podman rmi --force localhost/spikeray-release:{1,2}-$$ >/dev/null 2>&1 || true
  drop_stand_in
  rm -rf "$scratch"
  exit "$status"
}
trap clean_up EXIT

need git git
need jq jq
need python3 python3
need python3-config python3-venv

title "tools"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/spikeray/release-$(sha256sum <<<"$syft $spdx_tools" | cut -c1-16)
if [[ ! -e $cache/complete ]]; then
  mkdir -p "$cache"
  GOFLAGS='' GOBIN=$cache CGO_ENABLED=0 go install "$syft" 2>"$scratch/out" || fail "$syft: $(tail -3 "$scratch/out")"
  python3 -m venv "$cache/venv"
  "$cache/venv/bin/pip" install --quiet --disable-pip-version-check "$spdx_tools"
  touch "$cache/complete"
fi
pass "${syft##*/}, $spdx_tools"

title "two builds, one digest"
revision=$(git -C "$root" rev-parse HEAD)
for n in 1 2; do
  # Two places, two umasks, two times.
  mkdir -p "$scratch/copy$n"
  (umask "$((n * 11))" && git -C "$root" archive "$revision" | tar -x -C "$scratch/copy$n")
  # Not in the Docker format: there buildah writes a random host name and container into the image, so that no two are one.
  context=$scratch/copy$n build_image localhost/spikeray-release:$n-$$ --format oci --timestamp 0 --build-arg REVISION="$revision" 2>"$scratch/err" ||
    fail "build $n: $(tail -3 "$scratch/err")"
  podman save --quiet --format docker-archive --output "$scratch/$n.tar" localhost/spikeray-release:$n-$$
  podman image inspect --format '{{.Digest}} {{.Id}}' localhost/spikeray-release:$n-$$ >"$scratch/digest$n"
done
if ! cmp --silent "$scratch"/digest{1,2}; then
  for n in 1 2; do
    podman image inspect localhost/spikeray-release:$n-$$ | jq '.[0] | {RootFS, Config, History, Labels}' >"$scratch/image$n"
  done
  fail "the two differ: $(cat "$scratch"/digest{1,2}) $(diff "$scratch"/image{1,2} | head -20)"
fi
pass "$(cat "$scratch/digest1")"

title "what is in it"
SYFT_CHECK_FOR_APP_UPDATE=false "$cache/syft" scan "docker-archive:$scratch/1.tar" --source-name spikeray --source-version "$revision" \
  --output "spdx-json=$scratch/sbom.spdx.json" --quiet || fail "syft"
"$cache/venv/bin/pyspdxtools" --infile "$scratch/sbom.spdx.json" >"$scratch/out" 2>&1 || fail "not a valid SPDX document: $(head -20 "$scratch/out")"
pass "a valid SPDX document"
container=$(buildah from --pull-never localhost/spikeray-release:1-$$)
cp "$(buildah mount "$container")/spikeray" "$scratch/spikeray"
buildah rm "$container" >/dev/null
go version -m "$scratch/spikeray" | awk '$1 == "dep" {print $2, $3}' | sort >"$scratch/modules"
jq -r '.packages[] | select(any(.externalRefs[]?; .referenceLocator | startswith("pkg:golang/"))) | "\(.name) \(.versionInfo)"' "$scratch/sbom.spdx.json" |
  sort -u >"$scratch/listed"
[[ -s $scratch/modules ]] || fail "the binary names no module"
missing=$(comm -23 "$scratch/modules" "$scratch/listed")
[[ -z $missing ]] || fail "modules that the document does not list: $missing"
pass "it lists the $(wc -l <"$scratch/modules") modules that the binary names"
[[ -z ${1:-} ]] || cp "$scratch/sbom.spdx.json" "$1"

title "summary: one digest, and a document of what is in it, in $SECONDS s"
