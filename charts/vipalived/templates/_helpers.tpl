{{- define "vipalived.name" -}}
{{- default .Chart.Name .Values.nameOverride -}}
{{- end -}}

{{- define "vipalived.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains (include "vipalived.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "vipalived.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "vipalived.selectorLabels" -}}
app.kubernetes.io/name: {{ include "vipalived.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "vipalived.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{ include "vipalived.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/component: control-plane
{{- end -}}

{{/*
Stops where nothing could work. Included by every manifest.
*/}}
{{- define "vipalived.validate" -}}
{{- if eq (default "keepalived" .Values.engine) "native" -}}
{{- fail "\nthese values cannot work:\n- engine: expected `keepalived`: no image has the native engine yet\n  hint: run `vipalived agent` on the nodes, or use `engine: keepalived`" -}}
{{- end -}}
{{- with include "vipalived.errors" . | trim -}}
{{- printf "\nthese values cannot work:\n%s" . | fail -}}
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
exec keepalived --dont-fork --log-console --log-detail --vrrp --use-file=/etc/keepalived/keepalived.conf --config-id="$NODE_NAME"
{{- end -}}

{{- define "vipalived.probe" -}}
{{- if .enabled }}
{{- omit . "enabled" | toYaml }}
{{- end }}
{{- end -}}

{{/*
The pod's specification, for the DaemonSet and the static pod.
Takes (dict "context" $ "nodeSelector" ... "affinity" ... "tolerations" ...).
*/}}
{{- define "vipalived.podSpec" -}}
{{- $values := .context.Values -}}
hostNetwork: {{ $values.hostNetwork }}
automountServiceAccountToken: {{ default false $values.automountServiceAccountToken }}
{{- with $values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
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
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: keepalived
    image: {{ printf "%s:%s" $values.image.repository (default .context.Chart.AppVersion $values.image.tag) | quote }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    command:
      - /bin/sh
      - -c
      - |
        {{- include "vipalived.install" .context | nindent 8 }}
        {{- if $values.static }}
        printf '%s' "$KEEPALIVED_CONF" >/etc/keepalived/keepalived.conf
        {{- end }}
        {{- include "vipalived.exec" .context | nindent 8 }}
    env:
      - name: NODE_NAME
        valueFrom:
          fieldRef:
            fieldPath: spec.nodeName
      {{- if $values.static }}
      - name: KEEPALIVED_CONF
        value: |
          {{- include "vipalived.keepalivedConf" .context | trim | nindent 10 }}
      {{- end }}
    {{- with $values.securityContext }}
    securityContext:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- range $probe := list "startupProbe" "livenessProbe" "readinessProbe" }}
    {{- with include "vipalived.probe" (default (dict) (get $values $probe)) }}
    {{ $probe }}:
      {{- . | nindent 6 }}
    {{- end }}
    {{- end }}
    {{- with $values.resources }}
    resources:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    volumeMounts:
      - name: config
        mountPath: /etc/keepalived
volumes:
  - name: config
    {{- if $values.static }}
    emptyDir: {}
    {{- else }}
    configMap:
      name: {{ include "vipalived.fullname" .context }}-config
    {{- end }}
{{- end -}}
