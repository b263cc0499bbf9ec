#!/usr/bin/env bash
# Has a real Prometheus scrape a real server under a small load, and asks it for the 99th percentile
# of each stage: from the classic buckets, and from the native histograms. Checks the alerts too.
#
#   deploy/test-prometheus.sh [PICTURE]
#
# Uses Debian's prometheus. All on the loopback interface.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

picture=${1:-$(first_example)}
[[ -f $picture ]] || fail "no such picture: $picture"
predictions=60
scratch=$(mktemp -d)
server='' classic='' native=''
clean_up() {
  local status=$?
  # shellcheck disable=SC2086 # those that never started are empty
  stop $classic $native $server
  rm -rf "$scratch"
  exit "$status"
}
trap clean_up EXIT

need jq jq
need curl curl
need prometheus prometheus
need promtool prometheus

title "promtool: configuration, alerts and their tests"
for check in "config $root/deploy/prometheus.yml" "rules $root/deploy/alerts.yml"; do
  # shellcheck disable=SC2086
  promtool check $check >"$scratch/out" 2>&1 || fail "check $check: $(cat "$scratch/out")"
  pass "check ${check%% *}"
done
promtool test rules "$root/deploy/alerts_test.yml" >"$scratch/out" 2>&1 || fail "test rules: $(cat "$scratch/out")"
pass "test rules"

title "server and two Prometheus, one with native histograms"
serve "$scratch" --audit "$scratch/audit"
pass "$("$scratch/spikeray" version) is ready"
sed -e "s/localhost:8080/${url#http://}/" -e 's/_interval: .*/_interval: 1s/' \
  -e "s|- alerts.yml|- $root/deploy/alerts.yml|" "$root/deploy/prometheus.yml" >"$scratch/prometheus.yml"
# start_prometheus NAME [FLAG…]: sets $started, its process, and $at, its address.
start_prometheus() {
  local name=$1
  shift
  at=127.0.0.1:$(free_port)
  prometheus --config.file="$scratch/prometheus.yml" --storage.tsdb.path="$scratch/$name" \
    --web.listen-address="$at" "$@" >"$scratch/$name.log" 2>&1 &
  started=$!
  until_true 30 curl --silent --fail "http://$at/-/ready" || fail "Prometheus: $(tail -3 "$scratch/$name.log")"
}
start_prometheus classic
classic=$started classic_at=$at
start_prometheus native --enable-feature=native-histograms
native=$started native_at=$at
# query ADDRESS EXPRESSION: the result's samples as JSON, an array of {metric, value}.
query() {
  curl --silent --show-error --fail --get --max-time 10 --data-urlencode "query=$2" "http://$1/api/v1/query" |
    jq -c '.data.result'
}
scraped() { [[ $(query "$1" 'up{job="spikeray"}' | jq -r '.[0].value[1]') == 1 ]]; }
until_true 30 scraped "$classic_at" || fail "the server is not scraped"
until_true 30 scraped "$native_at" || fail "the server is not scraped for native histograms"
pass "$(prometheus --version 2>&1 | head -1 | cut -d' ' -f1-3) scrapes it"

title "load: $predictions predictions, two at a time"
# Over at least six seconds, so that a rate sees several scrapes of it.
for ((sent = 0; sent < predictions; sent += 10)); do
  began=$SECONDS
  seq 10 | timeout 120 xargs -P 2 -I{} curl --silent --max-time 60 --output /dev/null --write-out '%{http_code}\n' \
    --data-binary "@$picture" "$url/v1/predictions" >>"$scratch/codes"
  ((SECONDS > began)) || sleep 1
done
answered=$(grep -c '^200$' "$scratch/codes") || true
((answered == predictions)) || fail "$answered answered: $(sort "$scratch/codes" | uniq -c)"
code=$(curl --silent --max-time 10 --output /dev/null --write-out '%{http_code}' --data-binary 'no picture' "$url/v1/predictions")
[[ $code == 400 ]] || fail "a body that is not a picture gets $code"
pass "all answered, and a body that is not a picture gets 400"

title "promtool check metrics"
curl --silent --fail "$url/metrics" >"$scratch/metrics"
promtool check metrics <"$scratch/metrics" >"$scratch/out" 2>&1 || fail "$(cat "$scratch/out")"
[[ ! -s $scratch/out ]] || fail "$(cat "$scratch/out")"
pass "$(grep -c '^# TYPE' "$scratch/metrics") metrics, nothing to say"
# A renamed metric would silence an alert. Those of what is configured are there only with it; tests of
# internal/telemetry look for them.
while read -r name; do
  [[ $name =~ ^spikeray_(access|audit|board|file|model|outbox|shadow|tls|trace)_ || $name == spikeray_degraded_answers_total ]] || grep -qE "^${name}[{ ]" "$scratch/metrics" ||
    fail "alerts.yml names $name, which the server does not have"
done < <(grep -oE 'spikeray_[a-z_]+' "$root/deploy/alerts.yml" | sort -u)
pass "the server has every metric of alerts.yml"

title "asked of Prometheus"
counted() {
  [[ $(query "$classic_at" 'sum(spikeray_predictions_total)' | jq -r '.[0].value[1]') == "$predictions" ]]
}
until_true 30 counted || fail "Prometheus counts $(query "$classic_at" 'sum(spikeray_predictions_total)')"
pass "$predictions predictions counted"
alerts=$(curl --silent --fail "http://$classic_at/api/v1/rules" | jq '[.data.groups[].rules[] | select(.health == "ok")] | length')
[[ $alerts == $(grep -c 'alert:' "$root/deploy/alerts.yml") ]] || fail "$alerts alerts in health"
pass "$alerts alerts evaluated without error"
firing=$(query "$classic_at" 'ALERTS{alertstate="firing"}')
[[ $firing == '[]' ]] || fail "firing: $firing"
pass "none fires"

queries=0
while read -r expression; do
  expression=${expression//\$__rate_interval/1m} expression=${expression//\$__range/5m}
  expression=${expression//\$job/.*} expression=${expression//\$instance/.*}
  query "$classic_at" "$expression" >/dev/null || fail "the dashboard asks $expression"
  queries=$((queries + 1))
done < <(jq -r '.panels[].targets[]?.expr' "$root/deploy/grafana/spikeray.json")
((queries > 50)) || fail "the dashboard has $queries queries"
pass "$queries queries of the dashboard answered"

# percentiles TITLE ADDRESS EXPRESSION: prints the p99 of each stage; false unless all five have one.
percentiles() {
  local result
  result=$(query "$2" "$3" | jq -c 'map({(.metric.stage): .value[1] | tonumber}) | add // {}')
  jq -e '[.queue, .decode, .prepare, .infer, .total] | all(. != null and . > 0 and . < 60)' <<<"$result" >/dev/null || return 1
  printf '  %-18s' "$1"
  jq -r '[.queue, .decode, .prepare, .infer, .total] | map(. * 1000 * 100 | round / 100 | tostring) | @tsv' <<<"$result" |
    awk '{printf "%10s%10s%10s%10s%10s\n", $1, $2, $3, $4, $5}'
}
printf '  %-18s%10s%10s%10s%10s%10s\n' "p99 in ms" queue decode prepare infer total
by_bucket='histogram_quantile(0.99, sum by (stage, le) (rate(spikeray_stage_duration_seconds_bucket[1m])))'
by_native='histogram_quantile(0.99, sum by (stage) (rate(spikeray_stage_duration_seconds[1m])))'
until_true 20 percentiles classic "$classic_at" "$by_bucket" || fail "classic: $(query "$classic_at" "$by_bucket")"
percentiles "classic buckets" "$classic_at" "$by_bucket"
until_true 20 percentiles native "$native_at" "$by_native" || fail "native: $(query "$native_at" "$by_native")"
percentiles "native histograms" "$native_at" "$by_native"

title "summary: scraped, linted, alerts tested, p99 by stage in $SECONDS s"
