# What the scripts beside this file share; sourced, never run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

title() { printf '\n== %s\n' "$*"; }
pass() { printf '  ok    %s\n' "$*"; }
fail() {
  printf '  FAIL  %s\n' "$*" >&2
  exit 1
}

# need COMMAND PACKAGE: installs Debian's PACKAGE when COMMAND is missing and that is possible.
need() {
  command -v "$1" >/dev/null && return
  if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
    fail "$1 is not installed (Debian: apt-get install $2)"
  fi
  local try
  for try in 1 2 3; do
    if DEBIAN_FRONTEND=noninteractive apt-get -qq update >/dev/null &&
      DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$2" >/dev/null </dev/null; then
      break
    fi
    echo "apt-get install $2: try $try failed" >&2
  done
  command -v "$1" >/dev/null || fail "cannot install $2"
}

# until_true SECONDS COMMAND…: tries COMMAND ten times a second until it succeeds; false when time is up.
until_true() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# free_port: a TCP port of the loopback interface that nothing listens on.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
}

# first_example: the first synthetic picture of examples/.
first_example() {
  local picture
  for picture in "$root"/examples/synthetic-*.png "$root"/examples/*.{png,jpg,jpeg}; do
    if [[ -f $picture ]]; then
      echo "$picture"
      return
    fi
  done
  fail "no picture in examples/; name one"
}

# is_prediction FILE: whether FILE holds the whole answer to one picture.
is_prediction() {
  jq -e '
    (.id | type == "string" and length > 0)
    and (.model.digest | test("^sha256:[0-9a-f]{64}$"))
    and (.probability >= 0 and .probability <= 1)
    and (.threshold >= 0 and .threshold <= 1)
    and (.label == (if .probability >= .threshold then "PNEUMONIA" else "NORMAL" end))
    and ((.probabilities.NORMAL + .probabilities.PNEUMONIA - 1) | fabs < 1e-5)
    and (.input.width > 0 and .input.height > 0 and (.input.warnings | type == "array"))
    and (.timing_ms.total > 0)
    and (.notice | length > 0)' "$1" >/dev/null
}

# serve DIRECTORY [FLAG…]: builds the server and starts it on a free loopback port, its log in
# DIRECTORY/server.log; sets $server, its process, and $url. The caller ends it.
serve() {
  local directory=$1 port
  shift
  need go golang
  need curl curl
  (cd "$root" && CGO_ENABLED=0 go build -o "$directory/spikeray" ./cmd/server)
  port=$(free_port)
  url=http://127.0.0.1:$port
  "$directory/spikeray" serve --addr "127.0.0.1:$port" "$@" >"$directory/server.log" 2>&1 &
  # shellcheck disable=SC2034 # for the caller
  server=$!
  if ! until_true 30 curl --silent --fail --max-time 2 "$url/readyz"; then
    tail "$directory/server.log" >&2
    fail "the server is not ready within 30 s"
  fi
}

# stop PROCESS…: asks each to end, then makes it, and says nothing of those that are gone.
stop() {
  local process
  for process in "$@"; do
    kill -TERM "$process" 2>/dev/null || continue
    until_true 15 gone "$process" || kill -KILL "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
  done
}
gone() { ! kill -0 "$1" 2>/dev/null; }

# table_line TRIED FIGURE MUST VERDICT: a line of run_rows.
table_line() { printf '%-52s %-60s %-44s %s\n' "$@"; }

# run_rows SCRATCH FOLDER SHARED SECONDS [ROW…]: runs scripts of deploy/FOLDER, by their names without .py, or all of them but SHARED,
# which the others import; each for at most SECONDS, with a folder of its own in SCRATCH and with SCRATCH/spikeray as the server.
# Prints their lines as a table; false when one failed.
run_rows() {
  local scratch=$1 folder=$root/deploy/$2 shared=$3 limit=$4 rows row status failed=0 tried figure must verdict
  shift 4
  rows=("$@")
  if ((${#rows[@]} == 0)); then
    for row in "$folder"/*.py; do
      row=$(basename "$row" .py)
      [[ $row == "$shared" ]] || rows+=("$row")
    done
  fi
  table_line tried figure must ''
  for row in "${rows[@]}"; do
    [[ -f $folder/$row.py ]] || fail "no such row: $row"
    status=0
    mkdir "$scratch/$row"
    SPIKERAY_BIN=$scratch/spikeray SPIKERAY_SCRATCH=$scratch/$row PYTHONDONTWRITEBYTECODE=1 timeout "$limit" \
      python3 "$folder/$row.py" >"$scratch/$row.rows" 2>"$scratch/$row.err" || status=$?
    while IFS=$'\t' read -r tried figure must verdict; do
      table_line "$tried" "$figure" "$must" "$verdict"
      [[ $verdict == failed ]] && failed=1
    done <"$scratch/$row.rows"
    if ((status != 0)); then
      failed=1
      table_line "$row" "the script ended with status $status" "" failed
      tail -5 "$scratch/$row.err" >&2
    fi
  done
  return "$failed"
}
