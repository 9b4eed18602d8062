{{/* The environment of the steps' containers. All take (dict "root" $ "table" TABLE "step" STEP). */}}

{{/*
A container's whole environment, as JSON: "env" (the template's own), then what values ask for, then the users'
variables, of all tables and of this one. A name is there once, as Kubernetes' server-side apply wants it: at its first place,
where those that name it find it, and as it is said last.
*/}}
{{- define "lakeward.env" -}}
{{- $all := concat
  (default list .env)
  (include "lakeward.awsEnv" . | fromYamlArray)
  (include "lakeward.observersEnv" . | fromYamlArray)
  (default list .root.Values.env)
  (default list .table.env)
-}}
{{- $said := dict -}}
{{- range $all -}}{{- $_ := set $said .name . -}}{{- end -}}
{{- $env := dict "said" $said "placed" list -}}
{{- range $all -}}{{- include "lakeward.place" (dict "name" .name "env" $env) -}}{{- end -}}
{{- toJson $env.placed -}}
{{- end -}}

{{/*
Moves a variable from "said" to the end of "placed", after those that its value names by $(NAME): Kubernetes replaces a
name by what stands before it alone. Takes (dict "name" NAME "env" (dict "said" MAP "placed" LIST)).
*/}}
{{- define "lakeward.place" -}}
{{- $env := .env -}}
{{- with get $env.said .name -}}
{{- $_ := unset $env.said .name -}}
{{- range regexFindAll "\\$\\([^()]+\\)" (toString .value) -1 -}}
{{- include "lakeward.place" (dict "name" (. | trimPrefix "$(" | trimSuffix ")") "env" $env) -}}
{{- end -}}
{{- $_ := set $env "placed" (append $env.placed .) -}}
{{- end -}}
{{- end -}}

{{- define "lakeward.awsEnv" -}}
{{- $values := .root.Values -}}
- { name: LAKEWARD_LOG, value: {{ $values.logFilter | quote }} }
- { name: LAKEWARD_PATIENCE, value: {{ $values.patience | quote }} }
{{- with $values.aws.region }}
- { name: AWS_REGION, value: {{ . | quote }} }
{{- end }}
{{- with $values.aws.expectedBucketOwner }}
- { name: LAKEWARD_EXPECTED_BUCKET_OWNER, value: {{ . | quote }} }
{{- end }}
{{- with $values.aws.catalogId }}
- { name: LAKEWARD_CATALOG_ID, value: {{ . | quote }} }
{{- end }}
{{- with .table.encryption }}
{{- with .sse }}
- { name: LAKEWARD_SSE, value: {{ . | quote }} }
{{- end }}
{{- with .kmsKeyId }}
- { name: LAKEWARD_SSE_KMS_KEY_ID, value: {{ . | quote }} }
{{- end }}
{{- if .bucketKeyEnabled }}
- { name: LAKEWARD_BUCKET_KEY_ENABLED, value: "true" }
{{- end }}
{{- end }}
{{- if eq .step "write" }}
{{- with .table.initSqlSecret }}
- name: LAKEWARD_INIT_SQL
  valueFrom:
    secretKeyRef: { name: {{ .name | quote }}, key: {{ .key | quote }} }
{{- end }}
{{- end }}
{{- end -}}

{{/*
Who is told of an execution. No TRACEPARENT: the steps find the trace of their run by themselves, and join Argo's where Argo gives one.
*/}}
{{- define "lakeward.observersEnv" -}}
{{- with .table.otlp }}
{{- if .endpoint }}
- { name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ .endpoint | quote }} }
{{- with .headersSecret }}
{{- include "lakeward.secretVariable" (dict "name" "OTEL_EXPORTER_OTLP_HEADERS" "secret" .) }}
{{- end }}
{{- with .serviceName }}
- { name: OTEL_SERVICE_NAME, value: {{ . | quote }} }
{{- end }}
{{- /* By its attributes a collector knows a pod that has ended, and one that it sees behind a proxy. */}}
{{- $attributes := list }}
{{- range $attribute, $field := include "lakeward.podAttributes" . | fromYaml }}
{{- $variable := printf "OTEL_RESOURCE_ATTRIBUTES_%s" ($attribute | trimPrefix "k8s." | replace "." "_" | upper) }}
- name: {{ $variable }}
  valueFrom:
    fieldRef: { fieldPath: {{ $field }} }
{{- $attributes = append $attributes (printf "%s=$(%s)" $attribute $variable) }}
{{- end }}
{{- range $attribute, $value := .resourceAttributes }}
{{- if $value }}{{ $attributes = append $attributes (printf "%s=%s" $attribute $value) }}{{ end }}
{{- end }}
- { name: OTEL_RESOURCE_ATTRIBUTES, value: {{ join "," $attributes | quote }} }
{{- end }}
{{- end }}
{{- with .table.openlineage }}
{{- if .url }}
- { name: OPENLINEAGE_URL, value: {{ .url | quote }} }
{{- with .apiKeySecret }}
{{- include "lakeward.secretVariable" (dict "name" "OPENLINEAGE_API_KEY" "secret" .) }}
{{- end }}
{{- with .namespace }}
- { name: OPENLINEAGE_NAMESPACE, value: {{ . | quote }} }
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
A variable from a Secret, if one is named: (dict "name" VARIABLE "secret" SECRET). One that is not there costs the observer its key,
and not the step its pod: hence `optional`.
*/}}
{{- define "lakeward.secretVariable" -}}
{{- if .secret.name }}
- name: {{ .name }}
  valueFrom:
    secretKeyRef: { name: {{ .secret.name | quote }}, key: {{ .secret.key | quote }}, optional: true }
{{- end }}
{{- end -}}

{{/* OpenTelemetry's names for what a pod can be told of itself, and the fields that hold it. */}}
{{- define "lakeward.podAttributes" -}}
k8s.namespace.name: metadata.namespace
k8s.node.name: spec.nodeName
k8s.pod.name: metadata.name
k8s.pod.uid: metadata.uid
{{- end -}}
