# What the scripts share that build the image; sourced after lib.sh, with $scratch set, never run. Uses buildah, and podman with runc.
# shellcheck shell=bash

need buildah buildah
need podman podman
need runc runc
need busybox busybox-static
podman() { command podman --runtime runc "$@"; }

stand_in=localhost/spikeray-go:test-$$
drop_stand_in() {
  podman rmi --force "$stand_in" >/dev/null 2>&1 || true
  buildah rm "spikeray-go-$$" >/dev/null 2>&1 || true
}

# make_stand_in: an image with a shell, certificates and this machine's Go, as $stand_in.
make_stand_in() {
  need go golang
  local tree=${scratch:?}/go-image
  mkdir -p "$tree"/{bin,etc/ssl/certs,go,root,tmp,usr/local}
  cp "$(command -v busybox)" "$tree/bin/busybox"
  ln -s busybox "$tree/bin/sh"
  cp /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"
  cp -r "$(go env GOROOT)" "$tree/usr/local/go"
  buildah from --name "spikeray-go-$$" scratch >/dev/null
  buildah copy --quiet "spikeray-go-$$" "$tree" / >/dev/null
  buildah config --env PATH=/usr/local/go/bin:/bin --env GOPATH=/go --env GOTOOLCHAIN=local \
    --env GOPROXY="$(go env GOPROXY)" "spikeray-go-$$"
  buildah commit --quiet --rm "spikeray-go-$$" "$stand_in" >/dev/null
  rm -rf "$tree"
}

# build_image TAG [FLAG…]: builds the Dockerfile. Its first stage runs in $GO_IMAGE (say, golang:1.26); without it, in a stand-in made
# here of this machine's Go and a static busybox, so that no image registry is needed.
build_image() {
  local tag=$1
  shift
  if [[ -z ${GO_IMAGE:-} ]]; then
    make_stand_in
    GO_IMAGE=$stand_in
    pass "build stage in a stand-in with $(go env GOVERSION)"
  fi
  # The Docker format, unless a flag says another: the OCI format has no HEALTHCHECK.
  timeout 900 buildah build --quiet --isolation chroot --format docker --ulimit nofile=4096:4096 \
    --build-arg GO_IMAGE="$GO_IMAGE" --tag "$tag" "$@" "${context:-${root:?}}" >/dev/null
  pass "Dockerfile built"
}
