{{/* What pods of Jobs share. */}}

{{/* The labels and annotations of a pod: (dict "root" $ "name" NAME). */}}
{{- define "lakeward.podTemplateMetadata" -}}
labels:
  {{- include "lakeward.podLabels" . | nindent 2 }}
{{- with .root.Values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A pod's settings but for its containers and volumes: (dict "root" $ "table" TABLE "step" STEP). */}}
{{- define "lakeward.jobPodSettings" -}}
restartPolicy: Never
serviceAccountName: {{ include "lakeward.stepServiceAccountName" . | quote }}
automountServiceAccountToken: false
{{ include "lakeward.podSettings" . }}
{{- with (include "lakeward.placement" . | fromJson).priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* The same rule as for Argo's retries; a pod that was evicted does not count: (dict "root" $ "table" TABLE). */}}
{{- define "lakeward.jobSettings" -}}
activeDeadlineSeconds: {{ .table.activeDeadlineSeconds | int64 }}
backoffLimit: {{ .root.Values.retry.limit | int64 }}
podFailurePolicy:
  rules:
    - action: Ignore
      onPodConditions: [{ type: DisruptionTarget, status: "True" }]
    - action: FailJob
      onExitCodes: { operator: NotIn, values: [10, 13] }
{{- end -}}
