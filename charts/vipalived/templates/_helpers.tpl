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
The metadata of an object. Takes (dict "context" $) and, where the object has them, "suffix", "labels", "annotations".
*/}}
{{- define "vipalived.metadata" -}}
{{- $newer := include "vipalived.newer" .context | fromJson -}}
name: {{ printf "%s%s" (include "vipalived.fullname" .context) (default "" .suffix) | quote }}
namespace: {{ .context.Values.namespace | quote }}
labels:
  {{- mergeOverwrite (include "vipalived.labels" .context | fromYaml) $newer.commonLabels (default (dict) .labels) | toYaml | nindent 2 }}
{{- with mergeOverwrite $newer.commonAnnotations (default (dict) .annotations) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
The warnings beside what they are of, as JSON: nobody reads NOTES where Argo CD, Flux or a pipeline installs.
*/}}
{{- define "vipalived.warned" -}}
{{- $annotations := dict -}}
{{- with include "vipalived.warnings" . | trim -}}{{- $_ := set $annotations "vipalived/warnings" . -}}{{- end -}}
{{- $annotations | toJson -}}
{{- end -}}

{{/*
An image by what is known of it. Takes (dict "image" IMAGE "version" WHAT IT HAS FOR A TAG WHERE NOTHING ELSE IS SAID).
*/}}
{{- define "vipalived.image" -}}
{{- .image.repository -}}
{{- if or .image.tag (not .image.digest) }}:{{ default .version .image.tag }}{{ end -}}
{{- with .image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{/*
Stops where nothing could work. Included by every manifest; the first one looks, for Helm hands the same map to all.
*/}}
{{- define "vipalived.validate" -}}
{{- if not (hasKey . "vipalivedIsValid") -}}
{{- $errors := include "vipalived.misfits" . -}}
{{- if not $errors -}}{{- $errors = include "vipalived.errors" . -}}{{- end -}}
{{- with $errors | trim -}}
{{- printf "\nthese values cannot work:\n%s\n(`vipalived check` says all of it, with more hints, before anything is installed)" . | fail -}}
{{- end -}}
{{- $_ := set . "vipalivedIsValid" true -}}
{{- end -}}
{{- end -}}

{{/*
The texts that do not look as they must, in words; empty when all of them do. See vipalived.render.patterns.
*/}}
{{- define "vipalived.misfits" -}}
{{- range include "vipalived.forms" . | fromJsonArray -}}
  {{- include "vipalived.misfit" (dict "value" $.Values "steps" .steps "path" "" "form" .) -}}
{{- end -}}
{{- end -}}

{{/*
Takes (dict "value" VALUE "steps" STEPS INSIDE IT "path" PATH OF IT "form" FORM).
*/}}
{{- define "vipalived.misfit" -}}
{{- if .steps -}}
  {{- $step := first .steps -}}
  {{- $inner := list -}}
  {{- if and (eq $step "[]") (kindIs "slice" .value) -}}
    {{- range $index, $value := .value -}}
      {{- $inner = append $inner (dict "value" $value "path" (printf "%s[%d]" $.path $index)) -}}
    {{- end -}}
  {{- else if and (eq $step "*") (kindIs "map" .value) -}}
    {{- range $key, $value := .value -}}
      {{- $inner = append $inner (dict "value" $value "path" (printf "%s.%s" $.path $key)) -}}
    {{- end -}}
  {{- else if and (kindIs "map" .value) (hasKey .value $step) -}}
    {{- $inner = list (dict "value" (get .value $step) "path" (printf "%s.%s" .path $step)) -}}
  {{- end -}}
  {{- range $inner -}}
    {{- include "vipalived.misfit" (dict "value" .value "steps" (rest $.steps) "path" .path "form" $.form) -}}
  {{- end -}}
{{- else if typeIs "string" .value -}}
  {{- if not (regexMatch .form.pattern .value) -}}
    {{- printf "- %s: expected %s, found %q\n" (trimPrefix "." .path) .form.words .value -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/*
What the charts up to 0.2.3 had not, over its defaults, as JSON: Helm's --reuse-values lays nothing below.
*/}}
{{- define "vipalived.newer" -}}
{{- if not (hasKey . "vipalivedNewer") -}}
{{- $_ := include "vipalived.over" (dict "given" .Values "defaults" (include "vipalived.defaults" . | fromJson)) | set . "vipalivedNewer" -}}
{{- end -}}
{{- .vipalivedNewer -}}
{{- end -}}

{{/*
Takes (dict "given" VALUES "defaults" DEFAULTS). What is Kubernetes' own, or an object that is empty by default, is
taken as it is given.
*/}}
{{- define "vipalived.over" -}}
{{- $given := .given -}}
{{- $made := dict -}}
{{- range $key, $default := .defaults -}}
  {{- $value := get $given $key -}}
  {{- if or (not (hasKey $given $key)) (kindIs "invalid" $value) -}}
    {{- $_ := set $made $key $default -}}
  {{- else if and (kindIs "map" $default) $default (ne $key "securityContext") -}}
    {{- $_ := set $made $key (include "vipalived.over" (dict "given" $value "defaults" $default) | fromJson) -}}
  {{- else -}}
    {{- $_ := set $made $key $value -}}
  {{- end -}}
{{- end -}}
{{- $made | toJson -}}
{{- end -}}

{{/*
"true" when the pod's container is the agent.
*/}}
{{- define "vipalived.runsAgent" -}}
{{- if eq (include "vipalived.newer" . | fromJson).engine "native" -}}true{{- end -}}
{{- end -}}

{{/*
"true" when keepalived itself asks the API server.
*/}}
{{- define "vipalived.runsScript" -}}
{{- $health := (include "vipalived.newer" . | fromJson).healthCheck -}}
{{- if and (eq (toString $health.enabled) "true") (not (include "vipalived.runsAgent" .)) -}}true{{- end -}}
{{- end -}}

{{/*
What the pods of the DaemonSet are scheduled by, as YAML: the values with what `distribution` makes of them. See
vipalived.settings.distributions.
*/}}
{{- define "vipalived.nodeSelector" -}}
{{- $selector := deepCopy (default (dict) .Values.nodeSelector) -}}
{{- $label := include "vipalived.controlPlane" . | trim -}}
{{- with get (include "vipalived.distributions" . | fromJson) (default "" .Values.distribution) -}}
  {{- if eq (default "" (get $selector $label)) (include "vipalived.marked" $ | trim) -}}
    {{- $_ := set $selector $label .labelValue -}}
  {{- end -}}
{{- end -}}
{{- with $selector -}}{{ toYaml . }}{{- end -}}
{{- end -}}

{{- define "vipalived.tolerations" -}}
{{- $tolerations := default (list) .Values.tolerations -}}
{{- with get (include "vipalived.distributions" . | fromJson) (default "" .Values.distribution) -}}
  {{- range .tolerations -}}
    {{- if not (has . $tolerations) -}}{{- $tolerations = append $tolerations . -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- with $tolerations -}}{{ toYaml . }}{{- end -}}
{{- end -}}
