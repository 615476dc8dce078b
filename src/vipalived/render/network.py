"""What plain keepalived cannot find out by itself, before it starts: its interface and the address that it speaks from.

A shell script does it with `ip` and awk alone, busybox's or others. The agent does the same by `vipalived.interfaces`
and `vipalived.net.view`, by the same rules and in the same words.
"""

from __future__ import annotations

from typing import Final

from vipalived.interfaces import NEVER, UNABLE

CONFIG_FILE: Final = "/etc/vipalived/keepalived.conf"
"""Not in keepalived's own directory: Debian's from 2.3 on does not start where a mount hides what is there."""
READY_FILE: Final = "/run/keepalived.conf"
"""What keepalived reads in the end; beside its pid files, as the ConfigMap cannot be written.

`same-interface` beside it is a script for a liveness probe: it fails once the interface is another one of that name.
"""
LOCK_DIRECTORY: Final = "/run/vipalived"
"""A directory of the node: whoever runs a virtual router locks a file there, which the kernel undoes when it ends."""


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
function network(address, width) { return substr(bits(address), 1, width) }
function family(address) { return index(address, ":") ? 6 : 4 }
function local(address) { return tolower(address) ~ /^fe[89ab]/ }
function by_subnet(target,   at, best, other, name) {
  for (at = 1; at <= here; at++) {
    if (!(holder[at] in able) || borrowed[at] || family(address[at]) != family(target)) continue
    if (network(target, width[at]) != network(address[at], width[at])) continue
    matches[target, holder[at]] = 1
    if (!best || width[at] > width[best] || (width[at] == width[best] && number[holder[at]] < number[holder[best]]))
      best = at
  }
  if (!best) return ""
  for (name in able)
    if ((target, name) in matches && name != holder[best] && (other == "" || number[name] < number[other])) other = name
  other = other == "" ? "" : "; " other " has such a subnet, too"
  return holder[best] " has " address[best] "/" width[best] ", the subnet of " target other
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
function choice(   one, two, first, second) {
  one = resolve(family(vip[1]))
  two = resolve(10 - family(vip[1]))
  split(one, first, " ")
  split(two, second, " ")
  if (one != "" && two != "" && first[1] != second[1]) {
    lacking = "a virtual router has one interface, but " one "; " two
    return ""
  }
  if (one == "" && two == "" && lacking == "") lacking = "there is no VIP but link-local ones to go by"
  return one == "" ? two : one
}
function source(version, sought,   at, each, primary) {
  for (at = 1; at <= here; at++) {
    if (holder[at] != device || family(address[at]) != version) continue
    if (sought != "" && bits(address[at]) == bits(sought)) return address[at] " as the values say"
    if (sought == "" && bits(address[at]) in peer) return address[at] " which is among `unicastPeers`"
  }
  if (sought != "") return ""
  for (at = 1; at <= here; at++) {
    if (holder[at] != device || family(address[at]) != version || borrowed[at]) continue
    for (each = 1; each <= count; each++) {
      if (family(vip[each]) != version) continue
      if (network(vip[each], width[at]) == network(address[at], width[at])) return address[at] " whose subnet has a VIP"
    }
    if (primary == "") primary = address[at] " the interface\047s primary address"
  }
  return primary
}
# keepalived 2.3 runs no script on whose path a symbolic link stands for a directory, and ends.
function with_shell(text) { sub("/bin/sh ", bin "/sh ", text); return text }
function say(text) { said = said "# vipalived: " text "\n" }
function wait(reason) { print "waiting for " reason; exit 1 }
function missing(name,   at, names) {
  for (at = 1; at <= ables; at++) names = names (at > 1 ? ", " : "") usable[at]
  wait("the interface " name "; this node has " (ables ? names : "none that could have a VIP"))
}
FNR == NR {
  line[++lines] = $0
  own = $1 == "@" ENVIRON["NODE_NAME"]
  if ($(1 + own) ~ /^[$].*=/) {
    name = $(1 + own)
    sub(/=.*/, "", name)
    value[name] = $NF ~ /=$/ ? "" : $NF
    sub(/^.*=/, "", value[name])
  }
  if ($1 == "}") block = ""
  if (block == "unicast_peer" && ($1 !~ /^@/ || $1 != "@^" ENVIRON["NODE_NAME"])) {
    peers[family($NF)]++
    peer[bits($NF)] = 1
  }
  if (block == "virtual_ipaddress") { sub("/.*", "", $1); vip[++count] = tolower($1); taken[bits($1)] = 1 }
  if (block == "track_interface") tracked[$1] = 1
  if ($1 == "interface") wanted = $2 in value ? value[$2] : $2
  if ($1 == "unicast_src_ip") value["$SOURCE" family($2)] = $2
  if ($2 == "{") block = $1
  next
}
$3 ~ /^</ {
  name = $2
  sub(/[@:].*/, "", name)
  number[name] = $1 + 0
  if ($3 !~ /UNABLE/ && name !~ /NEVER/) {
    able[name] = 1
    usable[++ables] = name
  }
  for (at = 4; at < NF; at++) if ($at == "altname") {
    other = $(at + 1)
    sub(/\\$/, "", other)
    called[other] = name
  }
  next
}
$3 ~ /^inet/ {
  split($5 == "peer" ? $6 : $4, part, "/")
  sub("/.*", "", $4)
  if (bits($4) in taken) {
    # No keepalived leaves one with a lifetime; nor can one run where there is no other IPv4 address than its VIP.
    if (part[2] < length(bits($4)) && ($0 " ") !~ / (secondary|deprecated|noprefixroute) /) {
      if (($0 " ") ~ / dynamic /) leased[$2] = $4
      else if (family($4) == 4) sole[$2] = $4
    }
    next
  }
  if (family($4) == 4) others[$2] = 1
  if (($0 " ") ~ / (tentative|dadfailed) /) next
  holder[++here] = $2
  address[here] = tolower($4)
  width[here] = part[2] + 0
  borrowed[here] = local($4) || ($0 " ") ~ / (secondary|temporary|deprecated) /
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
  device = wanted
  if (wanted == "auto") {
    reason = choice()
    if (reason == "") wait("an interface: " lacking)
    split(reason, part, " ")
    device = part[1]
    say("interface auto: " reason)
  } else if (!(wanted in number)) {
    if (!(wanted in called)) missing(wanted)
    device = called[wanted]
    say(wanted " is another name of " device)
  }
  if (device in others) delete sole[device]
  reason = device in leased ? leased[device] : sole[device]
  if (reason != "") wait("another VIP: " reason " is this node\047s own address on " device)
  for (name in tracked) if (!(name in number) && !(name in called)) missing(name)
  for (version = 4; version <= 6; version += 2) if (peers[version]) {
    sought = value["$SOURCE" version]
    reason = source(version, sought)
    sought = sought == "" ? "an IPv" version " address" : sought " (`unicastSourceAddress`)"
    if (reason == "") wait(sought " on " device)
    split(reason, part, " ")
    from["$SOURCE" version] = part[1]
    self[bits(part[1])] = peers[version] > 1
    sub(" ", ", ", reason)
    say("speaks from " reason)
  }
  print "# interface " device " " number[device]
  printf "%s", said
  for (at = 1; at <= lines; at++) {
    split(line[at], part, " ")
    if (part[1] == "}") block = ""
    if (part[1] == "interface") print "  interface " device
    else if (block == "track_interface" && part[1] in called) print "    " called[part[1]]
    else if (part[1] in from) print "  unicast_src_ip " from[part[1]]
    else if (part[1] == "script") print with_shell(line[at])
    else if (!(block == "unicast_peer" && self[bits(part[1])])) print line[at]
    if (part[2] == "{") block = part[1]
  }
}
"""

_SCRIPT = r"""command -v ip >/dev/null && command -v awk >/dev/null || {
  echo 'vipalived: ip and awk are not in the image, and what keepalived is to run on is found by them' >&2
  exit 1
}
conf=READY
said=
trap 'exit 0' TERM INT
# Of a container before this one in the pod: its keepalived was process 1, too, and would seem to run.
rm -f ${conf%/*}/*.pid
network() { ip -o link; ip -o addr; ip -4 route | sed 's/^/4 /'; ip -6 route | sed 's/^/6 /'; }
# Two keepalived of one virtual router would take the VIP from each other; they do not hear each other.
alone() {
  read -r _ _ name index <$conf
  id=$(awk '$1 == "virtual_router_id" { print $2; exit }' $conf)
  lock=LOCKS/$name-$id-$(readlink /proc/self/ns/net | tr -dc 0-9)
  if command -v flock >/dev/null && true 2>/dev/null >>$lock; then
    exec 9>>$lock
    flock -n 9 && ! grep -q "@vipalived/$name/$id/" /proc/net/unix && return
    echo "waiting for the other pod on this node that runs virtual router $id on $name to end" >$conf
    hint='a static pod and a DaemonSet, say; this one takes over when that one is removed'
    return 1
  fi
  echo "vipalived: $lock cannot be locked, so a second pod of this virtual router on this node is not noticed" >&2
}
until hint='interface and source address are set in keepalived.vrrpInstance, and for one node in nodes.NAME'
network | awk -v bin="$(readlink -f /bin)" 'AWK' CONFIG - >$conf && alone; do
  read -r reason <$conf || exit 1
  [ "$reason" = "$said" ] || {
    echo "vipalived: $reason" >&2
    echo "  hint: $hint" >&2
  }
  said=$reason
  sleep 1
done
sed -n 's/^# vipalived/vipalived/p' $conf >&2
echo "read -r now </sys/class/net/$name/ifindex && [ \$now = $index ]" >${conf%/*}/same-interface
"""


def preparing_script(config: str = CONFIG_FILE, ready: str = READY_FILE, locks: str = LOCK_DIRECTORY) -> str:
    """The lines before keepalived's start: they wait for interface, address and their turn, and write `ready`."""
    awk = _AWK.strip().replace("UNABLE", "|".join(UNABLE)).replace("NEVER", NEVER)
    paths = {"CONFIG": config, "READY": ready, "LOCKS": locks}
    script = _SCRIPT.replace("AWK", awk)
    for name, path in paths.items():
        script = script.replace(name, path)
    return script
