{{/* What a table is. */}}

{{/* A table with all defaults filled in, as JSON: (dict "root" $ "name" NAME). */}}
{{- define "lakeward.table" -}}
{{- $table := mergeOverwrite (deepCopy .root.Values.defaults) (deepCopy (index .root.Values.tables .name)) -}}
{{- $_ := set $table "name" .name -}}
{{- $_ := set $table "root" (include "lakeward.tableRoot" $table) -}}
{{- toJson $table -}}
{{- end -}}

{{/* A table's root with its closing slash. */}}
{{- define "lakeward.tableRoot" -}}
{{- printf "%s/" (trimSuffix "/" .spec.table) -}}
{{- end -}}

{{/*
The URI of the manifest of the run at a timestamp without a run key: (dict "table" TABLE "runTs" RFC3339). Only such a
run's id holds no hash.
*/}}
{{- define "lakeward.manifest" -}}
{{- printf "%s_runs/%s/manifest.json" .table.root (include "lakeward.runId" .runTs) -}}
{{- end -}}

{{- define "lakeward.runId" -}}
{{- dateInZone "2006-01-02-150405" (mustToDate "2006-01-02T15:04:05Z07:00" .) "UTC" -}}
{{- end -}}

{{/*
The same for a workflow's run, as an Argo expression over a template's inputs: a run id ends in the first 8 hexadecimal
digits of its key's SHA-256.
*/}}
{{- define "lakeward.manifestExpression" -}}
{{- $time := "date(inputs.parameters['run-ts']).UTC().Format('2006-01-02-150405')" -}}
{{- $key := "sprig.sha256sum(inputs.parameters['run-key'])[:8]" -}}
{{- printf "'%s_runs/' + %s + '-' + %s + '/manifest.json'" .root $time $key -}}
{{- end -}}

{{/* Stops with a sentence when tables contradict each other or themselves in ways that the schema cannot tell. */}}
{{- define "lakeward.validate" -}}
{{- range $name, $table := .Values.tables -}}
{{- $root := include "lakeward.tableRoot" $table -}}
{{- range $other, $otherTable := $.Values.tables -}}
{{- if ne $name $other -}}
{{- if hasPrefix $root (include "lakeward.tableRoot" $otherTable) -}}
{{- fail (printf "tables.%s.spec.table: the root of the table %s lies under it; give each table a prefix of its own" $name $other) -}}
{{- end -}}
{{- if eq $table.spec.glue_table $otherTable.spec.glue_table -}}
{{- fail (printf "tables.%s.spec.glue_table: the table %s has the same one" $name $other) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $table.job $.Values.argo.enabled -}}
{{- fail (printf "tables.%s.job: with Argo a run is a workflow; set argo.enabled to false, or leave job out" $name) -}}
{{- end -}}
{{- if and $table.schedule (not $.Values.argo.enabled) -}}
{{- fail (printf "tables.%s.schedule: only Argo can give every try of a run the scheduled time; leave it out, or set argo.enabled" $name) -}}
{{- end -}}
{{- $files := default dict $table.files -}}
{{- with $table.spec.sql_file -}}
{{- if not (hasKey $files .) -}}
{{- fail (printf "tables.%s.spec.sql_file: there is no %s in tables.%s.files" $name . $name) -}}
{{- end -}}
{{- end -}}
{{- $full := include "lakeward.table" (dict "root" $ "name" $name) | fromJson -}}
{{- range $full.verify.checks -}}
{{- if not (hasKey $files .) -}}
{{- fail (printf "tables.%s.verify.checks: there is no %s in tables.%s.files" $name . $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
