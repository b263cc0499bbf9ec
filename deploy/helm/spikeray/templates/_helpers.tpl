{{- define "spikeray.name" -}}
{{ if contains "spikeray" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-spikeray" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "spikeray.selector" -}}
app.kubernetes.io/name: spikeray
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "spikeray.labels" -}}
{{ include "spikeray.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "spikeray.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "spikeray.scaled" -}}
{{ if or .Values.autoscaling.enabled .Values.keda.enabled }}yes{{ end }}
{{- end }}

{{- define "spikeray.kind" -}}
{{ ternary "StatefulSet" "Deployment" .Values.persistence.enabled }}
{{- end }}

{{- /* What does not go together. */ -}}
{{- define "spikeray.check" -}}
{{- range $name, $_ := .Values.settings }}
{{- if has $name (list "ADDR" "OPERATOR_ADDR" "WORKERS" "DRAIN_DELAY" "SHUTDOWN_TIMEOUT" "MEMORY" "MODELS" "API_KEYS" "TLS_CERT" "TLS_KEY" "AUDIT" "OUTBOX" "DICOM_LISTEN" "DICOM_AE_TITLE" "SEND" "OTLP_ENDPOINT") }}{{ fail (printf "settings.%s: this has a value of its own in the chart" $name) }}{{ end }}
{{- end }}
{{- if and .Values.autoscaling.enabled .Values.keda.enabled }}{{ fail "autoscaling and keda both scale the pods: enable one" }}{{ end }}
{{- if and .Values.audit.enabled (not .Values.persistence.enabled) }}{{ fail "audit needs persistence: the log must outlive the pod" }}{{ end }}
{{- if .Values.hospital.enabled }}
{{- if not .Values.persistence.enabled }}{{ fail "hospital needs persistence: results that wait must outlive the pod" }}{{ end }}
{{- if not .Values.hospital.send }}{{ fail "hospital needs send: without a system that gets the results, films would be answered for nobody" }}{{ end }}
{{- end }}
{{- if and .Values.networkPolicy.enabled (not .Values.networkPolicy.egress) (or .Values.hospital.enabled .Values.otlp.endpoint) }}{{ fail "hospital and otlp need networkPolicy.egress: without it the pods can open no connection" }}{{ end }}
{{- end }}
