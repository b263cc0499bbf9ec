#!/usr/bin/env bash
# Holds the chart, the Kustomize folders and the other manifests to the schemas that Kubernetes and its neighbours publish, to one
# another and to the program; then runs the chart's pod, and the one that KServe would make, for real.
#
#   deploy/test-kubernetes.sh            checks
#   deploy/test-kubernetes.sh --write    writes the files of kustomize/ that are made from the chart, and checks
#
# Builds helm, kustomize and kubeconform with Go, and gets the schemas from the modules that have them, into a cache. Running the pods
# needs root; it uses buildah, and podman with runc.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

kubernetes=v1.34.2
modules=(helm.sh/helm/v3/cmd/helm@v3.22.0 sigs.k8s.io/kustomize/kustomize/v5@v5.7.1 github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0)
operator=github.com/prometheus-operator/prometheus-operator@v0.85.0
keda=github.com/kedacore/keda/v2@v2.17.2
kserve=github.com/kserve/kserve@v0.20.0
chart=$root/deploy/helm/spikeray
overlays=$root/deploy/kustomize

scratch=$(mktemp -d)
pods=()
clean_up() {
  local status=$? pod
  for pod in "${pods[@]}"; do
    podman kube down "$pod" >/dev/null 2>&1 || true
  done
  if ((${#pods[@]} > 0)); then
    podman rmi --force "$image" >/dev/null 2>&1 || true
    drop_stand_in
  fi
  rm -rf "$scratch"
  exit "$status"
}
trap clean_up EXIT

need go golang
need jq jq
need promtool prometheus
need python3 python3
python3 -c 'import yaml' 2>/dev/null || need /usr/lib/python3/dist-packages/yaml/__init__.py python3-yaml

title "tools and schemas"
key=$(printf '%s\n' "$kubernetes" "${modules[@]}" "$operator" "$keda" "$kserve" | cat - "$root/deploy/kubernetes/schemas.py" | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/spikeray/kubernetes-$key
if [[ ! -e $cache/complete ]]; then
  mkdir -p "$cache"
  for module in "${modules[@]}"; do
    GOFLAGS='' GOBIN=$cache CGO_ENABLED=0 go install "$module" 2>"$scratch/out" || fail "$module: $(tail -3 "$scratch/out")"
  done
  # fetched MODULE: the folder of a module.
  fetched() { (cd "$scratch" && GOFLAGS='' go mod download -json "$1") | jq -r '.Dir // error(.Error)'; }
  crds=("$(fetched "$operator")"/example/prometheus-operator-crd/monitoring.coreos.com_{servicemonitors,prometheusrules}.yaml)
  crds+=("$(fetched "$keda")/config/crd/bases/keda.sh_scaledobjects.yaml")
  crds+=("$(fetched "$kserve")"/config/crd/full/serving.kserve.io_{servingruntimes,inferenceservices}.yaml)
  python3 "$root/deploy/kubernetes/schemas.py" "$cache/schemas" "$(fetched "k8s.io/kubernetes@$kubernetes")/api/openapi-spec/swagger.json" "${crds[@]}"
  touch "$cache/complete"
fi
PATH=$cache:$PATH
pass "helm, kustomize and kubeconform; schemas of Kubernetes $kubernetes, ${operator##*/}, ${keda#*keda/} and ${kserve##*/}"

# render [FLAG…]: what the chart makes, each kind after the next.
render() {
  # helm tells of each symbolic link.
  helm template spikeray "$chart" --kube-version "$kubernetes" "$@" 2>"$scratch/err" || fail "helm template $*: $(grep -v walk.go "$scratch/err")"
}
conforms() {
  local summary
  # The schemas' names are templates of kubeconform.
  summary=$(kubeconform -strict -summary -output json -schema-location "$cache/schemas/{{.ResourceKind}}{{.KindSuffix}}.json") ||
    fail "$1: $(jq -c '.resources' <<<"$summary")"
  jq -e '.summary | .valid > 0 and .invalid + .errors + .skipped == 0' <<<"$summary" >/dev/null || fail "$1: $summary"
  pass "$1: $(jq -r '.summary.valid' <<<"$summary") objects"
}

title "the chart"
helm lint --strict --kube-version "$kubernetes" "$chart" >"$scratch/out" 2>&1 || fail "$(cat "$scratch/out")"
pass "helm lint"
render >"$scratch/base.yaml"
conforms "as it is" <"$scratch/base.yaml"
for values in "$chart"/ci/*.yaml; do
  render --values "$values" >"$scratch/$(basename "$values")"
  conforms "with ci/$(basename "$values")" <"$scratch/$(basename "$values")"
done
sed 's/readOnlyRootFilesystem/readOnlyRootFileSystem/' "$scratch/base.yaml" | kubeconform -strict -schema-location "$cache/schemas/{{.ResourceKind}}{{.KindSuffix}}.json" >/dev/null &&
  fail "a misspelt field is taken"
pass "a misspelt field is refused"
while IFS='|' read -r says flags; do
  # shellcheck disable=SC2086
  if helm template x "$chart" --kube-version "$kubernetes" $flags >/dev/null 2>"$scratch/err"; then
    fail "taken: $flags"
  fi
  grep -q "$says" "$scratch/err" || fail "$flags: $(cat "$scratch/err")"
done <<'EOF'
both scale|--set autoscaling.enabled=true --set keda.enabled=true
audit needs persistence|--set audit.enabled=true
hospital needs persistence|--set hospital.enabled=true
hospital needs send|--set hospital.enabled=true --set persistence.enabled=true
need networkPolicy.egress|--set otlp.endpoint=http://c:4318
additional properties|--set replica=3
digest|--set image.digest=latest
minReplicas|--set keda.enabled=true --set keda.minReplicas=0
has a value of its own|--set settings.WORKERS=8
EOF
pass "what does not go together is refused"
python3 "$root/deploy/kubernetes/keda_test.py" "$scratch/everything.yaml" >"$scratch/keda_test.yml"
promtool test rules "$scratch/keda_test.yml" >"$scratch/out" 2>&1 || fail "KEDA's query: $(cat "$scratch/out")"
pass "KEDA's query counts what somebody waits for and what is turned away"
# Profiles and metrics are for the cluster alone.
python3 - "$scratch/everything.yaml" <<'EOF' || fail "a service beyond the cluster has the operators' port"
import sys
import yaml

services = [o["spec"] for o in yaml.safe_load_all(open(sys.argv[1])) if o["kind"] == "Service"]
of = [s["type"] for s in services if any(p["targetPort"] == "operators" for p in s["ports"])]
sys.exit(of != ["ClusterIP"] or not any(s["type"] == "NodePort" for s in services))
EOF
pass "the operators' port is on no service beyond the cluster"
grep -q 'SPIKERAY_MAX_PIXELS, value: "60000000"' "$scratch/everything.yaml" || fail "a large number is written as $(grep MAX_PIXELS "$scratch/everything.yaml")"
pass "a large number stays a whole one"
version=$(grep -oP '^const Version = "\K[^"]+' "$root/internal/telemetry/build.go")
[[ $(grep -cE "^(version|appVersion): $version\$" "$chart/Chart.yaml") == 2 ]] || fail "Chart.yaml is not of version $version"
pass "the chart has the program's version, $version"

title "Kustomize"
# made FILE CONTENT: holds a file that is made from the chart to what the chart makes now.
made() {
  local file=$overlays/$1
  { echo "# Made from the chart by deploy/test-kubernetes.sh --write." && cat; } >"$scratch/made"
  [[ ${write:-} ]] && cp "$scratch/made" "$file"
  diff -u "$file" "$scratch/made" >"$scratch/out" || fail "$1 is not what the chart makes (--write makes it so): $(head -20 "$scratch/out")"
}
# only TEMPLATE [FLAG…]: one of the chart's templates.
only() { render "${@:2}" --show-only "templates/$1.yaml"; }
[[ ${1:-} == --write ]] && write=yes
made base/spikeray.yaml <"$scratch/base.yaml"
only scaling --values "$chart/ci/autoscaled.yaml" | made overlays/autoscaled/scaling.yaml
only monitoring --values "$chart/ci/monitored.yaml" | made overlays/monitored/monitoring.yaml
made overlays/hospital/spikeray.yaml <"$scratch/hospital.yaml"
pass "its files are those of the chart"
for folder in base overlays/autoscaled overlays/monitored overlays/hospital; do
  kustomize build --load-restrictor LoadRestrictionsNone "$overlays/$folder" >"$scratch/built.yaml" || fail "$folder"
  conforms "$folder" <"$scratch/built.yaml"
  # An overlay and the chart with the same values are one thing in two languages.
  values=$scratch/$(basename "$folder").yaml
  python3 - "$scratch/built.yaml" "$values" <<'EOF' || fail "$folder is not what the chart makes with the same values"
import sys
import yaml

def read(path):
    objects = {(o["kind"], o["metadata"]["name"]): o for o in yaml.safe_load_all(open(path)) if o}
    for (kind, _), o in objects.items():
        if kind in ("Deployment", "StatefulSet"):  # a patch may change the order of variables
            o["spec"]["template"]["spec"]["containers"][0]["env"].sort(key=lambda e: e["name"])
    return objects

a, b = map(read, sys.argv[1:])
sys.exit(a != b and print([k for k in a.keys() | b.keys() if a.get(k) != b.get(k)]) is None)
EOF
done
pass "the overlays are what the chart makes with the same values"

title "the other manifests"
for file in kserve kubernetes-batch; do
  conforms "$file.yaml" <"$root/deploy/$file.yaml"
done

title "the program knows what the manifests say"
(cd "$root" && CGO_ENABLED=0 go build -o "$scratch/spikeray" ./cmd/server)
"$scratch/spikeray" serve --help >"$scratch/help"
while read -r variable; do
  grep -q "\$$variable\b" "$scratch/help" || fail "the manifests set $variable, which serve does not know"
done < <(grep -ohE 'SPIKERAY_[A-Z_]+' "$scratch"/{base,hospital,everything}.yaml "$root/deploy/kserve.yaml" | sort -u)
pass "every variable is one of serve's"
"$scratch/spikeray" batch --help >"$scratch/help"
while read -r flag; do
  grep -qE -- "$flag([ =,]|$)" "$scratch/help" || fail "kubernetes-batch.yaml has $flag, which batch does not know"
done < <(grep -oE -- '- --[a-z-]+' "$root/deploy/kubernetes-batch.yaml" | cut -c3-)
pass "every flag of the Job is one of batch's"
# The grace period is longer than the drain and the shutdown together; memory's request is its limit; cores requested are workers.
python3 - "$scratch"/{base,hospital,everything}.yaml <<'EOF' || fail "limits that do not hold together"
import sys
import yaml

for path in sys.argv[1:]:
    for o in yaml.safe_load_all(open(path)):
        if o["kind"] not in ("Deployment", "StatefulSet"):
            continue
        spec = o["spec"]["template"]["spec"]
        container = spec["containers"][0]
        env = {e["name"]: e["value"] for e in container["env"]}
        r = container["resources"]
        seconds = [int(env[f"SPIKERAY_{n}"].removesuffix("s")) for n in ("DRAIN_DELAY", "SHUTDOWN_TIMEOUT")]
        assert spec["terminationGracePeriodSeconds"] > sum(seconds), path
        assert r["requests"]["memory"] == r["limits"]["memory"] and "cpu" not in r["limits"], path
        assert r["requests"]["cpu"] == env["SPIKERAY_WORKERS"] and "GOMEMLIMIT" not in env, path
EOF
pass "grace period, memory and cores hold together"

if [[ $EUID -ne 0 ]]; then
  title "summary: in order in $SECONDS s; running the pods needs root"
  exit
fi
# shellcheck source=deploy/image.sh
. "$root/deploy/image.sh"
need catatonit catatonit # the pod's first process
need curl curl
# Without these the engine asks for more than a process here may have, and for a timer of systemd for each probe.
printf '[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]\n' >"$scratch/containers.conf"
export CONTAINERS_CONF=$scratch/containers.conf DISABLE_HC_SYSTEMD=true
ready() { curl --silent --fail --max-time 5 "$1"; }
# play POD URL: has podman run a pod until URL answers.
play() {
  podman kube play --network host "$1" >"$scratch/out" 2>&1 || fail "$(cat "$scratch/out")"
  until_true 60 ready "$2" || fail "not ready: $(podman ps --all 2>&1)"
}
# confined: holds the container that runs to what the manifests say of its rights.
confined() {
  local container process rights
  container=$(podman ps --quiet --filter "ancestor=$image")
  process=$(podman inspect --format '{{.State.Pid}}' "$container")
  rights=$(awk '/^(Uid|Gid|CapEff|CapBnd|NoNewPrivs|Seccomp):/ {print $2}' "/proc/$process/status" | paste -sd' ')
  [[ $rights == "65532 65532 0000000000000000 0000000000000000 1 2" ]] || fail "user, group, capabilities, no new privileges, seccomp: $rights"
  [[ $(podman inspect --format '{{.HostConfig.ReadonlyRootfs}}' "$container") == true ]] || fail "its file system is not read-only"
  [[ $(podman inspect --format '{{.HostConfig.Memory}}' "$container") == $((512 << 20)) ]] || fail "its memory is not limited to 512Mi"
}

title "the chart's pod, by podman"
image=localhost/spikeray-pod:test-$$
chart_pod=$scratch/chart.yaml kserve_pod=$scratch/kserve.yaml
pods=("$chart_pod")
build_image "$image" --build-arg REVISION=
port=$(free_port) operators=$(free_port)
render --set image.repository="${image%:*}" --set image.tag="${image##*:}" --set image.pullPolicy=Never \
  --set replicas=1 --show-only templates/pods.yaml |
  sed "s/\"0.0.0.0:8080\"/\"127.0.0.1:$port\"/; /^ *ports:/d; /containerPort: /d; s/\"0.0.0.0:9090\"/\"127.0.0.1:$operators\"/; s/port: operators}/port: $operators}/" >"$chart_pod" # it shares the host's network
play "$chart_pod" "http://127.0.0.1:$port/readyz"
curl --silent --fail --max-time 30 --data-binary "@$(first_example)" "http://127.0.0.1:$port/v1/predictions" >"$scratch/answer.json" || fail "no answer"
is_prediction "$scratch/answer.json" || fail "not a whole answer: $(cat "$scratch/answer.json")"
pass "plays and answers"
confined
pass "runs as 65532 without capabilities, with 512Mi and seccomp, on a file system that it cannot write"
curl --silent --fail --max-time 5 "http://127.0.0.1:$operators/metrics" | grep -q '^spikeray_build_info' || fail "no metrics at the operators' port"
[[ $(curl --silent --max-time 5 --output /dev/null --write-out '%{http_code}' "http://127.0.0.1:$port/metrics") == 404 ]] || fail "metrics at the service's port"
pass "metrics at the operators' port alone"
podman kube down "$chart_pod" >/dev/null
pass "goes down"

title "KServe's pod, by podman"
models=$scratch/models
for name in spikeray spikeray-board; do
  folder=$models/$name/$("$scratch/spikeray" model show --json "$name" | jq -r .version)
  mkdir -p "$folder"
  cp "$root/models/$name.safetensors" "$folder/model.safetensors"
done
mkdir "$models/lost+found" # as a volume has it
port=$(free_port)
python3 "$root/deploy/kubernetes/kserve_pod.py" "$root/deploy/kserve.yaml" "$models" "127.0.0.1:$port" "$image" >"$kserve_pod"
pods+=("$kserve_pod")
play "$kserve_pod" "http://127.0.0.1:$port/v2/health/ready"
v2() { curl --silent --fail --max-time 30 "$@"; }
printf '{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1, 1], "data": ["%s"]}]}' "$(base64 -w0 "$(first_example)")" >"$scratch/infer.json"
for name in spikeray spikeray-board; do
  v2 "http://127.0.0.1:$port/v2/models/$name/ready" >/dev/null || fail "$name is not ready"
  v2 --data-binary "@$scratch/infer.json" "http://127.0.0.1:$port/v2/models/$name/infer" >"$scratch/answer.json" || fail "no answer by $name"
  jq -e --arg name "$name" '.model_name == $name and ([.outputs[] | select(.name == "probability") | .data[0]] | length == 1 and .[0] >= 0 and .[0] <= 1)' \
    "$scratch/answer.json" >/dev/null || fail "not a whole answer: $(head -c 2000 "$scratch/answer.json")"
done
pass "plays, and both models of the volume answer"
[[ $(v2 "http://127.0.0.1:$port/v1/models" | jq -c '[.repository[] | select(.source == "folder" and .serving) | .name] | sort') == '["spikeray","spikeray-board"]' ]] ||
  fail "not those of the volume: $(v2 "http://127.0.0.1:$port/v1/models" | jq -c .repository)"
pass "they are those of the volume"
confined
pass "runs as 65532 without capabilities, with 512Mi and seccomp, on a file system that it cannot write"
podman kube down "$kserve_pod" >/dev/null
pass "goes down"

title "summary: manifests in order, both pods answered, in $SECONDS s"
