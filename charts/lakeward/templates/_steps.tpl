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
{{- range $values.checks }}{{ $flags = append $flags (printf "--check=/specs/%s" .) }}{{ end -}}
{{- if $values.checks }}{{ $flags = append $flags "--scratch=/scratch" }}{{ end -}}
{{- else if eq .step "gc" -}}
{{- $flags = list
  (printf "--retention-days=%d" (int64 $values.retentionDays))
  (printf "--keep-versions=%d" (int64 $values.keepVersions))
  (printf "--orphan-grace=%s" $values.orphanGrace)
  (printf "--reader-grace=%s" $values.readerGrace)
-}}
{{- range $values.databases }}{{ $flags = append $flags (printf "--database=%s" .) }}{{ end -}}
{{- if $values.dryRun }}{{ $flags = append $flags "--dry-run" }}{{ end -}}
{{- end -}}
{{- toYaml (concat $flags $values.args) -}}
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
{{- with concat (default list .env) (include "lakeward.env" . | fromYamlArray) }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
resources:
  {{- toYaml (index .table .step).resources | nindent 2 }}
securityContext:
  {{- toYaml .root.Values.securityContext | nindent 2 }}
volumeMounts:
  - { name: tmp, mountPath: /tmp }
  {{- if include "lakeward.runsEngine" . }}
  - { name: specs, mountPath: /specs, readOnly: true }
  - { name: scratch, mountPath: /scratch }
  {{- end }}
{{- end -}}

{{- define "lakeward.env" -}}
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
{{- if eq .step "write" }}
{{- with .table.initSqlSecret }}
- name: LAKEWARD_INIT_SQL
  valueFrom:
    secretKeyRef: { name: {{ .name | quote }}, key: {{ .key | quote }} }
{{- end }}
{{- end }}
{{- with $values.env }}
{{ toYaml . }}
{{- end }}
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
{{- end -}}

{{/* What pods have besides containers and volumes, in the fields that a pod and an Argo workflow share: takes $. */}}
{{- define "lakeward.podSettings" -}}
serviceAccountName: {{ include "lakeward.serviceAccountName" . }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
