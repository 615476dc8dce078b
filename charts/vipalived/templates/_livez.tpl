{{/*
What `helm test` asks: the first VIP, at the port of the API server that the health check knows.
*/}}
{{- define "vipalived.livezUrl" -}}
{{- $vip := first (splitList "/" .Values.keepalived.vrrpInstance.virtualIpAddress) -}}
{{- $url := (include "vipalived.newer" . | fromJson).healthCheck.url -}}
{{- $port := regexReplaceAll "^https://(?:\\[[^]]*\\]|[^:/]*):?([0-9]*)/.*$" $url "${1}" | default "443" -}}
{{- printf "https://%s:%s/livez" (contains ":" $vip | ternary (printf "[%s]" $vip) $vip) $port -}}
{{- end -}}

{{/*
Both are content with 401 and 403, which an API server says to strangers, and ask for half a minute: the VIP may just
be coming up. The certificate is not verified: it need not have the VIP's name for the VIP to work.
*/}}
{{- define "vipalived.livezShell" -}}
for attempt in 1 2 3 4 5 6; do
  answer=$(timeout 5 wget -qS -O /dev/null --no-check-certificate "$URL" 2>&1)
  if echo "$answer" | grep -E 'HTTP/1\.[01] (200|401|403) '; then
    echo "$URL answers"
    exit 0
  fi
  sleep 2
done
echo "$URL does not answer as an API server does: $answer" >&2
exit 1
{{- end -}}

{{- define "vipalived.livezPython" -}}
import os, ssl, sys, time, urllib.error, urllib.request
url, context, answer = os.environ["URL"], ssl._create_unverified_context(), None
for attempt in range(6):
    try:
        answer = urllib.request.urlopen(url, timeout=5, context=context).status
    except urllib.error.HTTPError as error:
        answer = error.code
    except OSError as error:
        answer = error
    if answer in (200, 401, 403):
        print(f"{url} answers: {answer}")
        sys.exit()
    time.sleep(2)
sys.exit(f"{url} does not answer as an API server does: {answer}")
{{- end -}}
