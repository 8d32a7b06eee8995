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
