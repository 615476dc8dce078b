{{/*
Capabilities as Kubernetes has them, each in one spelling; {"names": [...]} as JSON.
*/}}
{{- define "vipalived.capabilities" -}}
{{- $names := list -}}
{{- range default (list) . -}}{{- $names = append $names (upper . | trimPrefix "CAP_") -}}{{- end -}}
{{- dict "names" $names | toJson -}}
{{- end -}}

{{/*
The number that a Kubernetes quantity stands for.
*/}}
{{- define "vipalived.quantity" -}}
{{- $text := toString . -}}
{{- $number := regexFind `^[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?` $text -}}
{{- $factors := dict
  "n" 0.000000001 "u" 0.000001 "m" 0.001
  "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18
  "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0
  "Ei" 1152921504606846976.0
-}}
{{- mulf (float64 $number) (default 1.0 (get $factors (trimPrefix $number $text))) -}}
{{- end -}}

{{/*
What Kubernetes lets the container of the engine do and have, as JSON; see vipalived.settings.rights.
*/}}
{{- define "vipalived.rights" -}}
{{- $own := default (dict) .Values.securityContext -}}
{{- if include "vipalived.runsAgent" . -}}
  {{- $own = default (dict) (include "vipalived.newer" . | fromJson).agent.securityContext -}}
{{- end -}}
{{- $capabilities := default (dict) $own.capabilities -}}
{{- $added := (include "vipalived.capabilities" $capabilities.add | fromJson).names -}}
{{- $denied := (include "vipalived.capabilities" $capabilities.drop | fromJson).names -}}
{{- $missing := list -}}
{{- $dropped := list -}}
{{- range ternary (list) (list "NET_ADMIN" "NET_RAW" "SETGID") (not (empty $own.privileged)) -}}
  {{- if not (or (has . $added) (has "ALL" $added)) -}}
    {{- $missing = append $missing . -}}
    {{- if or (has . $denied) (has "ALL" $denied) -}}{{- $dropped = append $dropped . -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- $user := dict -}}
{{- range $context := list (default (dict) .Values.podSecurityContext) $own -}}
  {{- range list "runAsNonRoot" "runAsUser" -}}
    {{- $value := get $context . -}}
    {{- if and (hasKey $context .) (not (kindIs "invalid" $value)) -}}{{- $_ := set $user . $value -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- $excess := false -}}
{{- $resources := default (dict) .Values.resources -}}
{{- $limits := default (dict) $resources.limits -}}
{{- range $name, $request := default (dict) $resources.requests -}}
  {{- $limit := get $limits $name -}}
  {{- if and (hasKey $limits $name) (not (kindIs "invalid" $limit)) (not (kindIs "invalid" $request)) -}}
    {{- if gt (include "vipalived.quantity" $request | float64) (include "vipalived.quantity" $limit | float64) -}}
      {{- $excess = true -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- dict
  "missing" $missing
  "dropped" $dropped
  "notRoot" (not (and (empty $user.runAsNonRoot) (empty $user.runAsUser)))
  "excess" $excess
| toJson -}}
{{- end -}}
