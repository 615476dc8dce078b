{{/*
What a running cluster says to the values; empty where all is well, and where there is no cluster to ask
(`helm template`, `--dry-run=client`).
*/}}
{{- define "vipalived.clusterWarnings" -}}
{{- include "vipalived.nodeWarnings" . -}}
{{- include "vipalived.rivals" . -}}
{{- end -}}

{{/*
Other releases of this chart in the namespace that keep the same VIP, or run the same virtual router; their ConfigMaps
have keepalived.conf or the agent's values. See vipalived.cluster.rivals.
*/}}
{{- define "vipalived.rivals" -}}
{{- range $map := default (list) (lookup "v1" "ConfigMap" .Values.namespace "").items -}}
  {{- $labels := default (dict) $map.metadata.labels -}}
  {{- $name := get $labels "app.kubernetes.io/instance" -}}
  {{- if and (hasPrefix (printf "%s-" $.Chart.Name) (default "" (get $labels "helm.sh/chart"))) (ne $name $.Release.Name) -}}
    {{- $text := values (default (dict) $map.data) | join "\n" -}}
    {{- $shared := list -}}
    {{- range $vip := (include "vipalived.vips" $ | fromJson).vips -}}
      {{- $address := splitList "/" $vip | first -}}
      {{- if regexMatch (printf "(?m)(^|[\\s'\"])%s/" (regexQuoteMeta $address)) $text -}}
        {{- $shared = append $shared (printf "the VIP %s" $address) -}}
      {{- end -}}
    {{- end -}}
    {{- $number := include "vipalived.virtualRouterId" $ -}}
    {{- if regexMatch (printf "(?i)virtual_?router_?id:? +%s\\b" $number) $text -}}
      {{- $shared = append $shared (printf "virtual router %s" $number) -}}
    {{- end -}}
    {{- if $shared -}}
{{- $belong := ternary "belong" "belongs" (gt (len $shared) 1) -}}
{{- printf "- keepalived.vrrpInstance: %s %s to one release, found also %s\n" (join " and " $shared) $belong $name -}}
{{- print "  hint: remove one of the two, or give it a VIP and a `virtualRouterId` of its own\n" -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/*
What the nodes say to `nodeSelector` and `tolerations`.
*/}}
{{- define "vipalived.nodeWarnings" -}}
{{- $nodes := default (list) (lookup "v1" "Node" "" "").items -}}
{{- $selector := include "vipalived.nodeSelector" . | fromYaml -}}
{{- $tolerations := include "vipalived.tolerations" . | fromYamlArray -}}
{{- $label := include "vipalived.controlPlane" . | trim -}}
{{- $selected := 0 -}}
{{- $tainted := list -}}
{{- $values := list -}}
{{- $called := list -}}
{{- range $node := $nodes -}}
  {{- $called = append $called $node.metadata.name -}}
  {{- if include "vipalived.runsAgent" $ -}}{{- $called = append $called (splitList "." $node.metadata.name | first) -}}{{- end -}}
  {{- $labels := default (dict) $node.metadata.labels -}}
  {{- if hasKey $labels $label -}}{{- $values = append $values (get $labels $label) -}}{{- end -}}
  {{- $fits := true -}}
  {{- range $key, $value := $selector -}}
    {{- if or (not (hasKey $labels $key)) (ne (get $labels $key) $value) -}}{{- $fits = false -}}{{- end -}}
  {{- end -}}
  {{- if $fits -}}
    {{- $selected = add1 $selected -}}
    {{- range $taint := default (list) $node.spec.taints -}}
      {{- if not (include "vipalived.tolerated" (dict "taint" $taint "tolerations" $tolerations)) -}}
        {{- $tainted = append $tainted (printf "%s (%s:%s)" $node.metadata.name $taint.key $taint.effect) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if and $nodes (not $selected) -}}
{{- print "- nodeSelector: no node of this cluster has these labels, so no pod will run\n" -}}
{{- $wanted := get $selector $label -}}
{{- if and (has "" $values) $wanted -}}
{{- printf "  hint: here the value of `%s` is empty, as kubeadm has it: use `distribution: kubeadm`\n" $label -}}
{{- else if and (has (include "vipalived.marked" . | trim) $values) (hasKey $selector $label) (not $wanted) -}}
{{- printf "  hint: here the value of `%s` is `true`, as k3s and RKE2 have it: use `distribution: k3s` or `rke2`\n" $label -}}
{{- else -}}
{{- print "  hint: compare them with `kubectl get nodes --show-labels`\n" -}}
{{- end -}}
{{- end -}}
{{- $unknown := list -}}
{{- range $name := keys (default (dict) .Values.nodes) | sortAlpha -}}
  {{- if not (has $name $called) -}}{{- $unknown = append $unknown $name -}}{{- end -}}
{{- end -}}
{{- if and $nodes $unknown -}}
{{- printf "- nodes: expected names of this cluster's nodes, found %s\n" (join ", " $unknown) -}}
{{- print "  hint: compare them with `kubectl get nodes`\n" -}}
{{- end -}}
{{- with $tainted -}}
{{- printf "- tolerations: taints keep the pods off nodes that `nodeSelector` chooses, found %s\n" (join ", " .) -}}
{{- print "  hint: set `distribution`, or add them to `tolerations`\n" -}}
{{- end -}}
{{- end -}}

{{/*
"true" when a taint keeps no pod of a DaemonSet off. Takes (dict "taint" TAINT "tolerations" [...]).
The DaemonSet's controller adds tolerations of its own for what comes and goes with a node's condition.
*/}}
{{- define "vipalived.tolerated" -}}
{{- $taint := .taint -}}
{{- $tolerated := eq $taint.effect "PreferNoSchedule" -}}
{{- range list "not-ready:NoExecute" "unreachable:NoExecute" "disk-pressure:NoSchedule" "memory-pressure:NoSchedule" "pid-pressure:NoSchedule" "unschedulable:NoSchedule" "network-unavailable:NoSchedule" -}}
  {{- if eq (printf "node.kubernetes.io/%s" .) (printf "%s:%s" $taint.key $taint.effect) -}}{{- $tolerated = true -}}{{- end -}}
{{- end -}}
{{- range .tolerations -}}
  {{- $exists := eq (default "Equal" .operator) "Exists" -}}
  {{- $key := or (eq (default "" .key) $taint.key) (and $exists (empty .key)) -}}
  {{- $effect := or (empty .effect) (eq (default "" .effect) $taint.effect) -}}
  {{- if and $key $effect (or $exists (eq (default "" .value) (default "" $taint.value))) -}}{{- $tolerated = true -}}{{- end -}}
{{- end -}}
{{- if $tolerated -}}true{{- end -}}
{{- end -}}
