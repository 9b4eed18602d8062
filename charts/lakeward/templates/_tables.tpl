{{/* What a table is. */}}

{{/* The names of the tables, as JSON. One that a later file of values has set to null is none. */}}
{{- define "lakeward.tableNames" -}}
{{- $names := list -}}
{{- range $name, $table := .Values.tables -}}
{{- if $table }}{{ $names = append $names $name }}{{ end -}}
{{- end -}}
{{- toJson $names -}}
{{- end -}}

{{/* A table with all defaults filled in, as JSON: (dict "root" $ "name" NAME). */}}
{{- define "lakeward.table" -}}
{{- $own := index .root.Values.tables .name -}}
{{- $table := include "lakeward.merged" (dict "defaults" .root.Values.defaults "own" $own) | fromJson -}}
{{- $_ := set $table "name" .name -}}
{{- $_ := set $table "root" (include "lakeward.tableRoot" $table) -}}
{{- toJson $table -}}
{{- end -}}

{{/*
A map laid over another, as Helm lays values over the chart's, as JSON: maps are merged, and null takes away:
(dict "defaults" MAP "own" MAP).
*/}}
{{- define "lakeward.merged" -}}
{{- $merged := deepCopy .defaults -}}
{{- range $key, $value := .own -}}
{{- $default := get $merged $key -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := unset $merged $key -}}
{{- else if and (kindIs "map" $value) (kindIs "map" $default) -}}
{{- $_ := set $merged $key (include "lakeward.merged" (dict "defaults" $default "own" $value) | fromJson) -}}
{{- else -}}
{{- $_ := set $merged $key $value -}}
{{- end -}}
{{- end -}}
{{- toJson $merged -}}
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
