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

{{/* Two listeners of a pod cannot share a port. */}}
{{- define "erinys.checkPorts" -}}
{{- $ports := list (list "resp.port" (int .Values.resp.port)) (list "http.port" (int .Values.http.port)) -}}
{{- if include "erinys.hasPlainPort" . -}}
{{- $ports = prepend $ports (list "tls.plainPort" (int .Values.tls.plainPort)) -}}
{{- end -}}
{{- range $i, $first := $ports -}}
{{- range $second := slice $ports (add1 $i | int) -}}
{{- if eq (index $first 1) (index $second 1) -}}
{{- fail (printf "%s and %s are both %d: they have to differ" (index $first 0) (index $second 0) (index $first 1)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
