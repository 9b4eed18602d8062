{{/* Names and labels. */}}

{{- define "lakeward.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "lakeward.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "lakeward.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "lakeward.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/*
The name of a table's objects: at most 45 characters, so that a Job's name has room for a run id, and a CronJob's for
`-gc`. A longer one is cut, with a hash so that two tables stay apart.
*/}}
{{- define "lakeward.objectName" -}}
{{- $name := printf "%s-%s" (include "lakeward.fullname" .root) .name -}}
{{- if gt (len $name) 45 -}}
{{- printf "%s-%s" (trunc 36 $name | trimSuffix "-") (trunc 8 (sha256sum $name)) -}}
{{- else -}}
{{- $name -}}
{{- end -}}
{{- end -}}

{{- define "lakeward.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "lakeward.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/*
The ServiceAccount of a step's pods: (dict "root" $ "table" TABLE "step" STEP). What the table itself says, of the step or of all
of its steps, goes before what the defaults say of the step; one that it sets to "" or null is not the defaults' either.
*/}}
{{- define "lakeward.stepServiceAccountName" -}}
{{- $own := index .root.Values.tables .table.name -}}
{{- $ofStep := default dict (get $own .step) -}}
{{- $ofDefaults := hasKey $ofStep "serviceAccountName" | ternary dict (index .root.Values.defaults .step) -}}
{{- coalesce $ofStep.serviceAccountName $own.serviceAccountName $ofDefaults.serviceAccountName (include "lakeward.tableServiceAccountName" .) -}}
{{- end -}}

{{/* The ServiceAccount of those of a table's pods of whose step nothing is said: (dict "root" $ "table" TABLE). */}}
{{- define "lakeward.tableServiceAccountName" -}}
{{- default (include "lakeward.serviceAccountName" .root) .table.serviceAccountName -}}
{{- end -}}

{{/* The ServiceAccounts of all pods, as JSON; without a table the release's own. */}}
{{- define "lakeward.usedServiceAccounts" -}}
{{- $used := list -}}
{{- range $name := include "lakeward.tableNames" . | fromJsonArray -}}
{{- $table := include "lakeward.table" (dict "root" $ "name" $name) | fromJson -}}
{{- range $step := list "write" "register" "verify" "swap" "gc" -}}
{{- $used = append $used (include "lakeward.stepServiceAccountName" (dict "root" $ "table" $table "step" $step)) -}}
{{- end -}}
{{- end -}}
{{- toJson (uniq (default (list (include "lakeward.serviceAccountName" .)) $used) | sortAlpha) -}}
{{- end -}}

{{- define "lakeward.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{ include "lakeward.selectorLabels" . }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The labels that do not change from one release of the chart to the next. */}}
{{- define "lakeward.selectorLabels" -}}
app.kubernetes.io/name: {{ include "lakeward.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* The labels of a table's objects: (dict "root" $ "name" NAME). */}}
{{- define "lakeward.tableLabels" -}}
{{ include "lakeward.labels" .root }}
lakeward/table: {{ .name | quote }}
{{- end -}}

{{/* The labels of a table's pods: (dict "root" $ "name" NAME). */}}
{{- define "lakeward.podLabels" -}}
{{ include "lakeward.selectorLabels" .root }}
lakeward/table: {{ .name | quote }}
{{- with .root.Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}
