{{/* What all schedules share. */}}

{{/* How many ended runs a schedule keeps: takes $. A number that is not said is Kubernetes' or Argo's own. */}}
{{- define "lakeward.history" -}}
{{- $limits := dict -}}
{{- range $kept, $number := default dict .Values.history -}}
{{- if not (kindIs "invalid" $number) }}{{ $_ := set $limits (printf "%sJobsHistoryLimit" $kept) (int64 $number) }}{{ end -}}
{{- end -}}
{{- with $limits }}{{ toYaml . }}{{ end -}}
{{- end -}}
