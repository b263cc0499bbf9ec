#!/usr/bin/env bash
# Runs the server as a node of a hospital's network beside Orthanc and dcmtk, and prints what it did beside what it must do.
#
#   deploy/test-pacs.sh [ROW…]
#
# A row is a script of deploy/pacs, by its name without .py; all of them when none is named. Each starts servers of its own on
# loopback. Needs Python, Go, Debian's orthanc, orthanc-dicomweb, dcmtk and dicom3tools, which it installs as root; a row that
# finds something missing says that it was skipped. SPIKERAY_DICOM_PYTHON names an interpreter with pydicom and highdicom
# for the checks that want them. Takes some minutes.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need go golang
need python3 python3
need storescu dcmtk
need dciodvfy dicom3tools
need Orthanc orthanc
[[ -e /usr/share/orthanc/plugins/libOrthancDicomWeb.so ]] || { [[ $EUID -eq 0 ]] && apt-get -qq install -y orthanc-dicomweb >/dev/null; } ||
  fail "Orthanc's DICOMweb plug-in is not installed (Debian: apt-get install orthanc-dicomweb)"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
(cd "$root" && CGO_ENABLED=0 go build -o "$scratch/spikeray" ./cmd/server && CGO_ENABLED=0 go build -o "$scratch/films" ./deploy/pacs/films)

rows=("$@")
if ((${#rows[@]} == 0)); then
  for script in "$root"/deploy/pacs/*.py; do
    name=$(basename "$script" .py)
    [[ $name == peers ]] || rows+=("$name")
  done
fi

failed=0
printf '%-52s %-60s %-44s %s\n' tried figure must ''
for row in "${rows[@]}"; do
  [[ -f $root/deploy/pacs/$row.py ]] || fail "no such row: $row"
  status=0
  mkdir "$scratch/$row"
  SPIKERAY_BIN=$scratch/spikeray FILMS=$scratch/films SPIKERAY_SCRATCH=$scratch/$row PYTHONDONTWRITEBYTECODE=1 timeout 900 \
    python3 "$root/deploy/pacs/$row.py" >"$scratch/$row.rows" 2>"$scratch/$row.err" || status=$?
  while IFS=$'\t' read -r tried figure limit verdict; do
    printf '%-52s %-60s %-44s %s\n' "$tried" "$figure" "$limit" "$verdict"
    [[ $verdict == failed ]] && failed=1
  done <"$scratch/$row.rows"
  if ((status != 0)); then
    failed=1
    printf '%-52s %-60s %-44s %s\n' "$row" "the script ended with status $status" "" failed
    tail -5 "$scratch/$row.err" >&2
  fi
done
exit "$failed"
