#!/usr/bin/env bash
# Puts spikeray behind reverse proxies that share their connections among callers (HAProxy, nginx, Go's), has attackers
# send what might be taken for two requests, and checks that no caller is given another's answer.
#
#   deploy/test-proxies.sh [SECONDS]
#
# SECONDS is how long each proxy is tried, 20 by default. Needs Go and Python; installs haproxy and nginx when it may.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

duration=${1:-20}
scratch=$(mktemp -d)
started=()
clean_up() {
  local code=$?
  stop "${started[@]}"
  ((code == 0)) || tail -n 5 "$scratch"/*.log >&2 || true
  rm -rf "$scratch"
  exit "$code"
}
trap clean_up EXIT
need python3 python3
need haproxy haproxy
need nginx nginx-light

serve "$scratch" --read-timeout 3s --log-format json
started+=("$server")
server_port=${url##*:}
(cd "$root" && CGO_ENABLED=0 go build -o "$scratch/reverseproxy" ./deploy/proxies/reverseproxy)

answers() { curl --silent --max-time 2 --output /dev/null "http://127.0.0.1:$1/healthz"; }
failed=0
check() { # NAME PORT
  until_true 10 answers "$2" || fail "$1 does not answer"
  python3 "$root/deploy/proxies/check.py" "$1" "$2" "$server_port" "$duration" \
    "$root/examples/synthetic-normal.png" "$root/examples/synthetic-pneumonia.png" || failed=1
}

title "callers beside attackers, $duration s each"
check "no proxy" "$server_port"

port=$(free_port)
PROXY_PORT=$port SERVER_PORT=$server_port haproxy -db -f "$root/deploy/proxies/haproxy.cfg" >"$scratch/haproxy.log" 2>&1 &
started+=($!)
check "$(haproxy -v | sed -n 's/^HAProxy version \([0-9.]*\).*/HAProxy \1/p')" "$port"

port=$(free_port)
sed "s|SCRATCH|$scratch|g; s|SERVER_PORT|$server_port|; s|PROXY_PORT|$port|" "$root/deploy/proxies/nginx.conf" >"$scratch/nginx.conf"
nginx -e "$scratch/nginx.error.log" -c "$scratch/nginx.conf" >"$scratch/nginx.log" 2>&1 &
started+=($!)
check "$(nginx -v 2>&1 | sed 's|.*nginx/\([0-9.]*\).*|nginx \1|')" "$port"

port=$(free_port)
"$scratch/reverseproxy" "127.0.0.1:$port" "http://127.0.0.1:$server_port" >"$scratch/reverseproxy.log" 2>&1 &
started+=($!)
check "$(go env GOVERSION) ReverseProxy" "$port"

answers "$server_port" || fail "the server has died"
((failed == 0)) || fail "a caller was given another's answer, or too few were answered"
pass "no caller was given another's answer"
