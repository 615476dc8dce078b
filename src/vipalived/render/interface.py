"""`interface: auto` in keepalived.conf: who puts the name in its place, and by what.

keepalived by itself has a shell before it, whose script chooses with `ip` and awk alone, busybox's or others: that
is here. The agent chooses by `vipalived.interfaces`, by the same rules and in the same words.
"""

from __future__ import annotations

from typing import Final

from vipalived.interfaces import AUTO, NEVER, UNABLE
from vipalived.settings import Settings

_LINE: Final = r"^((@[^ ]+ )?[$]INTERFACE=|  interface )auto$"
"""Where `auto` stands in keepalived.conf, as sed reads it."""
RESOLVED_FILE: Final = "/run/keepalived.conf"
"""What keepalived reads in the end; beside its pid files, as the ConfigMap cannot be written."""


def chooses(settings: Settings) -> bool:
    """Whether some node is to choose its interface by itself."""
    return any(settings.node(name).interface == AUTO for name in ("", *settings.nodes))


_AWK = r"""
function binary(number, width,   text) {
  for (; width > 0; width--) { text = (number % 2) text; number = int(number / 2) }
  return text
}
function hexadecimal(digits,   at, number) {
  for (at = 1; at <= length(digits); at++)
    number = number * 16 + index("0123456789abcdef", substr(digits, at, 1)) - 1
  return number
}
function bits(address,   half, group, head, tail, at, text) {
  if (family(address) == 4) {
    split(address, group, ".")
    for (at = 1; at <= 4; at++) text = text binary(group[at], 8)
    return text
  }
  split(tolower(address), half, "::")
  head = split(half[1], group, ":")
  for (at = 1; at <= head; at++) text = text binary(hexadecimal(group[at]), 16)
  tail = split(half[2], group, ":")
  for (at = head + tail; at < 8; at++) text = text binary(0, 16)
  for (at = 1; at <= tail; at++) text = text binary(hexadecimal(group[at]), 16)
  return text
}
function family(address) { return index(address, ":") ? 6 : 4 }
function local(address) { return tolower(address) ~ /^fe[89ab]/ }
function by_subnet(target,   at, best, other, name) {
  for (at = 1; at <= held; at++) {
    if (family(has[at]) != family(target)) continue
    if (substr(bits(target), 1, prefix[at]) != substr(bits(has[at]), 1, prefix[at])) continue
    matches[target, owner[at]] = 1
    if (!best || prefix[at] > prefix[best] || (prefix[at] == prefix[best] && number[owner[at]] < number[owner[best]]))
      best = at
  }
  if (!best) return ""
  for (name in able)
    if ((target, name) in matches && name != owner[best] && (other == "" || number[name] < number[other])) other = name
  other = other == "" ? "" : "; " other " has such a subnet, too"
  return owner[best] " has " has[best] "/" prefix[best] ", the subnet of " target other
}
function resolve(version,   at, found, sought) {
  for (at = 1; at <= count; at++) {
    if (family(vip[at]) != version || local(vip[at])) continue
    found = by_subnet(vip[at])
    if (found != "") return found
    sought = sought (sought == "" ? "" : ", ") vip[at]
  }
  if (sought == "") return ""
  if (version in gateway) return gateway[version] " has the IPv" version " default route; no subnet here has " sought
  lacking = lacking (lacking == "" ? "" : "; ") "no subnet here has " sought ", and there is no IPv" version
  lacking = lacking " default route to go by"
  return ""
}
FNR == NR {
  if ($1 ~ /^[$]INTERFACE=/ || ($1 == "@" ENVIRON["NODE_NAME"] && $2 ~ /^[$]INTERFACE=/)) {
    wanted = $NF
    sub(/^[$]INTERFACE=/, "", wanted)
  }
  if ($1 == "interface" && wanted == "") wanted = $2
  if ($1 == "}") inside = 0
  if (inside) { sub("/.*", "", $1); vip[++count] = tolower($1); taken[bits($1)] = 1 }
  if ($1 == "virtual_ipaddress") inside = 1
  next
}
$3 ~ /^</ {
  name = $2
  sub(/[@:].*/, "", name)
  number[name] = $1 + 0
  if ($3 !~ /UNABLE/ && name !~ /NEVER/) able[name] = 1
  next
}
$3 ~ /^inet/ {
  split($5 == "peer" ? $6 : $4, part, "/")
  sub("/.*", "", $4)
  if ($2 in able && !local($4) && !(bits($4) in taken) && !/ (secondary|temporary|deprecated) /) {
    owner[++held] = $2
    has[held] = $4
    prefix[held] = part[2] + 0
  }
  next
}
$2 == "default" {
  device = ""
  metric = 0
  for (at = 3; at < NF; at++) {
    if ($at == "dev") device = $(at + 1)
    if ($at == "metric") metric = $(at + 1) + 0
  }
  if (!(device in able)) next
  if (!($1 in gateway) || metric < cost[$1] || (metric == cost[$1] && number[device] < number[gateway[$1]])) {
    gateway[$1] = device
    cost[$1] = metric
  }
}
END {
  if (wanted != "auto") exit
  one = resolve(family(vip[1]))
  two = resolve(10 - family(vip[1]))
  split(one, first, " ")
  split(two, second, " ")
  if (one != "" && two != "" && first[1] != second[1]) {
    print "a virtual router has one interface, but " one "; " two
    exit 1
  }
  if (one == "" && two == "") {
    print (lacking == "" ? "there is no VIP but link-local ones to go by" : lacking)
    exit 1
  }
  print (one == "" ? two : one)
}
"""

_SCRIPT = r"""command -v ip >/dev/null && command -v awk >/dev/null || {
  echo 'vipalived: interface auto: ip and awk are needed for it, and not in the image' >&2
  exit 1
}
conf=/etc/keepalived/keepalived.conf
chosen=$({ ip -o link; ip -o addr; ip -4 route | sed 's/^/4 /'; ip -6 route | sed 's/^/6 /'; } | awk 'AWK' $conf -) || {
  echo "vipalived: interface auto: $chosen" >&2
  echo '  hint: name it in keepalived.vrrpInstance.interface, or for this node in nodes.NAME.interface' >&2
  exit 1
}
if [ -n "$chosen" ]; then
  echo "vipalived: interface auto: $chosen" >&2
  sed -E "s/LINE/\1${chosen%% *}/" $conf >RESOLVED || exit 1
  conf=RESOLVED
fi
"""


def choosing_script() -> str:
    """The lines before keepalived's start that leave its configuration's path in `$conf`."""
    awk = _AWK.strip().replace("UNABLE", "|".join(UNABLE)).replace("NEVER", NEVER)
    return _SCRIPT.replace("AWK", awk).replace("LINE", _LINE).replace("RESOLVED", RESOLVED_FILE)
