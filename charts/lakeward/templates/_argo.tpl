{{/* What Argo objects share. */}}

{{/* A step that says 10 or 13, or whose pod was lost before it could say anything, is run again; all else stops. */}}
{{- define "lakeward.retryStrategy" -}}
retryStrategy:
  limit: {{ .Values.retry.limit | int64 | toString | quote }}
  retryPolicy: Always
  expression: lastRetry.exitCode in ["10", "13"] || lastRetry.status == "Error"
  backoff:
    duration: {{ .Values.retry.duration | quote }}
    factor: {{ .Values.retry.factor | int64 | toString | quote }}
    maxDuration: {{ .Values.retry.maxDuration | quote }}
{{- end -}}

{{/*
A template that runs one step: takes what "lakeward.container" does. Argo keeps /tmp/result.json as the output parameter
`result`; a step that was killed has left none.
*/}}
{{- define "lakeward.argoStep" -}}
{{- $env := list (dict "name" "LAKEWARD_RESULT_PATH" "value" "/tmp/result.json") -}}
{{ include "lakeward.retryStrategy" .root }}
serviceAccountName: {{ include "lakeward.stepServiceAccountName" . | quote }}
volumes:
  {{- include "lakeward.volumes" . | nindent 2 }}
container:
  {{- include "lakeward.container" (merge (dict "env" (concat $env (default list .env))) .) | nindent 2 }}
outputs:
  parameters:
    - name: result
      valueFrom: { path: /tmp/result.json, default: "{}" }
{{- end -}}

{{/* A template that no run has: people submit it as the entrypoint. Takes (dict "root" $ "table" TABLE). */}}
{{- define "lakeward.rollBack" -}}
- name: roll-back
  inputs:
    parameters: [{ name: run, description: The run to publish again }]
  {{- $args := list .table.root "--to" "{{inputs.parameters.run}}" }}
  {{- include "lakeward.argoStep" (dict "root" .root "table" .table "step" "swap" "args" $args "bare" true) | nindent 2 }}
{{- end -}}

{{/* What every workflow has: (dict "root" $ "table" TABLE). */}}
{{- define "lakeward.workflowSettings" -}}
{{- $argo := .root.Values.argo -}}
serviceAccountName: {{ include "lakeward.tableServiceAccountName" . | quote }}
{{ include "lakeward.podSettings" . }}
{{- with (include "lakeward.placement" . | fromJson).priorityClassName }}
podPriorityClassName: {{ . | quote }}
{{- end }}
{{- with .root.Values.securityContext }}
# Argo's own containers in each pod: a namespace that enforces the restricted Pod Security Standard looks at them too.
podSpecPatch: |
  {{- $own := list (dict "name" "init" "securityContext" .) }}
  {{- $beside := list (dict "name" "wait" "securityContext" .) }}
  {{- toYaml (dict "initContainers" $own "containers" $beside) | nindent 2 }}
{{- end }}
activeDeadlineSeconds: {{ .table.activeDeadlineSeconds | int64 }}
{{- with $argo.ttlStrategy }}
ttlStrategy:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $argo.podGC }}
podGC:
  {{- toYaml . | nindent 2 }}
{{- end }}
# Not app.kubernetes.io/instance: Argo CD, where it tracks by that label, would prune a workflow that somebody has submitted.
workflowMetadata:
  labels:
    app.kubernetes.io/name: {{ include "lakeward.name" .root | quote }}
    lakeward/release: {{ .root.Release.Name | quote }}
    lakeward/table: {{ .table.name | quote }}
    {{- with .root.Values.commonLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
podMetadata:
  labels:
    {{- include "lakeward.podLabels" (dict "root" .root "name" .table.name) | nindent 4 }}
  {{- with .root.Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
