{{/* Generated from src/vipalived/settings by `make generate`; do not edit. */}}

{{- define "vipalived.distributions" -}}
{
  "kubeadm": {
    "labelValue": "",
    "staticPods": "/etc/kubernetes/manifests",
    "tolerations": [
      {
        "effect": "NoSchedule",
        "key": "node-role.kubernetes.io/control-plane",
        "operator": "Exists"
      },
      {
        "effect": "NoSchedule",
        "key": "node-role.kubernetes.io/master",
        "operator": "Exists"
      },
      {
        "effect": "NoSchedule",
        "key": "node.kubernetes.io/not-ready",
        "operator": "Exists"
      }
    ]
  },
  "k3s": {
    "labelValue": "true",
    "staticPods": "/var/lib/rancher/k3s/agent/pod-manifests",
    "tolerations": [
      {
        "key": "CriticalAddonsOnly",
        "operator": "Exists"
      },
      {
        "key": "node-role.kubernetes.io/control-plane",
        "operator": "Exists"
      },
      {
        "key": "node-role.kubernetes.io/etcd",
        "operator": "Exists"
      },
      {
        "effect": "NoSchedule",
        "key": "node.kubernetes.io/not-ready",
        "operator": "Exists"
      }
    ]
  },
  "rke2": {
    "labelValue": "true",
    "staticPods": "/var/lib/rancher/rke2/agent/pod-manifests",
    "tolerations": [
      {
        "key": "CriticalAddonsOnly",
        "operator": "Exists"
      },
      {
        "key": "node-role.kubernetes.io/control-plane",
        "operator": "Exists"
      },
      {
        "key": "node-role.kubernetes.io/etcd",
        "operator": "Exists"
      },
      {
        "effect": "NoSchedule",
        "key": "node.kubernetes.io/not-ready",
        "operator": "Exists"
      }
    ]
  }
}
{{- end -}}

{{- define "vipalived.controlPlane" -}}
node-role.kubernetes.io/control-plane
{{- end -}}

{{- define "vipalived.marked" -}}
true
{{- end -}}
