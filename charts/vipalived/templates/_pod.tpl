{{/*
The pod's specification, for the DaemonSet and the static pod.
Takes (dict "context" $ "nodeSelector" ... "affinity" ... "tolerations" YAML).
*/}}
{{- define "vipalived.podSpec" -}}
{{- $values := .context.Values -}}
{{- $newer := include "vipalived.newer" .context | fromJson -}}
{{- $contents := ternary "agent" "keepalived" (eq (include "vipalived.runsAgent" .context) "true") -}}
hostNetwork: {{ $values.hostNetwork }}
automountServiceAccountToken: {{ default false $values.automountServiceAccountToken }}
{{- with and (not $values.static) $values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with and (not $values.static) $newer.serviceAccount.name }}
serviceAccountName: {{ . | quote }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with $values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- . | nindent 2 }}
{{- end }}
terminationGracePeriodSeconds: {{ int $newer.terminationGracePeriodSeconds }}
containers:
  - {{- include (printf "vipalived.%sContainer" $contents) .context | nindent 4 }}
volumes:
  {{- include (printf "vipalived.%sVolumes" $contents) .context | nindent 2 }}
{{- end -}}

{{- define "vipalived.nodeName" -}}
- name: NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
{{- end -}}

{{- define "vipalived.probe" -}}
{{- if .enabled }}
{{- omit . "enabled" | toYaml }}
{{- end }}
{{- end -}}

{{- define "vipalived.keepalivedContainer" -}}
name: keepalived
image: {{ include "vipalived.image" (dict "image" .Values.image "version" .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
command:
  - /bin/sh
  - -c
  - |
    {{- include "vipalived.install" . | nindent 4 }}
    {{- if .Values.static }}
    printf '%s' "$KEEPALIVED_CONF" >/etc/vipalived/keepalived.conf
    {{- end }}
    {{- include "vipalived.network" . | nindent 4 }}
    {{- include "vipalived.exec" . | nindent 4 }}
env:
  {{- include "vipalived.nodeName" . | nindent 2 }}
  {{- if .Values.static }}
  - name: KEEPALIVED_CONF
    value: |
      {{- include "vipalived.keepalivedConf" . | trim | nindent 6 }}
  {{- end }}
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if not (default (dict) .Values.startupProbe).enabled }}
startupProbe:
  {{- include "vipalived.started" . | nindent 2 }}
{{- end }}
{{- range $probe := list "startupProbe" "livenessProbe" "readinessProbe" }}
{{- with include "vipalived.probe" (default (dict) (get $.Values $probe)) }}
{{ $probe }}:
  {{- . | nindent 2 }}
{{- end }}
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: config
    mountPath: /etc/vipalived
  - name: run
    mountPath: /run
  - name: locks
    mountPath: /run/vipalived
{{- end -}}

{{- define "vipalived.keepalivedVolumes" -}}
- name: config
  {{- if .Values.static }}
  emptyDir: {}
  {{- else }}
  configMap:
    name: {{ include "vipalived.fullname" . }}-config
  {{- end }}
- name: run
  emptyDir:
    medium: Memory
    sizeLimit: 16Mi
- name: locks
  hostPath:
    path: /run/vipalived
    type: DirectoryOrCreate
{{- end -}}

{{/*
How long a pod must be ready before the next one is replaced; see vipalived.settings.model.
*/}}
{{- define "vipalived.minReadySeconds" -}}
{{- $given := (include "vipalived.newer" . | fromJson).minReadySeconds -}}
{{- if eq (toString $given) "auto" -}}
  {{- .Values.keepalived.vrrpInstance.advertInt | toString | float64 | mulf 4.0 | ceil | int | add 2 -}}
{{- else -}}
  {{- int $given -}}
{{- end -}}
{{- end -}}

{{/*
Seconds that a pod needs at its end; see vipalived.settings.model.
*/}}
{{- define "vipalived.timeToLeave" -}}
{{- if include "vipalived.runsAgent" . -}}
  {{- .Values.keepalived.vrrpInstance.advertInt | toString | float64 | mulf 4.0 | ceil | int | min 20 | add 2 -}}
{{- else -}}
  2
{{- end -}}
{{- end -}}

{{/*
Finds keepalived, or installs it. As in the 0.2.3 chart the image may be a bare Alpine.
*/}}
{{- define "vipalived.install" -}}
command -v keepalived >/dev/null || apk add --no-cache keepalived || {
  echo 'vipalived: keepalived is not in the image, and apk cannot install it' >&2
  exit 1
}
{{- end -}}

{{/*
exec, so that keepalived is PID 1 and gets SIGTERM: it resigns and takes the VIP away in a second.
*/}}
{{- define "vipalived.exec" -}}
exec keepalived --dont-fork --log-console --vrrp --use-file=/run/keepalived.conf --config-id="$NODE_NAME"
{{- end -}}
