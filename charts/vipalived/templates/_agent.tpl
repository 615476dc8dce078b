{{/*
What the agent reads of the values, as a values file.
*/}}
{{- define "vipalived.agentValues" -}}
{{- $newer := include "vipalived.newer" . | fromJson -}}
{{- $keepalived := .Values.keepalived -}}
{{- if eq (toString $keepalived.vrrpInstance.virtualRouterId) "auto" -}}
  {{- /* The agent in the pod knows neither namespace nor release. */}}
  {{- $keepalived = deepCopy $keepalived -}}
  {{- $_ := set $keepalived.vrrpInstance "virtualRouterId" (include "vipalived.virtualRouterId" . | int) -}}
{{- end -}}
{{- dict
  "engine" $newer.engine
  "keepalived" $keepalived
  "native" $newer.native
  "agent" (pick $newer.agent "enabled" "endpoint" "askFirst" "logFormat" "logLevel")
  "healthCheck" $newer.healthCheck
  "nodes" (default (dict) .Values.nodes)
  "static" .Values.static
| toYaml -}}
{{- end -}}

{{- define "vipalived.agentContainer" -}}
{{- $agent := (include "vipalived.newer" . | fromJson).agent -}}
name: vipalived
image: {{ include "vipalived.image" (dict "image" $agent.image "version" .Chart.Version) | quote }}
imagePullPolicy: {{ $agent.image.pullPolicy }}
command:
  - vipalived
  - agent
  {{- if not .Values.static }}
  - --values
  - /etc/vipalived/values.yaml
  {{- end }}
env:
  {{- include "vipalived.nodeName" . | nindent 2 }}
  {{- if .Values.static }}
  - name: VIPALIVED_VALUES
    {{- /* Kubernetes reads $(NAME) in the value of a variable, and $$ as $. */}}
    value: |
      {{- include "vipalived.agentValues" . | replace "$" "$$" | nindent 6 }}
  {{- end }}
{{- with $agent.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if and (include "vipalived.newer" . | fromJson).podMonitor.enabled (not .Values.static) }}
ports:
  {{- /* For the PodMonitor only: the scheduler gives a node's port to one pod, and moves may need two there. */}}
  - name: metrics
    containerPort: {{ int $agent.endpoint.port }}
{{- end }}
{{- range $probe := list "startupProbe" "livenessProbe" "readinessProbe" }}
{{- with include "vipalived.agentProbe" (dict "context" $ "name" $probe) }}
{{ $probe }}:
  {{- . | nindent 2 }}
{{- end }}
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  {{- if not .Values.static }}
  - name: config
    mountPath: /etc/vipalived
    readOnly: true
  {{- end }}
  - name: run
    mountPath: /run/vipalived
  {{- range (include "vipalived.agentFiles" . | fromJson).files }}
  - name: {{ .name }}
    mountPath: {{ .path }}
    readOnly: true
  {{- end }}
{{- end -}}

{{/*
The probe that somebody chose a command for; else the agent's own. The default command asks for keepalived's name.
Takes (dict "context" $ "name" PROBE).
*/}}
{{- define "vipalived.agentProbe" -}}
{{- $endpoint := (include "vipalived.newer" .context | fromJson).agent.endpoint -}}
{{- $probe := default (dict) (get .context.Values .name) -}}
{{- $chosen := "" -}}
{{- if $probe.enabled -}}
  {{- if ne (toJson $probe.exec.command) (toJson (list "pidof" "keepalived")) -}}
    {{- $chosen = include "vipalived.probe" $probe -}}
  {{- end -}}
{{- end -}}
{{- if $chosen -}}
{{- $chosen -}}
{{- else if and (ne (int $endpoint.port) 0) (ne .name "startupProbe") -}}
httpGet:
  host: {{ get (dict "0.0.0.0" "127.0.0.1" "::" "::1") $endpoint.address | default $endpoint.address | quote }}
  path: {{ ternary "/livez" "/readyz" (eq .name "livenessProbe") }}
  port: {{ int $endpoint.port }}
periodSeconds: {{ ternary 10 5 (eq .name "livenessProbe") }}
timeoutSeconds: 5
failureThreshold: 3
{{- end -}}
{{- end -}}

{{- define "vipalived.agentVolumes" -}}
{{- if not .Values.static -}}
- name: config
  configMap:
    name: {{ include "vipalived.fullname" . }}-config
{{ end -}}
- name: run
  emptyDir:
    medium: Memory
    sizeLimit: 16Mi
{{- range (include "vipalived.agentFiles" . | fromJson).files }}
- name: {{ .name }}
  hostPath:
    path: {{ .path }}
    type: File
{{- end }}
{{- end -}}

{{/*
The files on the node that the health check reads, each path once: {"files": [{"name": ..., "path": ...}]} as JSON.
*/}}
{{- define "vipalived.agentFiles" -}}
{{- $health := (include "vipalived.newer" . | fromJson).healthCheck -}}
{{- $files := list -}}
{{- $paths := list "" -}}
{{- range $key, $name := dict "caFile" "ca-file" "clientCertFile" "client-cert-file" "clientKeyFile" "client-key-file" "tokenFile" "token-file" -}}
  {{- $path := get $health $key -}}
  {{- if not (has $path $paths) -}}
    {{- $paths = append $paths $path -}}
    {{- $files = append $files (dict "name" $name "path" $path) -}}
  {{- end -}}
{{- end -}}
{{- dict "files" $files | toJson -}}
{{- end -}}
