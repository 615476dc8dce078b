"""The API server: does it answer here, does it answer at the VIP, and does its certificate name the VIP?"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from vipalived.agent.target import Target, Unusable
from vipalived.doctor.finding import Finding, error, ok, skipped, warning
from vipalived.doctor.kubelet import addresses_of
from vipalived.doctor.scene import Scene
from vipalived.health.judge import HealthCheck
from vipalived.vrrp.packet import IPAddress

_PATIENCE: Final = 5.0
_HTTPS: Final = 443
_SERVES: Final = {200, 401, 403}
"""401 and 403 say that it answers, but not to strangers."""
_CLUSTER_NAMES: Final = ("kubernetes", "localhost")


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is None where none came, and `said` why not."""

    status: int | None
    said: str


def examine(scene: Scene, *, held: bool) -> Iterator[Finding]:
    """`held`: whether anybody has the VIP, so that it can be asked."""
    check = scene.plan.health
    if check is None:
        for name in ("api server", "vip serves", "certificate"):
            yield skipped(name, "`healthCheck.enabled` is false")
        return
    local = _local(check)
    yield _tells_local(scene, check, local)
    yield _at_vip(scene, check) if held else skipped("vip serves", "nobody has the VIP")
    yield _certificate(scene, check)


def _local(check: HealthCheck) -> Answer:
    """The question as the agent asks it, with its files."""
    try:
        credentials = Target(check).credentials()
    except Unusable as reason:
        return Answer(None, str(reason))
    url = urlsplit(check.url)
    token = {} if credentials.token is None else {"Authorization": f"Bearer {credentials.token.decode()}"}
    return _ask(url.hostname or "", url.port or _HTTPS, check.url, credentials.context, token)


def _tells_local(scene: Scene, check: HealthCheck, answer: Answer) -> Finding:
    name = "api server"
    if answer.status in _SERVES:
        return ok(name, f"{check.url} says {answer.status}")
    seen = f"{check.url}: {answer.said}"
    if answer.status is not None:
        why = "with the agent, this node gives way to one whose API server is ready"
        return warning(name, seen, why, "look at the API server and at etcd; a 404 is for `healthCheck.url`")
    hint = "see whether kube-apiserver runs, and correct `healthCheck.url` or the files beside it"
    if scene.settings.static:
        why = "before `kubeadm init` or `join` that is as it must be; the node is `unproven` until it answers"
        return warning(name, seen, why, hint)
    return error(name, seen, "clients that reach the VIP on this node are refused", hint)


def _at_vip(scene: Scene, check: HealthCheck) -> Finding:
    """Whoever has the VIP might be a stranger, so nothing is shown to them, and nothing believed."""
    name, url = "vip serves", urlsplit(check.url)
    context = _trusting_nobody()
    for vip in scene.vips:
        if vip.ip.is_link_local:
            continue
        answer = _ask(str(vip.ip), url.port or _HTTPS, url.path, context, {})
        if answer.status not in _SERVES:
            at = f"[{vip.ip}]" if vip.version == 6 else str(vip.ip)
            return error(
                name,
                f"https://{at}:{url.port or _HTTPS}{url.path}: {answer.said}",
                "that is what clients get",
                "see `holder`: the API server of the node that has the VIP, and a firewall before it",
            )
    return ok(name, f"it answers on port {url.port or _HTTPS} of the VIP")


def _ask(host: str, port: int, target: str, context: ssl.SSLContext, headers: dict[str, str]) -> Answer:
    """One GET, never through a proxy."""
    url = urlsplit(target)
    path = f"{url.path}?{url.query}" if url.query else url.path
    connection = http.client.HTTPSConnection(host, port, context=context, timeout=_PATIENCE)
    try:
        connection.request("GET", path, headers={"User-Agent": "vipalived", **headers})
        response = connection.getresponse()
        body = response.read(4096).decode(errors="replace")
    except TimeoutError:
        return Answer(None, f"no answer within {_PATIENCE:g} s")
    except (OSError, http.client.HTTPException) as reason:
        return Answer(None, _words(reason))
    finally:
        connection.close()
    failing = [line for line in body.splitlines() if line.startswith("[-]")]
    return Answer(response.status, f"{response.status}{f' ({failing[0]})' if failing else ''}")


def _words(reason: Exception) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return reason.verify_message
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__


def _certificate(scene: Scene, check: HealthCheck) -> Finding:
    url = urlsplit(check.url)
    try:
        names = _names(url.hostname or "", url.port or _HTTPS)
    except ssl.SSLCertVerificationError as reason:
        why = "every client that checks it refuses the API server"
        return error("certificate", f"the API server's certificate: {reason.verify_message}", why, "renew it")
    except (OSError, ValueError) as reason:
        return skipped("certificate", f"there is none to see at {check.url}: {_words(reason)}")
    lacking = [vip.ip for vip in scene.vips if not vip.ip.is_link_local and str(vip.ip) not in names]
    if not lacking or any(_leads_to(name, scene.plan.vips) for name in names):
        return ok(
            "certificate",
            f"the API server's certificate names {'the VIP' if not lacking else 'it by a name'}",
        )
    return error(
        "certificate",
        f"the API server's certificate is for {', '.join(names)}, and not for {lacking[0]}",
        "clients that come by the VIP refuse it (x509)",
        "kubeadm: add the VIP to `apiServer.certSANs` and run `kubeadm init phase certs apiserver`; k3s and RKE2: "
        "add it to `tls-san`",
    )


def _names(host: str, port: int) -> list[str]:
    """The names in the certificate that is served there.

    Python's ssl shows only what it has verified, so the certificate is fetched first, and then trusted by itself.
    """
    pem = ssl.DER_cert_to_PEM_cert(_fetch(host, port, _trusting_nobody(), binary=True))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=pem)
    found: dict[str, Any] = _fetch(host, port, context, binary=False)
    named = [value for kind, value in found.get("subjectAltName", ()) if kind in {"DNS", "IP Address"}]
    return [_canonical(name) for name in named]


def _fetch(host: str, port: int, context: ssl.SSLContext, *, binary: bool) -> Any:
    with (
        socket.create_connection((host, port), _PATIENCE) as connection,
        context.wrap_socket(connection, server_hostname=host) as secured,
    ):
        return secured.getpeercert(binary_form=binary)


def _trusting_nobody() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _canonical(name: str) -> str:
    """Addresses as Python writes them: OpenSSL writes IPv6 in full."""
    found = addresses_of(name) if ":" in name else set()
    return str(next(iter(found))) if found else name


def _leads_to(name: str, vips: frozenset[IPAddress]) -> bool:
    """Whether it is a name for the VIP that clients use in its place."""
    return not name.startswith((*_CLUSTER_NAMES, "*")) and "." in name and bool(addresses_of(name) & vips)
