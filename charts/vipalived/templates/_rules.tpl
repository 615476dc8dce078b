{{/* Generated from src/vipalived/settings by `make generate`; do not edit. */}}

{{- define "vipalived.errors" -}}
{{- $values := .Values -}}
{{- $instance := $values.keepalived.vrrpInstance -}}
{{- $version := int $values.keepalived.vrrpVersion -}}
{{- $interval := $instance.advertInt | toString | float64 -}}
{{- $startDelay := default 0 $instance.startDelay | toString | float64 -}}
{{- $tracked := default (list) $instance.trackInterface -}}
{{- $podLabels := default (dict) $values.podLabels -}}
{{- $podAnnotations := default (dict) $values.podAnnotations -}}
{{- $global := default (dict) $values.global -}}
{{- $newer := include "vipalived.newer" . | fromJson -}}
{{- $defaults := include "vipalived.defaults" . | fromJson -}}
{{- $selector := default (dict) $values.nodeSelector -}}
{{- $agent := $newer.agent -}}
{{- $health := $newer.healthCheck -}}
{{- $runsAgent := include "vipalived.runsAgent" . -}}
{{- $runsScript := include "vipalived.runsScript" . -}}
{{- $facts := include "vipalived.facts" . | fromJson -}}
{{- $rights := include "vipalived.rights" . | fromJson -}}
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
{{- if or (lt $startDelay 0.0) (gt $startDelay 600.0) -}}
{{- print "- keepalived.vrrpInstance.startDelay: expected 0 to 600 seconds\n  hint: it is what a switch port needs to pass packets; a spanning tree takes up to 50 s\n" -}}
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
{{- if or (gt (int $facts.sizes.four) 255) (gt (int $facts.sizes.six) 255) -}}
{{- print "- keepalived.vrrpInstance.virtualIpAddresses: an advertisement holds 255 addresses of a family, and an IPv6 one begins with a link-local address\n  hint: split them over several releases, each with a `virtualRouterId` of its own\n" -}}
{{- end -}}
{{- if ne (len $facts.addresses) (len (uniq $facts.addresses)) -}}
{{- print "- keepalived.vrrpInstance.virtualIpAddresses: an address is listed twice\n  hint: list each address once; `virtualIpAddress` counts too\n" -}}
{{- end -}}
{{- if not $values.hostNetwork -}}
{{- print "- hostNetwork: the VIP would live and die in the pod's own network\n  hint: remove it: `true` is the default\n" -}}
{{- end -}}
{{- if has "lo" $facts.interfaces -}}
{{- print "- keepalived.vrrpInstance.interface: the loopback has no neighbours to be told of a VIP\n  hint: name the interface that the nodes share; `auto` finds it\n" -}}
{{- end -}}
{{- if ne (len $tracked) (len (uniq $tracked)) -}}
{{- print "- keepalived.vrrpInstance.trackInterface: an interface is listed twice\n  hint: list each interface once\n" -}}
{{- end -}}
{{- if has "auto" $tracked -}}
{{- print "- keepalived.vrrpInstance.trackInterface: `auto` is not the name of an interface here\n  hint: name those to be tracked; the interface that carries VRRP is tracked anyway\n" -}}
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
{{- if and $facts.peers $facts.unlistedSource -}}
{{- print "- keepalived.vrrpInstance.unicastPeers: a node's own address is not among the peers, which would not listen to it\n  hint: list the addresses of all nodes: each one skips its own\n" -}}
{{- end -}}
{{- if and $facts.peers (not $values.static) $instance.unicastSourceAddress -}}
{{- print "- keepalived.vrrpInstance.unicastSourceAddress: one source address for all nodes\n  hint: say whose it is: `nodes: {NODE: {unicastSourceAddress: ADDRESS}}`, or remove it: a node finds its own among `unicastPeers`; for a static pod of one node alone set `static: true`\n" -}}
{{- end -}}
{{- if $facts.sourcesOfOneFamily -}}
{{- print "- keepalived.vrrpInstance.unicastSourceAddress: expected one address for each family\n  hint: a node speaks from one address of its own\n" -}}
{{- end -}}
{{- if ne (len $facts.nodeSources) (len (uniq $facts.nodeSources)) -}}
{{- print "- nodes: two nodes have the same `unicastSourceAddress`\n  hint: give each node its own address\n" -}}
{{- end -}}
{{- if regexMatch `[\x{7f}-\x{9f}\x{feff}\x{fffe}\x{ffff}]|[^\\](?:\\\\)*\\u202[89]` (omit $values "global" | toJson) -}}
{{- print "- expected text without control characters and line separators that YAML cannot carry\n  hint: Helm would leave out or misread what stands beside it\n" -}}
{{- end -}}
{{- if regexMatch `[{,]"\\u003c\\u003c":` ($values | toJson) -}}
{{- print "- a key `<<` is a merge to YAML and cannot be rendered as a key\n  hint: remove it; an anchor is merged by `<<: *ANCHOR`, without quotes and above the other keys\n" -}}
{{- end -}}
{{- if has "startupProbe" $facts.commandless -}}
{{- print "- startupProbe.exec.command: a probe that is enabled needs a command\n  hint: set one, or `startupProbe.enabled: false`\n" -}}
{{- end -}}
{{- if has "livenessProbe" $facts.commandless -}}
{{- print "- livenessProbe.exec.command: a probe that is enabled needs a command\n  hint: set one, or `livenessProbe.enabled: false`\n" -}}
{{- end -}}
{{- if has "readinessProbe" $facts.commandless -}}
{{- print "- readinessProbe.exec.command: a probe that is enabled needs a command\n  hint: set one, or `readinessProbe.enabled: false`\n" -}}
{{- end -}}
{{- if regexMatch `:[^/]*$` $values.image.repository -}}
{{- print "- image.repository: a repository has no tag in it\n  hint: put what follows the last `:` into `image.tag`\n" -}}
{{- end -}}
{{- if regexMatch `:[^/]*$` $agent.image.repository -}}
{{- print "- agent.image.repository: a repository has no tag in it\n  hint: put what follows the last `:` into `agent.image.tag`\n" -}}
{{- end -}}
{{- if and $values.image.digest (contains "@" (default "" $values.image.tag)) -}}
{{- print "- image.tag: there is a digest in it, and one beside it\n  hint: remove one: `image.digest` is for those without a tag\n" -}}
{{- end -}}
{{- if and $agent.image.digest (contains "@" (default "" $agent.image.tag)) -}}
{{- print "- agent.image.tag: there is a digest in it, and one beside it\n  hint: remove one: `agent.image.digest` is for those without a tag\n" -}}
{{- end -}}
{{- if and (not $runsAgent) (has "NET_ADMIN" $rights.missing) -}}
{{- print "- securityContext: without NET_ADMIN nothing in a container can add an address\n  hint: add `NET_ADMIN` to `securityContext.capabilities.add`\n" -}}
{{- end -}}
{{- if and (not $runsAgent) (has "NET_RAW" $rights.dropped) -}}
{{- print "- securityContext: without NET_RAW nothing in a container can send or hear advertisements\n  hint: add `NET_RAW` to `securityContext.capabilities.add`\n" -}}
{{- end -}}
{{- if and (not $runsAgent) $rights.notRoot -}}
{{- print "- securityContext: only root of a container has the capabilities that it is given\n  hint: leave `runAsUser` and `runAsNonRoot` out, here and in `podSecurityContext`\n" -}}
{{- end -}}
{{- if and $runsAgent (has "NET_ADMIN" $rights.missing) -}}
{{- print "- agent.securityContext: without NET_ADMIN nothing in a container can add an address\n  hint: add `NET_ADMIN` to `agent.securityContext.capabilities.add`\n" -}}
{{- end -}}
{{- if and $runsAgent (has "NET_RAW" $rights.dropped) -}}
{{- print "- agent.securityContext: without NET_RAW nothing in a container can send or hear advertisements\n  hint: add `NET_RAW` to `agent.securityContext.capabilities.add`\n" -}}
{{- end -}}
{{- if and $runsAgent $rights.notRoot -}}
{{- print "- agent.securityContext: only root of a container has the capabilities that it is given\n  hint: leave `runAsUser` and `runAsNonRoot` out, here and in `podSecurityContext`\n" -}}
{{- end -}}
{{- if $rights.excess -}}
{{- print "- resources: Kubernetes refuses a request that is more than its limit\n  hint: raise `resources.limits`, or take it away by a null: Helm merges objects, so that the default limit stays above a request of your own\n" -}}
{{- end -}}
{{- if or (hasKey $podLabels "app.kubernetes.io/name") (hasKey $podLabels "app.kubernetes.io/instance") -}}
{{- print "- podLabels: the labels that the DaemonSet selects its pods by cannot be set here\n  hint: remove `app.kubernetes.io/name` and `app.kubernetes.io/instance`\n" -}}
{{- end -}}
{{- if or (hasKey $newer.commonLabels "app.kubernetes.io/name") (hasKey $newer.commonLabels "app.kubernetes.io/instance") -}}
{{- print "- commonLabels: the labels that the DaemonSet selects its pods by cannot be set here\n  hint: remove `app.kubernetes.io/name` and `app.kubernetes.io/instance`\n" -}}
{{- end -}}
{{- if or (hasKey $podAnnotations "checksum/configmap") (hasKey $podAnnotations "vipalived/warnings") -}}
{{- print "- podAnnotations: the chart has a use of its own for this annotation\n  hint: remove `checksum/configmap` and `vipalived/warnings`\n" -}}
{{- end -}}
{{- if or (hasKey $newer.commonAnnotations "checksum/configmap") (hasKey $newer.commonAnnotations "vipalived/warnings") -}}
{{- print "- commonAnnotations: the chart has a use of its own for this annotation\n  hint: remove `checksum/configmap` and `vipalived/warnings`\n" -}}
{{- end -}}
{{- if $facts.asksVip -}}
{{- print "- healthCheck.url: a VIP is asked, which is another node's as often as not\n  hint: ask the node itself: `https://127.0.0.1:6443/readyz`\n" -}}
{{- end -}}
{{- if or (lt ($health.interval | toString | float64) 0.05) (gt ($health.interval | toString | float64) 60.0) -}}
{{- print "- healthCheck.interval: expected 0.05 to 60 seconds\n  hint: remove it to get the default\n" -}}
{{- end -}}
{{- if or (lt ($health.timeout | toString | float64) 0.05) (gt ($health.timeout | toString | float64) 60.0) -}}
{{- print "- healthCheck.timeout: expected 0.05 to 60 seconds\n  hint: remove it to get the default\n" -}}
{{- end -}}
{{- if and $health.clientCertFile (not $health.clientKeyFile) -}}
{{- print "- healthCheck.clientCertFile: a client certificate needs its key\n  hint: set `clientKeyFile` too; both may be in one file\n" -}}
{{- end -}}
{{- if and $health.clientKeyFile (not $health.clientCertFile) -}}
{{- print "- healthCheck.clientKeyFile: a key needs its client certificate\n  hint: set `clientCertFile` too; both may be in one file\n" -}}
{{- end -}}
{{- if and (not $health.caFile) (or $health.clientCertFile $health.tokenFile) -}}
{{- print "- healthCheck.caFile: credentials are sent to no API server whose certificate is not verified\n  hint: set `caFile`: kubeadm has `/etc/kubernetes/pki/ca.crt`\n" -}}
{{- end -}}
{{- if and $runsScript (has "SETGID" $rights.dropped) -}}
{{- print "- securityContext: without SETGID keepalived takes every `vrrp_script` for a success\n  hint: drop less, or add `SETGID` to `securityContext.capabilities`\n" -}}
{{- end -}}
{{- if and $newer.podMonitor.enabled (not $runsAgent) -}}
{{- print "- podMonitor.enabled: there are no metrics without the agent\n  hint: use `engine: native`, or remove it\n" -}}
{{- end -}}
{{- if and $newer.podMonitor.enabled $runsAgent (or (eq (int $agent.endpoint.port) 0) (eq $agent.endpoint.address "::1") (hasPrefix "127." $agent.endpoint.address)) -}}
{{- print "- podMonitor.enabled: Prometheus cannot reach `agent.endpoint`\n  hint: use `agent.endpoint.address: 0.0.0.0`, and let a firewall decide who may ask\n" -}}
{{- end -}}
{{- if and $newer.prometheusRule.enabled (not $runsAgent) -}}
{{- print "- prometheusRule.enabled: the alerts are on the agent's metrics, and there are none without the agent\n  hint: use `engine: native`, or remove it\n" -}}
{{- end -}}
{{- end -}}

{{- define "vipalived.warnings" -}}
{{- $values := .Values -}}
{{- $instance := $values.keepalived.vrrpInstance -}}
{{- $version := int $values.keepalived.vrrpVersion -}}
{{- $interval := $instance.advertInt | toString | float64 -}}
{{- $startDelay := default 0 $instance.startDelay | toString | float64 -}}
{{- $tracked := default (list) $instance.trackInterface -}}
{{- $podLabels := default (dict) $values.podLabels -}}
{{- $podAnnotations := default (dict) $values.podAnnotations -}}
{{- $global := default (dict) $values.global -}}
{{- $newer := include "vipalived.newer" . | fromJson -}}
{{- $defaults := include "vipalived.defaults" . | fromJson -}}
{{- $selector := default (dict) $values.nodeSelector -}}
{{- $agent := $newer.agent -}}
{{- $health := $newer.healthCheck -}}
{{- $runsAgent := include "vipalived.runsAgent" . -}}
{{- $runsScript := include "vipalived.runsScript" . -}}
{{- $facts := include "vipalived.facts" . | fromJson -}}
{{- $rights := include "vipalived.rights" . | fromJson -}}
{{- if eq $instance.virtualIpAddress "172.16.101.101/32" -}}
{{- print "- keepalived.vrrpInstance.virtualIpAddress: this is the example's address, and hardly one of your network\n  hint: set an address that nobody has yet, with the prefix of its subnet\n" -}}
{{- end -}}
{{- if and (eq $version 3) (or (ne $instance.authentication.authType "PASS") (ne $instance.authentication.authPass "k8s_vip")) -}}
{{- print "- keepalived.vrrpInstance.authentication: VRRPv3 has no authentication, so these values do nothing\n  hint: remove them, or use `keepalived.vrrpVersion: 2`; a firewall rule for protocol 112 protects either\n" -}}
{{- end -}}
{{- if and (eq $version 2) (eq $instance.authentication.authType "AH") $facts.masterNotOwner -}}
{{- print "- keepalived.vrrpInstance.state: keepalived cannot start as MASTER with AH authentication unless the priority is 255\n  hint: BACKUP is rendered; remove `state: MASTER`\n" -}}
{{- end -}}
{{- if and (eq $version 2) (eq $instance.authentication.authType "AH") (not $runsAgent) $facts.shareAPriority -}}
{{- print "- keepalived.vrrpInstance.authentication.authType: under AH keepalived nodes of one priority that claim together stay Masters together for seconds\n  hint: give each node a `priority` of its own in `nodes`, use `authType: PASS`, or `engine: native`\n" -}}
{{- end -}}
{{- if and $instance.nopreempt $facts.masterNotOwner -}}
{{- print "- keepalived.vrrpInstance.nopreempt: nopreempt does nothing with `state: MASTER`\n  hint: use `state: BACKUP`, or `nopreempt: false`\n" -}}
{{- end -}}
{{- if and $instance.nopreempt (has "255" $facts.priorities) -}}
{{- print "- keepalived.vrrpInstance.nopreempt: nopreempt does nothing with priority 255, which always preempts\n  hint: use a priority below 255, or `nopreempt: false`\n" -}}
{{- end -}}
{{- if and $instance.nopreempt (int $instance.preemptDelay) -}}
{{- print "- keepalived.vrrpInstance.preemptDelay: preemptDelay does nothing with nopreempt, under which no better node takes the VIP\n  hint: set `nopreempt: false`, or remove it\n" -}}
{{- end -}}
{{- if and (not $instance.nopreempt) (int $instance.preemptDelay) (or $facts.masterNotOwner (has "255" $facts.priorities)) -}}
{{- print "- keepalived.vrrpInstance.preemptDelay: preemptDelay does nothing on a node with `state: MASTER` or priority 255, which takes the VIP at once\n  hint: use `state: BACKUP` and a priority below 255, or remove it\n" -}}
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
{{- if not (and $values.keepalived.garp.masterRepeat $values.keepalived.garp.masterRefreshRepeat) -}}
{{- print "- keepalived.garp: keepalived sends at least one gratuitous ARP, so a repeat of 0 is rendered as 1\n  hint: use 1 or more\n" -}}
{{- end -}}
{{- if and $facts.cpuLimited (lt $interval 0.1) -}}
{{- print "- resources: a CPU limit and `advertInt` below 0.1 s do not go together\n  hint: remove `limits.cpu`, or use an interval of 0.1 s or more: a container that has used its share up stands still for the rest of 100 ms, in which three advertisements may be due\n" -}}
{{- end -}}
{{- if and (not $runsAgent) (ne $values.image.repository "alpine") (not (or $values.image.tag $values.image.digest)) -}}
{{- print "- image.repository: an image of your own gets Alpine's version as its tag\n  hint: set `image.tag` or `image.digest`\n" -}}
{{- end -}}
{{- if and (kindIs "string" $global.imageRegistry) $global.imageRegistry (not (hasPrefix (printf "%s/" (trimSuffix "/" (toString $global.imageRegistry))) (ternary $agent.image.repository $values.image.repository (ne $runsAgent "")))) -}}
{{- print "- global.imageRegistry: nothing here reads it, and the pods' image is of another registry\n  hint: set `image.repository`, and `agent.image.repository` for the agent, with the registry in front\n" -}}
{{- end -}}
{{- if and $global.imagePullSecrets (not $values.static) (not $values.imagePullSecrets) -}}
{{- print "- global.imagePullSecrets: nothing here reads it, and the pods have no pull secret\n  hint: set `imagePullSecrets`\n" -}}
{{- end -}}
{{- if and (eq (default "" (get $selector "node-role.kubernetes.io/control-plane")) "true") (gt (len $selector) 1) (not $values.static) -}}
{{- print "- nodeSelector: Helm merges objects: the default selector is asked for beside yours, and a node must have all the labels\n  hint: take it away by `node-role.kubernetes.io/control-plane: null`, unless you want both\n" -}}
{{- end -}}
{{- if and (not $runsAgent) (has "NET_RAW" $rights.missing) (not (has "NET_RAW" $rights.dropped)) -}}
{{- print "- securityContext: not every container runtime gives NET_RAW to a container that does not ask for it (CRI-O does not)\n  hint: add `NET_RAW` to `securityContext.capabilities.add`: without it nobody can send or hear advertisements\n" -}}
{{- end -}}
{{- if and $runsAgent (has "NET_RAW" $rights.missing) (not (has "NET_RAW" $rights.dropped)) -}}
{{- print "- agent.securityContext: not every container runtime gives NET_RAW to a container that does not ask for it (CRI-O does not)\n  hint: add `NET_RAW` to `agent.securityContext.capabilities.add`: without it nobody can send or hear advertisements\n" -}}
{{- end -}}
{{- if and $values.static $values.imagePullSecrets -}}
{{- print "- imagePullSecrets: kubelet refuses a static pod that names a secret, so none is rendered\n  hint: put the image onto the nodes, or give their container runtime the credentials\n" -}}
{{- end -}}
{{- if and $values.static $newer.serviceAccount.name -}}
{{- print "- serviceAccount.name: a static pod has no service account, so none is rendered\n  hint: remove it, or `static: true`\n" -}}
{{- end -}}
{{- if lt (int $newer.terminationGracePeriodSeconds) (include "vipalived.timeToLeave" . | int) -}}
{{- print "- terminationGracePeriodSeconds: a pod that needs longer than this is killed before another node has taken the VIP over\n  hint: set what four advertisement intervals take and 2 s more; 22 is enough for all, and the default is 30\n" -}}
{{- end -}}
{{- if and $runsScript (or $health.caFile $health.clientCertFile $health.clientKeyFile $health.tokenFile) -}}
{{- print "- healthCheck: only the agent reads these files\n  hint: use `engine: native`, or remove them\n" -}}
{{- end -}}
{{- if $runsScript -}}
{{- print "- healthCheck.enabled: keepalived answers a failed check by FAULT: no node has the VIP while no API server answers\n  hint: `engine: native` always keeps one holder\n" -}}
{{- end -}}
{{- if and (not $runsAgent) (not $runsScript) (ne (omit $health "enabled" | toJson) (omit $defaults.healthCheck "enabled" | toJson)) -}}
{{- print "- healthCheck: keepalived asks nobody unless it is told to, and these values do nothing\n  hint: set `healthCheck.enabled: true`, use `engine: native`, or remove them\n" -}}
{{- end -}}
{{- if and $runsAgent (ne (int $agent.endpoint.port) 0) (has $agent.endpoint.address (list "0.0.0.0" "::")) -}}
{{- print "- agent.endpoint: the metrics are open to the whole network\n  hint: use `127.0.0.1` or the address of one interface, or let a firewall decide who may ask\n" -}}
{{- end -}}
{{- if and $newer.grafanaDashboard.enabled (not $runsAgent) -}}
{{- print "- grafanaDashboard.enabled: the dashboard shows the agent's metrics, and there are none without the agent\n  hint: use `engine: native`, or remove it\n" -}}
{{- end -}}
{{- if and (not $runsAgent) (ne ($newer.native | toJson) ($defaults.native | toJson)) -}}
{{- print "- native: only `engine: native` reads these values\n  hint: use `engine: native`, or remove them\n" -}}
{{- end -}}
{{- if and (not $runsAgent) (ne ($newer.agent | toJson) ($defaults.agent | toJson)) -}}
{{- print "- agent: only `engine: native` reads these values\n  hint: use `engine: native`, or remove them\n" -}}
{{- end -}}
{{- if and $runsAgent (or (ne $values.image.repository "alpine") $values.image.tag $values.image.digest) -}}
{{- print "- image: `engine: native` runs from `agent.image`, and this does nothing\n  hint: set `agent.image`, and remove this\n" -}}
{{- end -}}
{{- if and $runsAgent (ne ($values.securityContext | toJson) `{"capabilities":{"add":["NET_ADMIN","NET_RAW","NET_BROADCAST"]}}`) -}}
{{- print "- securityContext: `engine: native` has `agent.securityContext`, and this does nothing\n  hint: set `agent.securityContext`, and remove this\n" -}}
{{- end -}}
{{- if and $runsAgent (or (has "1" $facts.priorities) (has "2" $facts.priorities) (has "3" $facts.priorities)) -}}
{{- print "- keepalived.vrrpInstance.priority: with the agent the priorities 1 to 3 say how unhealthy a node is\n  hint: use 4 or more; `100` is the default\n" -}}
{{- end -}}
{{- end -}}
