#!/usr/bin/env bash
# Sends a real server's spans to a real OpenTelemetry collector, and holds what comes out of it to what was asked and answered.
#
#   deploy/test-traces.sh
#
# Builds the collector with its own builder and Go, from the module proxy, into a cache. Needs Go and Python. All on loopback.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

version=v0.165.0
scratch=$(mktemp -d)
server='' collector='' sink=''
clean_up() {
  local status=$?
  # shellcheck disable=SC2086 # those that never started are empty
  stop $server $collector $sink
  rm -rf "$scratch"
  exit "$status"
}
trap clean_up EXIT

need go golang
need curl curl
need python3 python3

title "the collector"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/spikeray/collector-$version
if [[ ! -e $cache/complete ]]; then
  mkdir -p "$cache"
  cat >"$scratch/builder.yaml" <<YAML
dist: {name: collector, output_path: $scratch/collector}
receivers: [{gomod: go.opentelemetry.io/collector/receiver/otlpreceiver $version}]
exporters: [{gomod: go.opentelemetry.io/collector/exporter/otlphttpexporter $version}]
YAML
  GOFLAGS='' GOBIN=$scratch CGO_ENABLED=0 go install "go.opentelemetry.io/collector/cmd/builder@$version" 2>"$scratch/out" ||
    fail "builder: $(tail -3 "$scratch/out")"
  GOFLAGS='' CGO_ENABLED=0 "$scratch/builder" --config "$scratch/builder.yaml" >"$scratch/out" 2>&1 || fail "collector: $(tail -5 "$scratch/out")"
  cp "$scratch/collector/collector" "$cache/"
  touch "$cache/complete"
fi
receives=127.0.0.1:$(free_port) sinks=127.0.0.1:$(free_port)
cat >"$scratch/collector.yaml" <<YAML
receivers: {otlp: {protocols: {http: {endpoint: "$receives"}}}}
exporters: {otlp_http: {endpoint: "http://$sinks", encoding: json, compression: none, sending_queue: {enabled: false}}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], exporters: [otlp_http]}}
YAML
listens() { (exec 3<>"/dev/tcp/${1%:*}/${1#*:}") 2>/dev/null; }
start_collector() {
  "$cache/collector" --config "$scratch/collector.yaml" >>"$scratch/collector.log" 2>&1 &
  collector=$!
  until_true 30 listens "$receives" || fail "the collector does not listen: $(tail -3 "$scratch/collector.log")"
}
python3 "$root/deploy/traces/sink.py" "$sinks" "$scratch/spans" &
sink=$!
until_true 10 listens "$sinks" || fail "the sink does not listen"
start_collector
pass "OpenTelemetry collector $version takes OTLP over HTTP"

title "what arrives"
export OTEL_SERVICE_NAME=xray OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test%20bed
serve "$scratch" --otlp-endpoint "http://$receives" --log-format json
export TRACES_URL=$url TRACES_SPANS=$scratch/spans TRACES_LOG=$scratch/server.log SPIKERAY_PICTURE PYTHONDONTWRITEBYTECODE=1
SPIKERAY_PICTURE=$(first_example)
python3 "$root/deploy/traces/arrived.py" spans

title "a collector that goes away"
stop "$collector"
python3 "$root/deploy/traces/arrived.py" ask
sleep 8 # so that a batch could not be sent
start_collector
python3 "$root/deploy/traces/arrived.py" late
python3 "$root/deploy/traces/arrived.py" counted

title "summary: spans arrived whole, once each, and after the collector was away, in $SECONDS s"
