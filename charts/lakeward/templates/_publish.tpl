{{/*
The workflow that publishes a table, as the spec of any Argo object: (dict "root" $ "table" TABLE "runTs" VALUE), where the
value may be one of Argo's variables.
*/}}
{{- define "lakeward.publish" -}}
{{- $manifest := list "{{inputs.parameters.manifest}}" -}}
entrypoint: publish
{{- if .table.abandonFailedRuns }}
onExit: on-exit
{{- end }}
# Names the run: the same for all of its steps and their retries.
arguments:
  parameters:
    - name: run-ts
      description: The run timestamp, RFC 3339
      value: {{ .runTs | quote }}
    - name: run-key
      description: The orchestrator's own id of the run
      value: "{{ "{{workflow.uid}}" }}"
# Another workflow of the same table waits.
synchronization:
  mutexes:
    - name: lakeward-{{ .table.spec.glue_table }}
{{ include "lakeward.workflowSettings" . }}
templates:
  - name: publish
    inputs:
      parameters: [{ name: run-ts }, { name: run-key }]
    dag:
      tasks:
        - name: write
          template: write
          arguments:
            parameters:
              - { name: run-ts, value: "{{ "{{inputs.parameters.run-ts}}" }}" }
              - { name: run-key, value: "{{ "{{inputs.parameters.run-key}}" }}" }
        {{- $before := "write" }}
        {{- range $step := list "register" "verify" "swap" }}
        - name: {{ $step }}
          template: {{ $step }}
          depends: {{ $before }}
          arguments:
            parameters:
              - name: manifest
                value: "{{ "{{=jsonpath(tasks.write.outputs.parameters.result, '$.manifest')}}" }}"
        {{- $before = $step }}
        {{- end }}
    outputs:
      parameters:
        - name: manifest
          valueFrom: { expression: "jsonpath(tasks.write.outputs.parameters.result, '$.manifest')" }
        {{- range $step := list "write" "register" "verify" "swap" }}
        - name: {{ $step }}
          valueFrom: { parameter: "{{ printf "{{tasks.%s.outputs.parameters.result}}" $step }}" }
        {{- end }}
  - name: write
    inputs:
      parameters: [{ name: run-ts }, { name: run-key }]
    {{- $env := list
      (dict "name" "LAKEWARD_RUN_TS" "value" "{{inputs.parameters.run-ts}}")
      (dict "name" "LAKEWARD_RUN_KEY" "value" "{{inputs.parameters.run-key}}")
    }}
    {{- include "lakeward.argoStep" (dict "root" .root "table" .table "step" "write" "env" $env) | nindent 4 }}
  {{- range $step := list "register" "verify" "swap" }}
  - name: {{ $step }}
    inputs:
      parameters: [{ name: manifest }]
    {{- include "lakeward.argoStep" (dict "root" $.root "table" $.table "step" $step "args" $manifest) | nindent 4 }}
  {{- end }}
  {{- include "lakeward.rollBack" . | nindent 2 }}
  {{- if .table.abandonFailedRuns }}
  # The manifest's URI follows from what names the run: so a write that was killed is cleaned up after as well.
  - name: on-exit
    inputs:
      # Argo gives an exit handler the workflow's arguments, but its validation looks for them in the workflow alone and
      # not in this template: without defaults it would refuse what `argo submit --from` makes.
      parameters: [{ name: run-ts, default: "" }, { name: run-key, default: "" }]
    steps:
      - - name: abandon
          template: abandon
          when: "{{ "{{workflow.status}} != Succeeded" }}"
          arguments:
            parameters:
              - name: manifest
                value: "{{ "{{=" }}{{ include "lakeward.manifestExpression" .table }}{{ "}}" }}"
  - name: abandon
    inputs:
      parameters: [{ name: manifest }]
    {{- $args := concat (list "--abandon") $manifest (include "lakeward.databaseFlags" . | fromJsonArray) }}
    {{- include "lakeward.argoStep" (dict "root" .root "table" .table "step" "gc" "args" $args "bare" true) | nindent 4 }}
  {{- end }}
{{- end -}}
