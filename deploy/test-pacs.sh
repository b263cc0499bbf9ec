#!/usr/bin/env bash
# Runs the server as a node of a hospital's network beside Orthanc and dcmtk, and prints what it did beside what it must do.
#
#   deploy/test-pacs.sh [ROW…]
#
# A row is a script of deploy/pacs, by its name without .py; all of them when none is named. Each starts servers of its own on
# loopback. Needs Python, Go, Debian's orthanc, orthanc-dicomweb, dcmtk and dicom3tools, which it installs as root.
# SPIKERAY_DICOM_PYTHON names an interpreter with pydicom and highdicom; checks that want them are skipped without. Takes
# some minutes.
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
export FILMS=$scratch/films
run_rows "$scratch" pacs peers 900 "$@"
