{{/* Stops with a sentence when values contradict each other in ways that the schema cannot tell: takes $. */}}
{{- define "lakeward.validate" -}}
{{- include "lakeward.validateVolumes" . -}}
{{- include "lakeward.validateAccounts" . -}}
{{- $names := include "lakeward.tableNames" . | fromJsonArray -}}
{{- range $name := $names -}}
{{- $table := include "lakeward.table" (dict "root" $ "name" $name) | fromJson -}}
{{- range $other := without $names $name -}}
{{- include "lakeward.validateTwo" (dict "root" $ "table" $table "other" (index $.Values.tables $other) "otherName" $other) -}}
{{- end -}}
{{- include "lakeward.validateRuns" (dict "root" $ "table" $table) -}}
{{- include "lakeward.validateFiles" $table -}}
{{- include "lakeward.validateEncryption" $table -}}
{{- include "lakeward.validateCollector" $table -}}
{{- include "lakeward.validateSecret" (dict "of" $table.otlp "name" "headersSecret" "what" (printf "tables.%s.otlp" $name)) -}}
{{- include "lakeward.validateSecret" (dict "of" $table.openlineage "name" "apiKeySecret" "what" (printf "tables.%s.openlineage" $name)) -}}
{{- end -}}
{{- end -}}

{{/* That the volumes of values are beside the chart's own, and not in their place. */}}
{{- define "lakeward.validateVolumes" -}}
{{- $names := list -}}
{{- range .Values.volumes -}}
{{- if has .name (list "tmp" "specs" "scratch") -}}
{{- fail (printf "volumes: the chart has a volume %s of its own; call yours something else" .name) -}}
{{- end -}}
{{- if has .name $names -}}
{{- fail (printf "volumes: there are two of the name %s; call one of them something else" .name) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- $paths := list "/tmp" "/specs" "/scratch" -}}
{{- range .Values.volumeMounts -}}
{{- $path := clean .mountPath -}}
{{- if has $path $paths -}}
{{- fail (printf "volumeMounts: %s is taken; mount %s somewhere else" $path .name) -}}
{{- end -}}
{{- /* Every pod has the chart's own /tmp as well, which may be mounted a second time. */ -}}
{{- if not (has .name (append $names "tmp")) -}}
{{- fail (printf "volumeMounts: there is no volume %s in volumes" .name) -}}
{{- end -}}
{{- $paths = append $paths $path -}}
{{- end -}}
{{- end -}}

{{/* That no account is said twice: one of the two would silently lose its role. */}}
{{- define "lakeward.validateAccounts" -}}
{{- $own := include "lakeward.serviceAccountName" . -}}
{{- if and .Values.serviceAccount.create (get (default dict .Values.serviceAccounts) $own | kindIs "map") -}}
{{- fail (printf "serviceAccounts.%s: is the release's own account; say it in serviceAccount, or call this one something else" $own) -}}
{{- end -}}
{{- end -}}

{{/* That a table leaves another one its own. */}}
{{- define "lakeward.validateTwo" -}}
{{- $name := .table.name -}}
{{- if hasPrefix .table.root (include "lakeward.tableRoot" .other) -}}
{{- fail (printf "tables.%s.spec.table: the root of the table %s lies under it; give each table a prefix of its own" $name .otherName) -}}
{{- end -}}
{{- if eq .table.spec.glue_table .other.spec.glue_table -}}
{{- fail (printf "tables.%s.spec.glue_table: the table %s has the same one" $name .otherName) -}}
{{- end -}}
{{- $gc := printf "%s-gc" (include "lakeward.objectName" (dict "root" .root "name" $name)) -}}
{{- $schedule := include "lakeward.objectName" (dict "root" .root "name" .otherName) -}}
{{- if and .root.Values.argo.enabled .table.gc.schedule .other.schedule (eq $gc $schedule) -}}
{{- fail (printf "tables.%s: its schedule has the name of gc's for the table %s, %s; call one of them something else" .otherName $name $gc) -}}
{{- end -}}
{{- end -}}

{{/* That the table's runs can be made by what there is: Argo, or Jobs. */}}
{{- define "lakeward.validateRuns" -}}
{{- $name := .table.name -}}
{{- if and .table.job .root.Values.argo.enabled -}}
{{- fail (printf "tables.%s.job: with Argo a run is a workflow; set argo.enabled to false, or leave job out" $name) -}}
{{- end -}}
{{- if and .table.schedule (not .root.Values.argo.enabled) -}}
{{- fail (printf "tables.%s.schedule: only Argo can give every try of a run the scheduled time; leave it out, or set argo.enabled" $name) -}}
{{- end -}}
{{- if .table.job -}}
{{- $accounts := list -}}
{{- range $step := list "write" "register" "verify" "swap" -}}
{{- $accounts = append $accounts (include "lakeward.stepServiceAccountName" (merge (dict "step" $step) $)) -}}
{{- end -}}
{{- if gt (len (uniq $accounts)) 1 -}}
{{- fail (printf "tables.%s.job: the steps of a Job are one pod and have one ServiceAccount, not %s; set serviceAccountName of the table, and gc.serviceAccountName of the table, or gc takes that account too" $name (join ", " (uniq $accounts))) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "lakeward.validateFiles" -}}
{{- $files := default dict .files -}}
{{- with .spec.sql_file -}}
{{- if not (hasKey $files .) -}}
{{- fail (printf "tables.%s.spec.sql_file: there is no %s in tables.%s.files" $.name . $.name) -}}
{{- end -}}
{{- end -}}
{{- range .verify.checks -}}
{{- if not (hasKey $files .) -}}
{{- fail (printf "tables.%s.verify.checks: there is no %s in tables.%s.files" $.name . $.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
A collector's other port: nothing would arrive there, and nothing but a warning in the steps' logs would tell. And what
Kubernetes would make something else of, where it replaces the pod's own attributes.
*/}}
{{- define "lakeward.validateCollector" -}}
{{- with .otlp -}}
{{- if regexMatch ":4317(/|$)" (default "" .endpoint) -}}
{{- fail (printf "tables.%s.otlp.endpoint: 4317 is the port for gRPC, which the steps do not speak; give the one for HTTP, usually 4318" $.name) -}}
{{- end -}}
{{- range $attribute, $value := .resourceAttributes -}}
{{- if contains "$(" (printf "%s=%s" $attribute (default "" $value)) -}}
{{- fail (printf "tables.%s.otlp.resourceAttributes.%s: Kubernetes reads $( as the start of a variable's name; leave it out" $.name $attribute) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "lakeward.validateSecret" -}}
{{- with get (default dict .of) .name -}}
{{- if ne (empty .name) (empty .key) -}}
{{- fail (printf "%s.%s: takes the name of a Secret and a key in it, both or none" $.what $.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What the steps would refuse as usage, before anything is installed. */}}
{{- define "lakeward.validateEncryption" -}}
{{- with .encryption -}}
{{- if and .kmsKeyId (not (has .sse (list "aws:kms" "aws:kms:dsse"))) -}}
{{- fail (printf "tables.%s.encryption.kmsKeyId: goes with sse aws:kms or aws:kms:dsse; set one of them, or set kmsKeyId to \"\"" $.name) -}}
{{- end -}}
{{- if and .bucketKeyEnabled (ne .sse "aws:kms") -}}
{{- fail (printf "tables.%s.encryption.bucketKeyEnabled: goes with sse aws:kms; set it to false" $.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
