"""The password of the advertisements is nowhere to be seen: not in status, metrics, probes, logs or errors."""

from __future__ import annotations

import io
import json
import logging

import pytest
from msgspec.structs import replace

from tests.agent.story import MEMBER, Plan, eventful
from vipalived.agent import log
from vipalived.agent.endpoint import Endpoint
from vipalived.agent.metrics import Metrics
from vipalived.cli.screen import screen
from vipalived.vrrp.packet import Auth, AuthType, Discard

CANARY = "c4n4ry77"


@pytest.mark.parametrize("auth", list(AuthType))
def test_no_canary_comes_out(auth: AuthType) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(log._Json())
    logging.getLogger("vipalived").addHandler(handler)
    try:
        story = eventful(Plan(members=(replace(MEMBER, version=2, auth=Auth(auth, CANARY.encode())),)))
    finally:
        logging.getLogger("vipalived").removeHandler(handler)
    for reason in (Discard.PASSWORD, Discard.ICV, Discard.AUTH_TYPE):
        story.ledger.discarded(reason, "198.18.0.8")
    now = story.shown()
    endpoint = Endpoint("127.0.0.1", 9951, story.shown, lambda *_: None)
    said = [
        json.dumps(now.to_json()),
        repr(now),
        screen(now, wide=True),
        str(Metrics(story.shown).exposition("")),
        *(str(endpoint.answer(path, "")) for path in (b"/livez", b"/readyz", b"/metrics", b"/")),
        repr(story.ledger.book),
        stream.getvalue(),
    ]
    assert "second holder" in stream.getvalue()
    assert all(said)
    assert CANARY not in "".join(said)
    assert "password" in "".join(said)
