"""What is asked of the lab, and the trials that this amounts to.

`Order` travels as JSON from the command line into the namespaces.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from vipalived.errors import InvalidSettings, Problem
from vipalived.lab.bounds import Limits, Timing
from vipalived.lab.engines import Engine, Keepalived, Mixed, Native, engine
from vipalived.lab.plan import BASE_LAYER, Plan, node_names, plan, timing, with_interfaces
from vipalived.lab.pressure import Quota
from vipalived.lab.scenarios import SCENARIOS
from vipalived.settings import Settings, load
from vipalived.settings.values import Layer


@dataclass(frozen=True, slots=True)
class Case:
    """One trial to carry out: its number, its scenario, and what is rehearsed."""

    number: int
    scenario: str
    engine: Engine
    settings: Settings
    plan: Plan
    timing: Timing

    @property
    def lasts(self) -> float:
        """Seconds that the trial takes, about."""
        fixed, intervals = SCENARIOS[self.scenario].lasts
        return fixed + intervals * self.settings.keepalived.vrrp_instance.advert_int

    @property
    def limits(self) -> Limits:
        """What the engine promises in this scenario."""
        return self.engine.bounds[self.scenario](self.timing)


@dataclass(frozen=True, slots=True)
class Order:
    """What to run. The outputs are open file descriptors, a directory descriptor for the logs, or None."""

    layer: Layer
    engines: tuple[str, ...]
    scenarios: tuple[str, ...]
    repeat: int = 1
    nodes: int | None = None
    keepalived: str = "keepalived"
    json: int | None = None
    html: int | None = None
    logs: int | None = None
    quota: Quota = field(default_factory=Quota)

    def as_json(self) -> str:
        """As text that `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Order:
        """The order that `as_json` wrote."""
        data = json.loads(text)
        lists = {name: tuple(data[name]) for name in ("engines", "scenarios")}
        return cls(**data | lists | {"quota": Quota(**data["quota"])})

    def settings(self) -> Settings:
        """The values with the lab's own VIP below them; raises InvalidSettings."""
        return with_interfaces(load([BASE_LAYER, self.layer]).settings)

    def programme(self) -> tuple[Case, ...]:
        """Every trial in its turn: engines take turns, so that noise hits all alike; raises InvalidSettings."""
        casts = {scenario: list(self._casts(scenario)) for scenario in self.scenarios}
        if not any(casts.values()):
            asked = ", ".join(f"`{name}`" for name in self.engines)
            hint = "add `--engine native`"
            problem = Problem("", f"`release` needs an engine that takes commands, found {asked}", hint)
            raise InvalidSettings((problem,))
        return tuple(
            self._case(number, scenario, chosen, settings)
            for number in range(1, self.repeat + 1)
            for scenario, cast in casts.items()
            for chosen, settings in cast
        )

    def _casts(self, scenario: str) -> Iterator[tuple[Engine, Settings]]:
        if SCENARIOS[scenario].mixed:
            yield from self._mixed()
            return
        settings = self.settings()
        for name in self.engines:
            chosen = engine(name, self.keepalived)
            if not SCENARIOS[scenario].agent or chosen.release(Path()) is not None:
                yield chosen, settings

    def _mixed(self) -> Iterator[tuple[Engine, Settings]]:
        """Both engines, each in turn the first node's and so the holder, in every form of VRRP."""
        ours, theirs = Native(), Keepalived(self.keepalived)
        node = node_names(self.settings(), self.nodes)[0]
        for form, layer in self._forms().items():
            settings = _laid(form, [BASE_LAYER, self.layer, layer])
            for first, others in ((ours, theirs), (theirs, ours)):
                yield Mixed(f"{first.name}>{others.name} {form}", node, first, others), settings

    def _forms(self) -> Mapping[str, Layer]:
        """The forms that VRRP has on the wire, as values to lay over the operator's."""
        nodes = plan(self.settings(), self.nodes).nodes
        peers = [str(address.ip) for host in nodes for address in host.addresses]
        second = {"advertInt": 1}
        forms: dict[str, tuple[int, Layer]] = {
            "v2": (2, second | {"authentication": {"authPass": ""}}),
            "v2-pass": (2, second | {"authentication": {"authType": "PASS", "authPass": "k8s_vip"}}),
            "v2-ah": (2, second | {"authentication": {"authType": "AH", "authPass": "k8s_vip"}}),
            "v3": (3, {}),
            "v3-ipv6": (3, {"virtualIpAddress": "2001:db8::100/64"}),
            "unicast": (3, {"unicastPeers": peers}),
        }
        return {
            form: {"keepalived": {"vrrpVersion": version, "vrrpInstance": instance}}
            for form, (version, instance) in forms.items()
        }

    def _case(self, number: int, scenario: str, chosen: Engine, settings: Settings) -> Case:
        names = node_names(settings, self.nodes)
        return Case(number, scenario, chosen, settings, plan(settings, self.nodes), timing(settings, names))


def _laid(form: str, layers: list[Layer]) -> Settings:
    """The settings of a mixed scenario; raises InvalidSettings that says of which."""
    try:
        return load(layers).settings
    except InvalidSettings as error:
        problems = (
            Problem(
                problem.path,
                f"{problem.message} (in the scenario `mixed`, which also runs {form})",
                problem.hint,
            )
            for problem in error.problems
        )
        raise InvalidSettings(tuple(problems)) from error
