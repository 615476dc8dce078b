{{/* Generated from src/vipalived/settings by `make generate`; do not edit. */}}

{{- define "vipalived.errors" -}}
{{- $values := .Values -}}
{{- $instance := $values.keepalived.vrrpInstance -}}
{{- $version := int $values.keepalived.vrrpVersion -}}
{{- $interval := $instance.advertInt | toString | float64 -}}
{{- $tracked := default (list) $instance.trackInterface -}}
{{- $podLabels := default (dict) $values.podLabels -}}
{{- $podAnnotations := default (dict) $values.podAnnotations -}}
{{- $facts := include "vipalived.facts" . | fromJson -}}
{{- if and (eq $version 2) (ne $interval (floor $interval)) -}}
{{- print "- keepalived.vrrpInstance.advertInt: VRRPv2 carries whole seconds only\n  hint: use a whole number, or `keepalived.vrrpVersion: 3`\n" -}}
{{- end -}}
{{- if and (eq $version 2) (eq $interval (floor $interval)) (or (lt $interval 1.0) (gt $interval 255.0)) -}}
{{- print "- keepalived.vrrpInstance.advertInt: expected 1 to 255 seconds under VRRPv2\n  hint: the protocol's own field has no more room; `1` is the default\n" -}}
{{- end -}}
{{- if and (eq $version 3) (or (lt $interval 0.01) (gt $interval 40.95)) -}}
{{- print "- keepalived.vrrpInstance.advertInt: expected 0.01 to 40.95 seconds under VRRPv3\n  hint: the protocol's own field has no more room; `1` is the default\n" -}}
{{- end -}}
{{- if and (eq $version 3) (ne $interval (round $interval 2)) -}}
{{- print "- keepalived.vrrpInstance.advertInt: VRRPv3 carries hundredths of a second, no finer\n  hint: round it to two decimals\n" -}}
{{- end -}}
{{- if and (eq $version 2) (not (regexMatch `^[A-Za-z0-9@%^&*()_+=:;,./?<>|~\[\]-]{0,8}$` $instance.authentication.authPass)) -}}
{{- print "- keepalived.vrrpInstance.authentication.authPass: expected up to 8 ASCII letters, digits or `@%^&*()_+=:;,./?<>|~[]-`\n  hint: keepalived's configuration reads blanks, quotes and `#!${}\\` as its own syntax\n" -}}
{{- end -}}
{{- if and (eq $version 2) (eq $instance.authentication.authType "AH") (not $instance.authentication.authPass) -}}
{{- print "- keepalived.vrrpInstance.authentication.authPass: AH authentication needs a password\n  hint: set one, or use `authType: PASS`, under which an empty password means no authentication\n" -}}
{{- end -}}
{{- if and (eq $version 2) (has "6" $facts.families) -}}
{{- print "- keepalived.vrrpInstance.virtualIpAddress: VRRPv2 has no IPv6\n  hint: use `keepalived.vrrpVersion: 3`, or IPv4 addresses only\n" -}}
{{- end -}}
{{- if $facts.networkOrBroadcast -}}
{{- print "- keepalived.vrrpInstance.virtualIpAddress: this is the network's or the broadcast address of its subnet\n  hint: use an address of a host, or the prefix `/32`\n" -}}
{{- end -}}
{{- if ne (len $facts.addresses) (len (uniq $facts.addresses)) -}}
{{- print "- keepalived.vrrpInstance.virtualIpAddresses: an address is listed twice\n  hint: list each address once; `virtualIpAddress` counts too\n" -}}
{{- end -}}
{{- if not $values.hostNetwork -}}
{{- print "- hostNetwork: the VIP would live and die in the pod's own network\n  hint: remove it: `true` is the default\n" -}}
{{- end -}}
{{- if ne (len $tracked) (len (uniq $tracked)) -}}
{{- print "- keepalived.vrrpInstance.trackInterface: an interface is listed twice\n  hint: list each interface once\n" -}}
{{- end -}}
{{- if ne (len $facts.peers) (len (uniq $facts.peers)) -}}
{{- print "- keepalived.vrrpInstance.unicastPeers: an address is listed twice\n  hint: list each node's address once\n" -}}
{{- end -}}
{{- if and $facts.peers $facts.familyWithoutPeers -}}
{{- print "- keepalived.vrrpInstance.unicastPeers: expected peers of each address family that has a VIP\n  hint: add the nodes' addresses of that family\n" -}}
{{- end -}}
{{- if $facts.strayFamily -}}
{{- print "- keepalived.vrrpInstance.unicastPeers: a peer or source address has an address family without a VIP\n  hint: remove it, or add a VIP of that family to `virtualIpAddresses`\n" -}}
{{- end -}}
{{- if $facts.vipAsNodeAddress -}}
{{- print "- keepalived.vrrpInstance.unicastPeers: a VIP is given as the address of a node\n  hint: use the nodes' own addresses: the VIP moves\n" -}}
{{- end -}}
{{- if $facts.lonePeer -}}
{{- print "- keepalived.vrrpInstance.unicastPeers: the only peer of an address family is the node itself\n  hint: list the addresses of the other nodes too\n" -}}
{{- end -}}
{{- if ne (len $facts.nodeSources) (len (uniq $facts.nodeSources)) -}}
{{- print "- nodes: two nodes have the same `unicastSourceAddress`\n  hint: give each node its own address\n" -}}
{{- end -}}
{{- if or (hasKey $podLabels "app.kubernetes.io/name") (hasKey $podLabels "app.kubernetes.io/instance") -}}
{{- print "- podLabels: the labels that the DaemonSet selects its pods by cannot be set here\n  hint: remove `app.kubernetes.io/name` and `app.kubernetes.io/instance`\n" -}}
{{- end -}}
{{- if hasKey $podAnnotations "checksum/configmap" -}}
{{- print "- podAnnotations: this annotation is the one that rolls the pods when the configuration changes\n  hint: remove `checksum/configmap`\n" -}}
{{- end -}}
{{- if regexMatch `[\x{7f}-\x{9f}\x{feff}\x{fffe}\x{ffff}]|[^\\](?:\\\\)*\\u202[89]` (omit $values "global" | toJson) -}}
{{- print "- expected text without control characters and line separators that YAML cannot carry\n  hint: Helm would leave out or misread what stands beside it\n" -}}
{{- end -}}
{{- if regexMatch `[{,]"\\u003c\\u003c":` ($values | toJson) -}}
{{- print "- a key `<<` is a merge to YAML and cannot be rendered as a key\n  hint: remove it; an anchor is merged by `<<: *ANCHOR`, without quotes and above the other keys\n" -}}
{{- end -}}
{{- end -}}

{{- define "vipalived.warnings" -}}
{{- $values := .Values -}}
{{- $instance := $values.keepalived.vrrpInstance -}}
{{- $version := int $values.keepalived.vrrpVersion -}}
{{- $interval := $instance.advertInt | toString | float64 -}}
{{- $tracked := default (list) $instance.trackInterface -}}
{{- $podLabels := default (dict) $values.podLabels -}}
{{- $podAnnotations := default (dict) $values.podAnnotations -}}
{{- $facts := include "vipalived.facts" . | fromJson -}}
{{- if and (eq $version 3) (or (ne $instance.authentication.authType "PASS") (ne $instance.authentication.authPass "k8s_vip")) -}}
{{- print "- keepalived.vrrpInstance.authentication: VRRPv3 has no authentication, so these values do nothing\n  hint: remove them, or use `keepalived.vrrpVersion: 2`; a firewall rule for protocol 112 protects either\n" -}}
{{- end -}}
{{- if and (eq $version 2) (eq $instance.authentication.authType "AH") $facts.masterNotOwner -}}
{{- print "- keepalived.vrrpInstance.state: keepalived cannot start as MASTER with AH authentication unless the priority is 255\n  hint: BACKUP is rendered; remove `state: MASTER`\n" -}}
{{- end -}}
{{- if and $instance.nopreempt $facts.masterNotOwner -}}
{{- print "- keepalived.vrrpInstance.nopreempt: nopreempt does nothing with `state: MASTER`\n  hint: use `state: BACKUP`, or `nopreempt: false`\n" -}}
{{- end -}}
{{- if and $instance.nopreempt (has "255" $facts.priorities) -}}
{{- print "- keepalived.vrrpInstance.nopreempt: nopreempt does nothing with priority 255, which always preempts\n  hint: use a priority below 255, or `nopreempt: false`\n" -}}
{{- end -}}
{{- if $facts.severalOwners -}}
{{- print "- keepalived.vrrpInstance.priority: only one node can be the address owner (priority 255); several fight for the VIP\n  hint: set it for one node: `nodes: {NODE: {priority: 255}}`\n" -}}
{{- end -}}
{{- if $facts.tracksOwnInterface -}}
{{- print "- keepalived.vrrpInstance.trackInterface: the interface that carries VRRP is tracked anyway, and not rendered again\n  hint: list further interfaces only\n" -}}
{{- end -}}
{{- if and $facts.sources (not $facts.peers) -}}
{{- print "- keepalived.vrrpInstance.unicastSourceAddress: a source address without `unicastPeers` does nothing: advertisements are multicast\n  hint: remove it, or list `unicastPeers`\n" -}}
{{- end -}}
{{- if and $facts.peers (not $facts.nodeSources) -}}
{{- print "- keepalived.vrrpInstance.unicastPeers: no node is told which peer it is itself, so each holder also sends to itself and logs a warning every time\n  hint: say whose address is whose: `nodes: {NODE: {unicastSourceAddress: ADDRESS}}`\n" -}}
{{- end -}}
{{- if not (and $values.keepalived.garp.masterRepeat $values.keepalived.garp.masterRefreshRepeat) -}}
{{- print "- keepalived.garp: keepalived sends at least one gratuitous ARP, so a repeat of 0 is rendered as 1\n  hint: use 1 or more\n" -}}
{{- end -}}
{{- end -}}
