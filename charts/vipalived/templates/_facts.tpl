{{/*
An address in one spelling: IPv4 as it is, IPv6 as eight groups without leading zeros.
*/}}
{{- define "vipalived.canonical" -}}
{{- if contains ":" . -}}
  {{- $halves := splitList "::" (lower .) -}}
  {{- $head := compact (splitList ":" (first $halves)) -}}
  {{- $tail := compact (splitList ":" (join "" (rest $halves))) -}}
  {{- range until (int (sub 8 (add (len $head) (len $tail)))) -}}
    {{- $head = append $head "0" -}}
  {{- end -}}
  {{- regexReplaceAll "(^|:)0+([0-9a-f])" (join ":" (concat $head $tail)) "${1}${2}" -}}
{{- else -}}
  {{- . -}}
{{- end -}}
{{- end -}}

{{/*
The virtual router ID; `auto` as vipalived.settings.automatic derives it.
*/}}
{{- define "vipalived.virtualRouterId" -}}
{{- $instance := .Values.keepalived.vrrpInstance -}}
{{- if eq (toString $instance.virtualRouterId) "auto" -}}
  {{- $address := include "vipalived.canonical" (first (splitList "/" $instance.virtualIpAddress)) -}}
  {{- $hash := printf "%s/%s/%s" .Values.namespace .Release.Name $address | sha256sum -}}
  {{- add1 (mod (regexReplaceAll "[a-f]" $hash "" | trunc 9 | atoi) 255) -}}
{{- else -}}
  {{- int $instance.virtualRouterId -}}
{{- end -}}
{{- end -}}

{{/*
"true" when an IPv4 address with its prefix is the first or last of a subnet that has room for both.
*/}}
{{- define "vipalived.isNetworkOrBroadcast" -}}
{{- $prefix := int (last (splitList "/" .)) -}}
{{- if and (not (contains ":" .)) (le $prefix 30) -}}
  {{- $number := 0 -}}
  {{- range splitList "." (first (splitList "/" .)) -}}
    {{- $number = add (mul $number 256) (int .) -}}
  {{- end -}}
  {{- $size := 1 -}}
  {{- range until (int (sub 32 $prefix)) -}}
    {{- $size = mul $size 2 -}}
  {{- end -}}
  {{- $host := mod $number $size -}}
  {{- if or (eq $host 0) (eq $host (sub $size 1)) -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{/*
"4" or "6": the family of an address.
*/}}
{{- define "vipalived.family" -}}
{{- ternary "6" "4" (contains ":" .) -}}
{{- end -}}

{{/*
Every VIP as written, the first one first; {"vips": [...]} as JSON.
*/}}
{{- define "vipalived.vips" -}}
{{- $instance := .Values.keepalived.vrrpInstance -}}
{{- dict "vips" (concat (list $instance.virtualIpAddress) (default (list) $instance.virtualIpAddresses)) | toJson -}}
{{- end -}}

{{/*
The addresses of a `unicastSourceAddress`, which may be none, one or one for each family; {"list": [...]} as JSON.
*/}}
{{- define "vipalived.sources" -}}
{{- dict "list" (ternary . (ternary (list) (list .) (empty .)) (kindIs "slice" .)) | toJson -}}
{{- end -}}

{{/*
What one node runs with, by the name of the parameter that carries it in keepalived.conf, as JSON.
Takes (dict "values" .Values "override" OVERRIDE).
*/}}
{{- define "vipalived.node" -}}
{{- $instance := .values.keepalived.vrrpInstance -}}
{{- $override := default (dict) .override -}}
{{- $priority := int (default $instance.priority $override.priority) -}}
{{- $state := default $instance.state $override.state -}}
{{- if and (eq (int .values.keepalived.vrrpVersion) 2) (eq $instance.authentication.authType "AH") (ne $priority 255) -}}
  {{- $state = "BACKUP" -}}
{{- end -}}
{{- $preempt := "" -}}
{{- if and (eq $state "BACKUP") (ne $priority 255) -}}
  {{- if $instance.nopreempt -}}
    {{- $preempt = "nopreempt" -}}
  {{- else if int $instance.preemptDelay -}}
    {{- $preempt = printf "preempt_delay %d" (int $instance.preemptDelay) -}}
  {{- end -}}
{{- end -}}
{{- $sources := dict -}}
{{- range (include "vipalived.sources" (default $instance.unicastSourceAddress $override.unicastSourceAddress) | fromJson).list -}}
  {{- $_ := set $sources (include "vipalived.family" .) (printf "unicast_src_ip %s" .) -}}
{{- end -}}
{{- dict
  "STATE" $state
  "INTERFACE" (default $instance.interface $override.interface)
  "PRIORITY" (toString $priority)
  "PREEMPT" $preempt
  "SOURCE4" (default "" (get $sources "4"))
  "SOURCE6" (default "" (get $sources "6"))
| toJson -}}
{{- end -}}

{{/*
What the rules between values look at, as JSON; see vipalived.settings.rules.
*/}}
{{- define "vipalived.facts" -}}
{{- $instance := .Values.keepalived.vrrpInstance -}}
{{- $addresses := list -}}
{{- $families := list -}}
{{- $networkOrBroadcast := false -}}
{{- range (include "vipalived.vips" . | fromJson).vips -}}
  {{- $addresses = append $addresses (include "vipalived.canonical" (first (splitList "/" .))) -}}
  {{- $families = append $families (include "vipalived.family" .) -}}
  {{- if include "vipalived.isNetworkOrBroadcast" . -}}{{- $networkOrBroadcast = true -}}{{- end -}}
{{- end -}}
{{- $six := list -}}
{{- range $index, $family := $families -}}
  {{- if eq $family "6" -}}{{- $six = append $six (index $addresses $index) -}}{{- end -}}
{{- end -}}
{{- $sizes := dict "four" (sub (len $families) (len $six)) "six" (len $six) -}}
{{- with $six -}}
  {{- /* See vipalived.addresses. */ -}}
  {{- if not (regexMatch "^fe[89ab][0-9a-f]:" (first .)) -}}{{- $_ := set $sizes "six" (add1 (len .)) -}}{{- end -}}
{{- end -}}
{{- $commandless := list -}}
{{- range list "startupProbe" "livenessProbe" "readinessProbe" -}}
  {{- $probe := default (dict) (get $.Values .) -}}
  {{- if and $probe.enabled (not (default (dict) $probe.exec).command) -}}{{- $commandless = append $commandless . -}}{{- end -}}
{{- end -}}
{{- $peers := list -}}
{{- $peerFamilies := list -}}
{{- range $instance.unicastPeers -}}
  {{- $peers = append $peers (include "vipalived.canonical" .) -}}
  {{- $peerFamilies = append $peerFamilies (include "vipalived.family" .) -}}
{{- end -}}
{{- $common := include "vipalived.node" (dict "values" .Values) | fromJson -}}
{{- $interfaces := list $common.INTERFACE -}}
{{- $priorities := list $common.PRIORITY -}}
{{- $masterNotOwner := and (eq $instance.state "MASTER") (ne $common.PRIORITY "255") -}}
{{- $sources := list -}}
{{- $nodeSources := list -}}
{{- $sourcesOfOneFamily := false -}}
{{- $unlistedSource := false -}}
{{- $ofFamilies := list -}}
{{- range (include "vipalived.sources" $instance.unicastSourceAddress | fromJson).list -}}
  {{- $sources = append $sources (include "vipalived.canonical" .) -}}
  {{- $ofFamilies = append $ofFamilies (include "vipalived.family" .) -}}
{{- end -}}
{{- if ne (len $ofFamilies) (len (uniq $ofFamilies)) -}}{{- $sourcesOfOneFamily = true -}}{{- end -}}
{{- $overriddenPriorities := list -}}
{{- $owners := 0 -}}
{{- range $name, $override := .Values.nodes -}}
  {{- $node := include "vipalived.node" (dict "values" $.Values "override" $override) | fromJson -}}
  {{- $interfaces = append $interfaces $node.INTERFACE -}}
  {{- $priorities = append $priorities $node.PRIORITY -}}
  {{- if and (eq (default $instance.state $override.state) "MASTER") (ne $node.PRIORITY "255") -}}{{- $masterNotOwner = true -}}{{- end -}}
  {{- $ofFamilies := list -}}
  {{- range (include "vipalived.sources" $override.unicastSourceAddress | fromJson).list -}}
    {{- $source := include "vipalived.canonical" . -}}
    {{- $nodeSources = append $nodeSources $source -}}
    {{- $ofFamilies = append $ofFamilies (include "vipalived.family" .) -}}
    {{- if not (has $source $peers) -}}{{- $unlistedSource = true -}}{{- end -}}
  {{- end -}}
  {{- if ne (len $ofFamilies) (len (uniq $ofFamilies)) -}}{{- $sourcesOfOneFamily = true -}}{{- end -}}
  {{- with $override.priority -}}
    {{- $overriddenPriorities = append $overriddenPriorities (int .) -}}
    {{- if eq (int .) 255 -}}{{- $owners = add1 $owners -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- $sources = concat $sources $nodeSources -}}
{{- $tracksOwnInterface := false -}}
{{- range $instance.trackInterface -}}{{- if has . $interfaces -}}{{- $tracksOwnInterface = true -}}{{- end -}}{{- end -}}
{{- $familyWithoutPeers := false -}}
{{- range $families -}}{{- if not (has . $peerFamilies) -}}{{- $familyWithoutPeers = true -}}{{- end -}}{{- end -}}
{{- $lonePeer := false -}}
{{- range $peer := $peers -}}
  {{- $ofFamily := list -}}
  {{- range $peers -}}
    {{- if eq (include "vipalived.family" .) (include "vipalived.family" $peer) -}}{{- $ofFamily = append $ofFamily . -}}{{- end -}}
  {{- end -}}
  {{- if and (has $peer $nodeSources) (eq (len $ofFamily) 1) -}}{{- $lonePeer = true -}}{{- end -}}
{{- end -}}
{{- $strayFamily := false -}}
{{- $vipAsNodeAddress := false -}}
{{- range concat $peers $sources -}}
  {{- if not (has (include "vipalived.family" .) $families) -}}{{- $strayFamily = true -}}{{- end -}}
  {{- if has . $addresses -}}{{- $vipAsNodeAddress = true -}}{{- end -}}
{{- end -}}
{{- $limits := get (default (dict) .Values.resources) "limits" -}}
{{- $cpu := get (ternary $limits (dict) (kindIs "map" $limits)) "cpu" | toString -}}
{{- $url := (include "vipalived.newer" . | fromJson).healthCheck.url -}}
{{- $host := regexReplaceAll "^https://(?:\\[([^]]*)\\]|([^:/]*)).*$" $url "${1}${2}" -}}
{{- dict
  "addresses" $addresses
  "sizes" $sizes
  "commandless" $commandless
  "cpuLimited" (regexMatch `^(?:0*[1-9][0-9]{0,2}m|0?\.[0-9]*[1-9][0-9]*)$` $cpu)
  "asksVip" (has (include "vipalived.canonical" $host) $addresses)
  "families" (uniq $families)
  "networkOrBroadcast" $networkOrBroadcast
  "peers" $peers
  "sources" $sources
  "nodeSources" $nodeSources
  "sourcesOfOneFamily" $sourcesOfOneFamily
  "unlistedSource" $unlistedSource
  "interfaces" (uniq $interfaces)
  "priorities" $priorities
  "masterNotOwner" $masterNotOwner
  "shareAPriority" (or (empty .Values.nodes) (ne (len (rest $priorities)) (len (uniq (rest $priorities)))))
  "severalOwners" (or (gt (int $owners) 1) (and (eq (int $instance.priority) 255) (empty $overriddenPriorities)))
  "tracksOwnInterface" $tracksOwnInterface
  "familyWithoutPeers" $familyWithoutPeers
  "lonePeer" $lonePeer
  "strayFamily" $strayFamily
  "vipAsNodeAddress" $vipAsNodeAddress
| toJson -}}
{{- end -}}
