{{/* The containers of the steps. All take (dict "root" $ "table" TABLE "step" STEP), and what else they name. */}}

{{/* Whether a step runs DuckDB, and so needs the table's files and scratch space. */}}
{{- define "lakeward.runsEngine" -}}
{{- if or (eq .step "write") (and (eq .step "verify") .table.verify.checks) -}}true{{- end -}}
{{- end -}}

{{- define "lakeward.image" -}}
{{- $image := has .step (list "write" "verify") | ternary .root.Values.image .root.Values.slimImage -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default .root.Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The flags that come from values, after the step's own argument. */}}
{{- define "lakeward.flags" -}}
{{- $values := index .table .step -}}
{{- $flags := list -}}
{{- if eq .step "write" -}}
{{- $flags = list "--spec=/specs/spec.yaml" "--scratch=/scratch" -}}
{{- else if eq .step "verify" -}}
{{- $flags = list (printf "--min-rows=%d" (int64 $values.minRows)) (printf "--timeout=%s" $values.timeout) -}}
{{- if $values.allowEmpty }}{{ $flags = append $flags "--allow-empty" }}{{ end -}}
{{- with $values.maxRowChange }}{{ $flags = append $flags (printf "--max-row-change=%s" .) }}{{ end -}}
{{- with $values.replica }}{{ $flags = append $flags (printf "--replica=%s" .) }}{{ end -}}
{{- with $values.replicaRegion }}{{ $flags = append $flags (printf "--replica-region=%s" .) }}{{ end -}}
{{- with $values.replicaBucketOwner }}{{ $flags = append $flags (printf "--replica-bucket-owner=%s" .) }}{{ end -}}
{{- range $values.checks }}{{ $flags = append $flags (printf "--check=/specs/%s" .) }}{{ end -}}
{{- if $values.checks }}{{ $flags = append $flags "--scratch=/scratch" }}{{ end -}}
{{- else if eq .step "gc" -}}
{{- $flags = list
  (printf "--retention-days=%d" (int64 $values.retentionDays))
  (printf "--keep-versions=%d" (int64 $values.keepVersions))
  (printf "--orphan-grace=%s" $values.orphanGrace)
  (printf "--reader-grace=%s" $values.readerGrace)
-}}
{{- $flags = concat $flags (include "lakeward.databaseFlags" . | fromJsonArray) -}}
{{- if $values.dryRun }}{{ $flags = append $flags "--dry-run" }}{{ end -}}
{{- end -}}
{{- toYaml (concat $flags (default list $values.args)) -}}
{{- end -}}

{{/* The flags of gc that narrow what it reads of Glue, and so what its role has to allow, as JSON: of a collection and of --abandon. */}}
{{- define "lakeward.databaseFlags" -}}
{{- $flags := list -}}
{{- range .table.gc.databases }}{{ $flags = append $flags (printf "--database=%s" .) }}{{ end -}}
{{- toJson $flags -}}
{{- end -}}

{{/*
What a person has to say to a program that the steps' variables say in a pod, for a shell, with a space before each flag. What
only the cluster knows, from a Secret or another variable, is left out: (dict "root" $ "table" TABLE).
*/}}
{{- define "lakeward.flagsByHand" -}}
{{- $said := dict -}}
{{- range include "lakeward.env" (merge (dict "step" "swap") .) | fromJsonArray -}}
{{- $value := default "" .value | toString -}}
{{- if not (contains "$(" $value) }}{{ $_ := set $said .name $value }}{{ end -}}
{{- end -}}
{{- $flags := list -}}
{{- with get $said "AWS_REGION" }}{{ $flags = append $flags (printf "--region=%s" .) }}{{ end -}}
{{- with get $said "LAKEWARD_EXPECTED_BUCKET_OWNER" }}{{ $flags = append $flags (printf "--expected-bucket-owner=%s" .) }}{{ end -}}
{{- with get $said "LAKEWARD_CATALOG_ID" }}{{ $flags = append $flags (printf "--catalog-id=%s" .) }}{{ end -}}
{{- with get $said "LAKEWARD_SSE" }}{{ $flags = append $flags (printf "--sse=%s" .) }}{{ end -}}
{{- with get $said "LAKEWARD_SSE_KMS_KEY_ID" }}{{ $flags = append $flags (printf "--sse-kms-key-id=%s" .) }}{{ end -}}
{{- if eq (get $said "LAKEWARD_BUCKET_KEY_ENABLED") "true" }}{{ $flags = append $flags "--bucket-key-enabled" }}{{ end -}}
{{- range $flags }}{{ printf " %s" (include "lakeward.shellWord" .) }}{{ end -}}
{{- end -}}

{{/* A text as one word of a shell. */}}
{{- define "lakeward.shellWord" -}}
{{- if regexMatch "^[-A-Za-z0-9_./:=@%+,]+$" . -}}
{{- . -}}
{{- else -}}
{{- printf "'%s'" (replace "'" "'\\''" .) -}}
{{- end -}}
{{- end -}}

{{/*
A step's container, but for its name: also takes "args" (before the flags from values, which "bare" leaves out) and
"env" (before everybody's).
*/}}
{{- define "lakeward.container" -}}
{{- $image := has .step (list "write" "verify") | ternary .root.Values.image .root.Values.slimImage -}}
image: {{ include "lakeward.image" . | quote }}
imagePullPolicy: {{ $image.pullPolicy }}
command: [lakeward-{{ .step }}]
args:
  {{- with .args }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- if not .bare }}
  {{- with include "lakeward.flags" . | fromYamlArray }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- end }}
env:
  {{- include "lakeward.env" . | fromJsonArray | toYaml | nindent 2 }}
{{- with .root.Values.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
resources:
  {{- include "lakeward.resources" . | nindent 2 }}
securityContext:
  {{- toYaml .root.Values.securityContext | nindent 2 }}
volumeMounts:
  - { name: tmp, mountPath: /tmp }
  {{- if include "lakeward.runsEngine" . }}
  - { name: specs, mountPath: /specs, readOnly: true }
  - { name: scratch, mountPath: /scratch }
  {{- end }}
  {{- with .root.Values.volumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/*
A step's resources. The scheduler has to know of scratch space on the node's disk: it would put pods on a node that has no
room for them, and the kubelet evict them later.
*/}}
{{- define "lakeward.resources" -}}
{{- $resources := deepCopy (default dict (index .table .step).resources) -}}
{{- if and (include "lakeward.runsEngine" .) (eq .table.scratch.type "emptyDir") -}}
{{- $requests := default dict $resources.requests -}}
{{- $limits := default dict $resources.limits -}}
{{- if not (or (hasKey $requests "ephemeral-storage") (hasKey $limits "ephemeral-storage")) -}}
{{- $_ := set $resources "requests" (merge $requests (dict "ephemeral-storage" .table.scratch.size)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}

{{/* The volumes that the step's container mounts. */}}
{{- define "lakeward.volumes" -}}
- name: tmp
  emptyDir: { sizeLimit: 64Mi }
{{- if include "lakeward.runsEngine" . }}
{{- $scratch := .table.scratch }}
- name: specs
  configMap: { name: {{ include "lakeward.objectName" (dict "root" .root "name" .table.name) }} }
- name: scratch
  {{- if eq $scratch.type "emptyDir" }}
  emptyDir: { sizeLimit: {{ $scratch.size | quote }} }
  {{- else }}
  ephemeral:
    volumeClaimTemplate:
      spec:
        accessModes: [ReadWriteOnce]
        {{- with $scratch.storageClassName }}
        storageClassName: {{ . | quote }}
        {{- end }}
        resources:
          requests: { storage: {{ $scratch.size | quote }} }
  {{- end }}
{{- end }}
{{- with .root.Values.volumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
What pods have besides containers and volumes, in the fields that a pod and an Argo workflow share: (dict "root" $ "table" TABLE).
*/}}
{{- define "lakeward.podSettings" -}}
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- range $field, $value := include "lakeward.placement" . | fromJson }}
{{- if and $value (ne $field "priorityClassName") }}
{{ $field }}:
  {{- toYaml $value | nindent 2 }}
{{- end }}
{{- end }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
Where pods go, and before which others, as JSON: what the table says, were it that there is none, or else the release:
(dict "root" $ "table" TABLE).
*/}}
{{- define "lakeward.placement" -}}
{{- $own := index .root.Values.tables .table.name -}}
{{- $placement := dict -}}
{{- range $field := list "nodeSelector" "tolerations" "affinity" "priorityClassName" -}}
{{- $_ := set $placement $field (hasKey $own $field | ternary (get $own $field) (get $.root.Values $field)) -}}
{{- end -}}
{{- toJson $placement -}}
{{- end -}}
