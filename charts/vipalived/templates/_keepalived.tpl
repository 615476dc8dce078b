{{/*
A value for keepalived.conf: itself where all nodes share it, else a reference to the parameter; so is a source
address that a node without one finds when it starts.
Takes (dict "values" .Values "parameter" NAME).
*/}}
{{- define "vipalived.value" -}}
{{- $common := get (include "vipalived.node" (dict "values" .values) | fromJson) .parameter -}}
{{- $value := $common -}}
{{- range $name, $override := .values.nodes -}}
  {{- $own := get (include "vipalived.node" (dict "values" $.values "override" $override) | fromJson) $.parameter -}}
  {{- if ne $own $common -}}{{- $value = printf "$%s" $.parameter -}}{{- end -}}
{{- end -}}
{{- range .values.keepalived.vrrpInstance.unicastPeers -}}
  {{- if and (eq $.parameter (printf "SOURCE%s" (include "vipalived.family" .))) (empty $common) -}}{{- $value = printf "$%s" $.parameter -}}{{- end -}}
{{- end -}}
{{- $value -}}
{{- end -}}

{{/*
The values that differ from node to node: the common one first, then each node's own on a conditional line.
*/}}
{{- define "vipalived.parameters" -}}
{{- $common := include "vipalived.node" (dict "values" .Values) | fromJson -}}
{{- range $parameter := list "STATE" "INTERFACE" "PRIORITY" "PREEMPT" "SOURCE4" "SOURCE6" -}}
  {{- if hasPrefix "$" (include "vipalived.value" (dict "values" $.Values "parameter" $parameter)) -}}
    {{- printf "$%s=%s\n" $parameter (get $common $parameter) -}}
    {{- range $name, $override := $.Values.nodes -}}
      {{- $own := get (include "vipalived.node" (dict "values" $.Values "override" $override) | fromJson) $parameter -}}
      {{- if ne $own (get $common $parameter) -}}
        {{- printf "@%s $%s=%s\n" $name $parameter $own -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/*
keepalived.conf for all nodes, ending in a newline; the same text as vipalived.render.keepalived makes.
*/}}
{{- define "vipalived.keepalivedConf" -}}
{{ include "vipalived.blocks" . | trim }}
{{ end -}}

{{- define "vipalived.blocks" -}}
{{- $facts := include "vipalived.facts" . | fromJson -}}
{{- $instance := .Values.keepalived.vrrpInstance -}}
{{- $garp := .Values.keepalived.garp -}}
{{- with include "vipalived.parameters" . }}{{ . }}
{{ end -}}
global_defs {
  router_id {{ .Values.keepalived.routerId }}
  vrrp_version {{ int .Values.keepalived.vrrpVersion }}
  vrrp_garp_master_delay {{ int $garp.masterDelay }}
  vrrp_garp_master_refresh {{ int $garp.masterRefresh }}
  vrrp_garp_master_repeat {{ max 1 (int $garp.masterRepeat) }}
  vrrp_garp_master_refresh_repeat {{ max 1 (int $garp.masterRefreshRepeat) }}
  vrrp_higher_prio_send_advert true
  vrrp_garp_lower_prio_delay 1
  vrrp_garp_lower_prio_repeat 3
  vrrp_lower_prio_no_advert true
{{- with default 0 $instance.startDelay | toString | float64 }}
  vrrp_startup_delay {{ . }}
{{- end }}
{{- if $instance.unicastPeers }}
  vrrp_check_unicast_src
{{- end }}
{{- if include "vipalived.runsScript" . }}
  script_user root
  enable_script_security
{{- end }}
  reload_check_config
}
{{ if include "vipalived.runsScript" . }}
{{ include "vipalived.script" . }}
{{ end }}
{{- if gt (len $facts.families) 1 }}
vrrp_sync_group {{ $instance.name }}_GROUP {
  group {
    {{- range $index, $family := $facts.families }}
    {{ $instance.name }}{{ if $index }}_V{{ $family }}{{ end }}
    {{- end }}
  }
}
{{ end }}
{{- range $index, $family := $facts.families }}
vrrp_instance {{ $instance.name }}{{ if $index }}_V{{ $family }}{{ end }} {
  state {{ include "vipalived.value" (dict "values" $.Values "parameter" "STATE") }}
  interface {{ include "vipalived.value" (dict "values" $.Values "parameter" "INTERFACE") }}
  virtual_router_id {{ include "vipalived.virtualRouterId" $ }}
  priority {{ include "vipalived.value" (dict "values" $.Values "parameter" "PRIORITY") }}
  advert_int {{ $instance.advertInt | toString | float64 }}
  {{- with include "vipalived.value" (dict "values" $.Values "parameter" "PREEMPT") }}
  {{ . }}
  {{- end }}
  {{- if and (eq (int $.Values.keepalived.vrrpVersion) 2) $instance.authentication.authPass }}
  authentication {
    auth_type {{ $instance.authentication.authType }}
    auth_pass {{ $instance.authentication.authPass }}
  }
  {{- end }}
  {{- include "vipalived.trackInterface" (dict "names" $instance.trackInterface "own" $facts.interfaces) }}
  {{- if include "vipalived.runsScript" $ }}
  track_script {
    api_server
  }
  {{- end }}
  {{- include "vipalived.unicast" (dict "values" $.Values "family" $family) }}
  virtual_ipaddress {
    {{- include "vipalived.addresses" (dict "context" $ "family" $family) }}
  }
}
{{ end -}}
{{- end -}}

{{/*
Asks the API server with what Alpine's busybox has; see vipalived.render.keepalived.
*/}}
{{- define "vipalived.script" -}}
{{- $health := (include "vipalived.newer" . | fromJson).healthCheck -}}
vrrp_script api_server {
  script "/bin/sh -c 'wget -qS -O /dev/null --no-check-certificate \"{{ $health.url }}\" 2>&1 | grep -Eq \"HTTP/1.[01] (200|401) \"'"
  interval {{ $health.interval | toString | float64 | ceil | int }}
  timeout {{ $health.timeout | toString | float64 | ceil | int }}
  fall {{ int $health.fall }}
  rise {{ int $health.rise }}
}
{{- end -}}

{{- define "vipalived.trackInterface" -}}
{{- $tracked := list -}}
{{- range .names -}}{{- if not (has . $.own) -}}{{- $tracked = append $tracked . -}}{{- end -}}{{- end -}}
{{- if $tracked }}
  track_interface {
    {{- range $tracked }}
    {{ . }}
    {{- end }}
  }
{{- end -}}
{{- end -}}

{{- define "vipalived.unicast" -}}
{{- $peers := list -}}
{{- range .values.keepalived.vrrpInstance.unicastPeers -}}
  {{- if eq (include "vipalived.family" .) $.family -}}{{- $peers = append $peers . -}}{{- end -}}
{{- end -}}
{{- if $peers }}
  {{ include "vipalived.value" (dict "values" .values "parameter" (printf "SOURCE%s" .family)) }}
  {{- if and (eq .family "4") (eq (int .values.keepalived.vrrpVersion) 3) }}
  old_unicast_checksum never
  {{- end }}
  unicast_peer {
    {{- range $peer := $peers }}
    {{ include "vipalived.peerCondition" (dict "nodes" $.values.nodes "peer" $peer) }}{{ $peer }}
    {{- end }}
  }
{{- end -}}
{{- end -}}

{{- define "vipalived.peerCondition" -}}
{{- range $name, $override := .nodes -}}
  {{- range (include "vipalived.sources" $override.unicastSourceAddress | fromJson).list -}}
    {{- if eq (include "vipalived.canonical" .) (include "vipalived.canonical" $.peer) -}}{{- printf "@^%s " $name -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/*
The VIPs of one family. RFC 9568 section 5.2.9 wants a link-local address first in every IPv6 advertisement.
*/}}
{{- define "vipalived.addresses" -}}
{{- $addresses := list -}}
{{- range (include "vipalived.vips" .context | fromJson).vips -}}
  {{- if eq (include "vipalived.family" .) $.family -}}{{- $addresses = append $addresses . -}}{{- end -}}
{{- end -}}
{{- if and (eq .family "6") (not (regexMatch "^fe[89ab][0-9a-f]:" (lower (first $addresses)))) }}
    fe80::200:5eff:fe00:2{{ printf "%02x" (include "vipalived.virtualRouterId" .context | int) }}/64 noprefixroute
{{- end -}}
{{- range $addresses }}
    {{ . }}{{ if not (and (eq $.family "4") (hasSuffix "/32" .)) }} noprefixroute{{ end }}
{{- end -}}
{{- end -}}
