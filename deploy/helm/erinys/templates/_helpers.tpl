{{- define "erinys.name" -}}
{{- printf "%s" .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "erinys.selector" -}}
app.kubernetes.io/name: erinys
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "erinys.labels" -}}
{{ include "erinys.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "erinys.secret" -}}
{{- .Values.auth.existingSecret | default (include "erinys.name" .) -}}
{{- end -}}

{{- define "erinys.hasPlainPort" -}}
{{- if and .Values.tls.enabled .Values.tls.plainPort -}}yes{{- end -}}
{{- end -}}

{{/* How a path of HTTP is asked for. The kubelet has no certificate to show: where one is needed, the node's own is shown. */}}
{{- define "erinys.probe" -}}
{{- if and .tls.enabled .tls.http (eq .tls.authClients "yes") -}}
exec:
  command: [node, /node_modules/erinys/healthcheck.mjs, {{ .path }}]
{{- else -}}
httpGet:
  path: {{ .path }}
  port: http
  {{- if and .tls.enabled .tls.http }}
  scheme: HTTPS
  {{- end }}
{{- end -}}
{{- end -}}
