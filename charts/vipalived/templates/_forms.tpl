{{/* Generated from src/vipalived/settings by `make generate`; do not edit. */}}

{{- define "vipalived.forms" -}}
[
  {
    "steps": [
      "nameOverride"
    ],
    "pattern": "^(?:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)?$",
    "words": "a name of lower-case letters, digits and `-`"
  },
  {
    "steps": [
      "fullnameOverride"
    ],
    "pattern": "^(?:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)?$",
    "words": "a name of lower-case letters, digits and `-`"
  },
  {
    "steps": [
      "namespace"
    ],
    "pattern": "^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$",
    "words": "a name of lower-case letters, digits and `-`"
  },
  {
    "steps": [
      "image",
      "repository"
    ],
    "pattern": "^(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?/)?[a-z0-9][a-z0-9._:/-]{0,254}$",
    "words": "an image repository in lower case, such as `registry.example/keepalived`"
  },
  {
    "steps": [
      "image",
      "tag"
    ],
    "pattern": "^(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(?:@sha256:[0-9a-f]{64})?)?$",
    "words": "an image tag"
  },
  {
    "steps": [
      "image",
      "digest"
    ],
    "pattern": "^(?:sha256:[0-9a-f]{64})?$",
    "words": "a digest: `sha256:` and 64 hexadecimal digits"
  },
  {
    "steps": [
      "keepalived",
      "routerId"
    ],
    "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,63}$",
    "words": "a word: up to 64 letters, digits or `_.:-`"
  },
  {
    "steps": [
      "keepalived",
      "vrrpInstance",
      "name"
    ],
    "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,63}$",
    "words": "a word: up to 64 letters, digits or `_.:-`"
  },
  {
    "steps": [
      "keepalived",
      "vrrpInstance",
      "interface"
    ],
    "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$",
    "words": "an interface name: up to 15 letters, digits or `_.-`"
  },
  {
    "steps": [
      "keepalived",
      "vrrpInstance",
      "trackInterface",
      "[]"
    ],
    "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$",
    "words": "an interface name: up to 15 letters, digits or `_.-`"
  },
  {
    "steps": [
      "keepalived",
      "vrrpInstance",
      "advertInt"
    ],
    "pattern": "^[0-9]{1,3}(?:\\.[0-9]{1,2})?$",
    "words": "a number"
  },
  {
    "steps": [
      "keepalived",
      "vrrpInstance",
      "startDelay"
    ],
    "pattern": "^[0-9]{1,3}(?:\\.[0-9]{1,2})?$",
    "words": "a number"
  },
  {
    "steps": [
      "keepalived",
      "vrrpInstance",
      "virtualIpAddress"
    ],
    "pattern": "^(?:(?:22[0-3]|2[01][0-9]|1[013-9][0-9]|12[0-689]|[1-9][0-9]?)(?:\\.(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}/(?:3[0-2]|[12][0-9]|[1-9])|(?:0{0,3}[1-9a-fA-F]|0{0,2}[1-9a-fA-F][0-9a-fA-F]|0?[1-9a-fA-F][0-9a-fA-F]{2}|[1-9a-eA-E][0-9a-fA-F]{3}|[fF][0-9a-eA-E][0-9a-fA-F]{2})(?:(?::[0-9a-fA-F]{1,4}){7}|(?::[0-9a-fA-F]{1,4}){0}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,5})?|(?::[0-9a-fA-F]{1,4}){1}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,4})?|(?::[0-9a-fA-F]{1,4}){2}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,3})?|(?::[0-9a-fA-F]{1,4}){3}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,2})?|(?::[0-9a-fA-F]{1,4}){4}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,1})?|(?::[0-9a-fA-F]{1,4}){5}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,0})?|(?::[0-9a-fA-F]{1,4}){6}::)/(?:12[0-8]|1[01][0-9]|[1-9]?[0-9]))$",
    "words": "a unicast address with its prefix, such as `192.168.1.100/24` or `2001:db8::100/64`"
  },
  {
    "steps": [
      "keepalived",
      "vrrpInstance",
      "virtualIpAddresses",
      "[]"
    ],
    "pattern": "^(?:(?:22[0-3]|2[01][0-9]|1[013-9][0-9]|12[0-689]|[1-9][0-9]?)(?:\\.(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}/(?:3[0-2]|[12][0-9]|[1-9])|(?:0{0,3}[1-9a-fA-F]|0{0,2}[1-9a-fA-F][0-9a-fA-F]|0?[1-9a-fA-F][0-9a-fA-F]{2}|[1-9a-eA-E][0-9a-fA-F]{3}|[fF][0-9a-eA-E][0-9a-fA-F]{2})(?:(?::[0-9a-fA-F]{1,4}){7}|(?::[0-9a-fA-F]{1,4}){0}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,5})?|(?::[0-9a-fA-F]{1,4}){1}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,4})?|(?::[0-9a-fA-F]{1,4}){2}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,3})?|(?::[0-9a-fA-F]{1,4}){3}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,2})?|(?::[0-9a-fA-F]{1,4}){4}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,1})?|(?::[0-9a-fA-F]{1,4}){5}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,0})?|(?::[0-9a-fA-F]{1,4}){6}::)/(?:12[0-8]|1[01][0-9]|[1-9]?[0-9]))$",
    "words": "a unicast address with its prefix, such as `192.168.1.100/24` or `2001:db8::100/64`"
  },
  {
    "steps": [
      "keepalived",
      "vrrpInstance",
      "unicastSourceAddress"
    ],
    "pattern": "^(?:(?:(?:22[0-3]|2[01][0-9]|1[013-9][0-9]|12[0-689]|[1-9][0-9]?)(?:\\.(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}|(?:0{0,3}[1-9a-fA-F]|0{0,2}[1-9a-fA-F][0-9a-fA-F]|0?[1-9a-fA-F][0-9a-fA-F]{2}|[1-9a-eA-E][0-9a-fA-F]{3}|[fF][0-9a-eA-E][0-9a-fA-F]{2})(?:(?::[0-9a-fA-F]{1,4}){7}|(?::[0-9a-fA-F]{1,4}){0}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,5})?|(?::[0-9a-fA-F]{1,4}){1}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,4})?|(?::[0-9a-fA-F]{1,4}){2}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,3})?|(?::[0-9a-fA-F]{1,4}){3}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,2})?|(?::[0-9a-fA-F]{1,4}){4}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,1})?|(?::[0-9a-fA-F]{1,4}){5}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,0})?|(?::[0-9a-fA-F]{1,4}){6}::)))?$",
    "words": "an IPv4 or IPv6 unicast address"
  },
  {
    "steps": [
      "keepalived",
      "vrrpInstance",
      "unicastSourceAddress",
      "[]"
    ],
    "pattern": "^(?:(?:22[0-3]|2[01][0-9]|1[013-9][0-9]|12[0-689]|[1-9][0-9]?)(?:\\.(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}|(?:0{0,3}[1-9a-fA-F]|0{0,2}[1-9a-fA-F][0-9a-fA-F]|0?[1-9a-fA-F][0-9a-fA-F]{2}|[1-9a-eA-E][0-9a-fA-F]{3}|[fF][0-9a-eA-E][0-9a-fA-F]{2})(?:(?::[0-9a-fA-F]{1,4}){7}|(?::[0-9a-fA-F]{1,4}){0}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,5})?|(?::[0-9a-fA-F]{1,4}){1}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,4})?|(?::[0-9a-fA-F]{1,4}){2}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,3})?|(?::[0-9a-fA-F]{1,4}){3}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,2})?|(?::[0-9a-fA-F]{1,4}){4}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,1})?|(?::[0-9a-fA-F]{1,4}){5}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,0})?|(?::[0-9a-fA-F]{1,4}){6}::))$",
    "words": "an IPv4 or IPv6 unicast address"
  },
  {
    "steps": [
      "keepalived",
      "vrrpInstance",
      "unicastPeers",
      "[]"
    ],
    "pattern": "^(?:(?:22[0-3]|2[01][0-9]|1[013-9][0-9]|12[0-689]|[1-9][0-9]?)(?:\\.(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}|(?:0{0,3}[1-9a-fA-F]|0{0,2}[1-9a-fA-F][0-9a-fA-F]|0?[1-9a-fA-F][0-9a-fA-F]{2}|[1-9a-eA-E][0-9a-fA-F]{3}|[fF][0-9a-eA-E][0-9a-fA-F]{2})(?:(?::[0-9a-fA-F]{1,4}){7}|(?::[0-9a-fA-F]{1,4}){0}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,5})?|(?::[0-9a-fA-F]{1,4}){1}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,4})?|(?::[0-9a-fA-F]{1,4}){2}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,3})?|(?::[0-9a-fA-F]{1,4}){3}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,2})?|(?::[0-9a-fA-F]{1,4}){4}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,1})?|(?::[0-9a-fA-F]{1,4}){5}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,0})?|(?::[0-9a-fA-F]{1,4}){6}::))$",
    "words": "an IPv4 or IPv6 unicast address"
  },
  {
    "steps": [
      "agent",
      "image",
      "repository"
    ],
    "pattern": "^(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?/)?[a-z0-9][a-z0-9._:/-]{0,254}$",
    "words": "an image repository in lower case, such as `registry.example/keepalived`"
  },
  {
    "steps": [
      "agent",
      "image",
      "tag"
    ],
    "pattern": "^(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(?:@sha256:[0-9a-f]{64})?)?$",
    "words": "an image tag"
  },
  {
    "steps": [
      "agent",
      "image",
      "digest"
    ],
    "pattern": "^(?:sha256:[0-9a-f]{64})?$",
    "words": "a digest: `sha256:` and 64 hexadecimal digits"
  },
  {
    "steps": [
      "agent",
      "endpoint",
      "address"
    ],
    "pattern": "^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\\.(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}|::1?|(?:0{0,3}[1-9a-fA-F]|0{0,2}[1-9a-fA-F][0-9a-fA-F]|0?[1-9a-fA-F][0-9a-fA-F]{2}|[1-9a-eA-E][0-9a-fA-F]{3}|[fF][0-9a-eA-E][0-9a-fA-F]{2})(?:(?::[0-9a-fA-F]{1,4}){7}|(?::[0-9a-fA-F]{1,4}){0}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,5})?|(?::[0-9a-fA-F]{1,4}){1}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,4})?|(?::[0-9a-fA-F]{1,4}){2}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,3})?|(?::[0-9a-fA-F]{1,4}){3}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,2})?|(?::[0-9a-fA-F]{1,4}){4}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,1})?|(?::[0-9a-fA-F]{1,4}){5}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,0})?|(?::[0-9a-fA-F]{1,4}){6}::))$",
    "words": "an IPv4 or IPv6 address to listen on, such as `127.0.0.1`"
  },
  {
    "steps": [
      "healthCheck",
      "url"
    ],
    "pattern": "^https://(?:[A-Za-z0-9.-]+|\\[(?:::1|(?:0{0,3}[1-9a-fA-F]|0{0,2}[1-9a-fA-F][0-9a-fA-F]|0?[1-9a-fA-F][0-9a-fA-F]{2}|[1-9a-eA-E][0-9a-fA-F]{3}|[fF][0-9a-eA-E][0-9a-fA-F]{2})(?:(?::[0-9a-fA-F]{1,4}){7}|(?::[0-9a-fA-F]{1,4}){0}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,5})?|(?::[0-9a-fA-F]{1,4}){1}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,4})?|(?::[0-9a-fA-F]{1,4}){2}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,3})?|(?::[0-9a-fA-F]{1,4}){3}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,2})?|(?::[0-9a-fA-F]{1,4}){4}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,1})?|(?::[0-9a-fA-F]{1,4}){5}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,0})?|(?::[0-9a-fA-F]{1,4}){6}::))\\])(?::(?:[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]|[1-9][0-9]{0,3}))?/[A-Za-z0-9/_.?=&%-]*$",
    "words": "a URL such as `https://127.0.0.1:6443/readyz`"
  },
  {
    "steps": [
      "healthCheck",
      "interval"
    ],
    "pattern": "^[0-9]{1,3}(?:\\.[0-9]{1,2})?$",
    "words": "a number"
  },
  {
    "steps": [
      "healthCheck",
      "timeout"
    ],
    "pattern": "^[0-9]{1,3}(?:\\.[0-9]{1,2})?$",
    "words": "a number"
  },
  {
    "steps": [
      "healthCheck",
      "caFile"
    ],
    "pattern": "^(?:/[A-Za-z0-9/_.@-]+)?$",
    "words": "an absolute path"
  },
  {
    "steps": [
      "healthCheck",
      "clientCertFile"
    ],
    "pattern": "^(?:/[A-Za-z0-9/_.@-]+)?$",
    "words": "an absolute path"
  },
  {
    "steps": [
      "healthCheck",
      "clientKeyFile"
    ],
    "pattern": "^(?:/[A-Za-z0-9/_.@-]+)?$",
    "words": "an absolute path"
  },
  {
    "steps": [
      "healthCheck",
      "tokenFile"
    ],
    "pattern": "^(?:/[A-Za-z0-9/_.@-]+)?$",
    "words": "an absolute path"
  },
  {
    "steps": [
      "nodes",
      "*",
      "interface"
    ],
    "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$",
    "words": "an interface name: up to 15 letters, digits or `_.-`"
  },
  {
    "steps": [
      "nodes",
      "*",
      "unicastSourceAddress"
    ],
    "pattern": "^(?:(?:22[0-3]|2[01][0-9]|1[013-9][0-9]|12[0-689]|[1-9][0-9]?)(?:\\.(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}|(?:0{0,3}[1-9a-fA-F]|0{0,2}[1-9a-fA-F][0-9a-fA-F]|0?[1-9a-fA-F][0-9a-fA-F]{2}|[1-9a-eA-E][0-9a-fA-F]{3}|[fF][0-9a-eA-E][0-9a-fA-F]{2})(?:(?::[0-9a-fA-F]{1,4}){7}|(?::[0-9a-fA-F]{1,4}){0}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,5})?|(?::[0-9a-fA-F]{1,4}){1}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,4})?|(?::[0-9a-fA-F]{1,4}){2}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,3})?|(?::[0-9a-fA-F]{1,4}){3}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,2})?|(?::[0-9a-fA-F]{1,4}){4}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,1})?|(?::[0-9a-fA-F]{1,4}){5}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,0})?|(?::[0-9a-fA-F]{1,4}){6}::))$",
    "words": "an IPv4 or IPv6 unicast address"
  },
  {
    "steps": [
      "nodes",
      "*",
      "unicastSourceAddress",
      "[]"
    ],
    "pattern": "^(?:(?:22[0-3]|2[01][0-9]|1[013-9][0-9]|12[0-689]|[1-9][0-9]?)(?:\\.(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}|(?:0{0,3}[1-9a-fA-F]|0{0,2}[1-9a-fA-F][0-9a-fA-F]|0?[1-9a-fA-F][0-9a-fA-F]{2}|[1-9a-eA-E][0-9a-fA-F]{3}|[fF][0-9a-eA-E][0-9a-fA-F]{2})(?:(?::[0-9a-fA-F]{1,4}){7}|(?::[0-9a-fA-F]{1,4}){0}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,5})?|(?::[0-9a-fA-F]{1,4}){1}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,4})?|(?::[0-9a-fA-F]{1,4}){2}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,3})?|(?::[0-9a-fA-F]{1,4}){3}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,2})?|(?::[0-9a-fA-F]{1,4}){4}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,1})?|(?::[0-9a-fA-F]{1,4}){5}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,0})?|(?::[0-9a-fA-F]{1,4}){6}::))$",
    "words": "an IPv4 or IPv6 unicast address"
  },
  {
    "steps": [
      "staticNodeSelector",
      "*"
    ],
    "pattern": "^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$",
    "words": "a Kubernetes label value: up to 63 letters, digits or `-_.`"
  },
  {
    "steps": [
      "serviceAccount",
      "name"
    ],
    "pattern": "^(?:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*)?$",
    "words": "a name of lower-case letters, digits, `-` and `.`"
  },
  {
    "steps": [
      "priorityClassName"
    ],
    "pattern": "^(?:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*)?$",
    "words": "a name of lower-case letters, digits, `-` and `.`"
  },
  {
    "steps": [
      "nodeSelector",
      "*"
    ],
    "pattern": "^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$",
    "words": "a Kubernetes label value: up to 63 letters, digits or `-_.`"
  },
  {
    "steps": [
      "resources",
      "limits",
      "*"
    ],
    "pattern": "^[+-]?(?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:[numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?$",
    "words": "a quantity such as `100m`, `0.5` or `64Mi`"
  },
  {
    "steps": [
      "resources",
      "requests",
      "*"
    ],
    "pattern": "^[+-]?(?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:[numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?$",
    "words": "a quantity such as `100m`, `0.5` or `64Mi`"
  },
  {
    "steps": [
      "podMonitor",
      "interval"
    ],
    "pattern": "^[1-9][0-9]{0,5}(?:ms|s|m|h)$",
    "words": "a duration such as `30s` or `1m`"
  },
  {
    "steps": [
      "podMonitor",
      "labels",
      "*"
    ],
    "pattern": "^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$",
    "words": "a Kubernetes label value: up to 63 letters, digits or `-_.`"
  },
  {
    "steps": [
      "prometheusRule",
      "labels",
      "*"
    ],
    "pattern": "^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$",
    "words": "a Kubernetes label value: up to 63 letters, digits or `-_.`"
  },
  {
    "steps": [
      "commonLabels",
      "*"
    ],
    "pattern": "^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$",
    "words": "a Kubernetes label value: up to 63 letters, digits or `-_.`"
  },
  {
    "steps": [
      "podLabels",
      "*"
    ],
    "pattern": "^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$",
    "words": "a Kubernetes label value: up to 63 letters, digits or `-_.`"
  }
]
{{- end -}}
