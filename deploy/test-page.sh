#!/usr/bin/env bash
# Tries the page at / and the live view at /status in a real Chromium against real servers, and prints what was measured beside
# what it must be: answers, evidence, errors, keyboard, screens, languages, hostile texts, weight and speed. axe-core looks at
# each state; no request may leave, and nothing may break the page's policy.
#
#   deploy/test-page.sh [--shots FOLDER] [WORD…]
#
# With WORDs, the trials whose names have one of them. --shots keeps a picture of each state. Needs Go, node 18, npm and
# Chromium; the packages of deploy/page/package-lock.json are installed into a folder of the user's cache. All on loopback.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

shots=
if [[ ${1:-} == --shots ]]; then
  [[ -n ${2:-} ]] || fail "--shots needs a folder"
  shots=$(realpath -m "$2")
  shift 2
fi
page=${root:?}/deploy/page
need go golang
need node nodejs
need npm npm
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
  need chromium chromium
  chromium=$(command -v chromium)
}
(($(node -p 'process.versions.node.split(".")[0]') >= 18)) || fail "node $(node --version) is older than 18"

# One folder for each list of packages; it is complete once its mark is there.
packages=${XDG_CACHE_HOME:-$HOME/.cache}/spikeray/page-$(sha256sum "$page/package-lock.json" | cut -c1-16)
if [[ ! -e $packages/complete ]]; then
  rm -rf "$packages"
  mkdir -p "$packages"
  cp "$page/package.json" "$page/package-lock.json" "$packages"
  npm ci --prefix "$packages" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
  touch "$packages/complete"
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/films"
(cd "$root" && CGO_ENABLED=0 go build -o "$scratch/spikeray" ./cmd/server && go run ./deploy/page/films examples "$scratch/films")

if (($# == 0)); then
  title "node: the parts that need no browser"
  # Older versions of node take the scripts for modules only if they are told.
  modules=
  (cd "$root/api/web" && node --input-type=module -e "await import('./static/format.js')" 2>/dev/null) || modules=--experimental-default-type=module
  NODE_OPTIONS=$modules node --test "$root"/api/web/test/*.test.mjs >"$scratch/unit.log" || fail "$(cat "$scratch/unit.log")"
  pass "$(grep -m1 -oE 'pass [0-9]+' "$scratch/unit.log" | tr -dc 0-9) tests"
fi

title "the pages in Chromium"
export PAGE_MODULES=$packages/node_modules PAGE_CHROMIUM=$chromium PAGE_SHOTS=$shots SPIKERAY_BIN=$scratch/spikeray SPIKERAY_SCRATCH=$scratch
timeout 900 node "$page/main.mjs" "$@"
