{{/* Generated from src/vipalived/settings by `make generate`; do not edit. */}}

{{- define "vipalived.defaults" -}}
{
  "enabled": true,
  "engine": "keepalived",
  "native": {
    "hitlessResignation": true,
    "promptSuccession": true,
    "claimBeforeOwn": true,
    "partingAdvert": true,
    "pacedGarp": true,
    "lastResort": true,
    "incumbentStays": true,
    "kernelLease": true,
    "checksumPseudoHeader": true
  },
  "agent": {
    "image": {
      "repository": "ghcr.io/lexfrei/vipalived",
      "pullPolicy": "IfNotPresent",
      "tag": "",
      "digest": ""
    },
    "endpoint": {
      "address": "127.0.0.1",
      "port": 9951
    },
    "askFirst": true,
    "logFormat": "text",
    "logLevel": "info",
    "securityContext": {
      "allowPrivilegeEscalation": false,
      "capabilities": {
        "add": [
          "NET_ADMIN",
          "NET_RAW"
        ],
        "drop": [
          "ALL"
        ]
      },
      "readOnlyRootFilesystem": true,
      "seccompProfile": {
        "type": "RuntimeDefault"
      }
    }
  },
  "healthCheck": {
    "enabled": "auto",
    "url": "https://127.0.0.1:6443/readyz",
    "interval": 0.5,
    "timeout": 1,
    "fall": 3,
    "rise": 2,
    "caFile": "",
    "clientCertFile": "",
    "clientKeyFile": "",
    "tokenFile": ""
  },
  "lookupNodes": true,
  "podMonitor": {
    "enabled": false,
    "interval": "30s",
    "labels": {}
  },
  "prometheusRule": {
    "enabled": false,
    "labels": {}
  },
  "grafanaDashboard": {
    "enabled": false
  },
  "minReadySeconds": "auto",
  "helmTest": {
    "image": "",
    "command": []
  },
  "commonLabels": {},
  "commonAnnotations": {},
  "serviceAccount": {
    "name": ""
  },
  "terminationGracePeriodSeconds": 30
}
{{- end -}}
