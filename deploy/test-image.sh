#!/usr/bin/env bash
# Builds the Dockerfile and holds the image to what deploy/README.md promises of it: size, user,
# read-only root, no network needed, health, an answer, a graceful end.
#
#   deploy/test-image.sh [PICTURE]
#
# Needs root. Uses buildah, and podman with runc. The build stage runs in GO_IMAGE (say,
# golang:1.26); without it, in a stand-in made here of this machine's Go and a static busybox, so that no image registry is needed.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=deploy/image.sh
. "$(dirname "${BASH_SOURCE[0]}")/image.sh"

[[ $EUID -eq 0 ]] || fail "run this as root: it enters the container's network"
picture=${1:-$(first_example)}
[[ -f $picture ]] || fail "no such picture: $picture"
max_bytes=28000000
image=localhost/spikeray:test-$$
container=spikeray-test-$$
scratch=$(mktemp -d)

clean_up() {
  local status=$?
  ((status == 0)) || podman logs "$container" 2>&1 | tail -20 || true
  podman rm --force --time 0 "$container" >/dev/null 2>&1 || true
  podman rmi --force "$image" >/dev/null 2>&1 || true
  drop_stand_in
  podman image prune --force --filter "label=spikeray.test=$$" >/dev/null 2>&1 || true
  rm -rf "$scratch"
  exit "$status"
}
trap clean_up EXIT

need curl curl
need jq jq
need nsenter util-linux
need ss iproute2

title "build"
build_image "$image" --label "spikeray.test=$$" --build-arg VERSION=v0.0.0-test

title "image"
bytes=$(podman image inspect --format '{{.Size}}' "$image")
((bytes < max_bytes)) || fail "$bytes bytes, $max_bytes or more"
pass "$bytes bytes, less than $max_bytes"
user=$(podman image inspect --format '{{.Config.User}}' "$image")
[[ $user =~ ^[1-9][0-9]*:[1-9][0-9]*$ ]] || fail "user '$user' is not a number other than root's"
pass "user $user"
health=$(podman image inspect "$image" | jq -c '.[0].Healthcheck.Test')
[[ $health == '["CMD","/spikeray","healthcheck"]' ]] || fail "HEALTHCHECK is $health"
pass "HEALTHCHECK $health"

[[ $(podman image inspect --format '{{index .Config.Labels "org.opencontainers.image.version"}}' "$image") == v0.0.0-test ]] ||
  fail "the label does not tell the version"
pass "label tells the version"

title "run: read-only root, no capabilities, no network but loopback"
# podman would ask systemd for a timer to run HEALTHCHECK, and not every machine has systemd.
export DISABLE_HC_SYSTEMD=true
podman run --detach --name "$container" --read-only --read-only-tmpfs=false --cap-drop all \
  --security-opt no-new-privileges --network none --memory 512m --pids-limit 256 \
  --ulimit nofile=4096:4096 --ulimit nproc=4096:4096 --env SPIKERAY_DRAIN_DELAY=3s "$image" >/dev/null
pid=$(podman inspect --format '{{.State.Pid}}' "$container")
within() { nsenter --target "$pid" --net -- "$@"; }
status_of() { within curl --silent --max-time 5 --output /dev/null --write-out '%{http_code}' "http://127.0.0.1:8080$1"; }
is_ready() { [[ $(status_of /readyz) == 200 ]]; }
until_true 30 is_ready || fail "not ready within 30 s"
pass "ready"
podman logs "$container" 2>&1 | head -1 | sed 's/^/        /'
within ss -Hltn 'sport = :8080' | grep -qE '(\*|0\.0\.0\.0|\[::\]):8080' || fail "does not listen on every address"
pass "listens on every address, port 8080"
ids=$(awk '/^Uid:|^Gid:|^CapEff:/ {print $2}' "/proc/$pid/status" | paste -sd' ')
[[ $ids == "65532 65532 0000000000000000" ]] || fail "user, group and capabilities are '$ids'"
pass "runs as 65532:65532 without capabilities"
podman healthcheck run "$container" || fail "podman healthcheck run"
pass "HEALTHCHECK says healthy"
version=$(podman exec "$container" /spikeray version)
[[ $version == *v0.0.0-test* ]] || fail "version: $version"
pass "$version"
if podman exec --env SPIKERAY_ADDR=127.0.0.1:9 "$container" /spikeray healthcheck >/dev/null 2>&1; then
  fail "healthcheck finds a server where none is"
fi
pass "healthcheck fails where no server is"

title "predict"
post() {
  within curl --silent --show-error --max-time 60 --write-out '%{http_code}' --output "$scratch/answer.json" \
    "$@" http://127.0.0.1:8080/v1/predictions
}
[[ $(post --data-binary "@$picture") == 200 ]] || fail "raw body: $(cat "$scratch/answer.json")"
is_prediction "$scratch/answer.json" || fail "not a whole answer: $(cat "$scratch/answer.json")"
jq -c . "$scratch/answer.json" | sed 's/^/        /'
raw=$(jq -c '[.probability, .spikes]' "$scratch/answer.json")
pass "raw body answered"
[[ $(post --form "image=@$picture") == 200 ]] || fail "multipart: $(cat "$scratch/answer.json")"
[[ $(jq -c '[.probability, .spikes]' "$scratch/answer.json") == "$raw" ]] || fail "multipart and raw body differ"
pass "multipart field image gives the same numbers"
[[ $(post --data-binary 'no picture') == 400 ]] || fail "no picture: $(cat "$scratch/answer.json")"
jq -e '.status == 400 and (.type | length > 0)' "$scratch/answer.json" >/dev/null || fail "not a problem document"
pass "a body that is not a picture gets 400"

title "SIGTERM with a request in flight"
mkfifo "$scratch/body"
# The server says 100 Continue when it starts to read the body: from then on the request is in flight.
within curl --silent --verbose --max-time 60 --expect100-timeout 30 --header 'Expect: 100-continue' \
  --header 'Transfer-Encoding: chunked' --upload-file "$scratch/body" --request POST \
  --output "$scratch/last.json" --write-out '%{http_code}' http://127.0.0.1:8080/v1/predictions \
  >"$scratch/last.status" 2>"$scratch/trace" <&- &
last=$!
exec 4>"$scratch/body"
half=$(($(stat --format %s "$picture") / 2))
head --bytes "$half" "$picture" >&4
until_true 30 grep -q '100 Continue' "$scratch/trace" || fail "the server did not read the body"
started=$SECONDS
podman kill --signal TERM "$container" >/dev/null
is_draining() { [[ $(status_of /readyz) == 503 ]]; }
until_true 10 is_draining || fail "/readyz does not turn to 503"
pass "/readyz says 503"
tail --bytes "+$((half + 1))" "$picture" >&4
exec 4>&-
wait "$last" || fail "the request in flight was cut off"
[[ $(cat "$scratch/last.status") == 200 ]] || fail "the request in flight: $(cat "$scratch/last.status")"
[[ $(jq -c '[.probability, .spikes]' "$scratch/last.json") == "$raw" ]] || fail "the request in flight got other numbers"
pass "the request in flight was answered"
code=$(timeout 30 podman --runtime runc wait "$container") || fail "still running 30 s after SIGTERM"
[[ $code == 0 ]] || fail "exit status $code"
pass "ended with status 0 after $((SECONDS - started)) s"

title "summary: image of $bytes bytes, user $user, all checks passed in $SECONDS s"
