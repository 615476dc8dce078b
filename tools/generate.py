"""Write the files that are generated from the settings, or with --check say which are out of date."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import chartdocs
import kubernetes_types
from marked import with_sections

from vipalived.render import alerts, chart, dashboard
from vipalived.settings.distributions import DISTRIBUTIONS

ROOT = Path(__file__).parent.parent
CHART = ROOT / "charts" / "vipalived"


def generated() -> dict[Path, str]:
    """Each generated file with the content it must have."""
    definition = chartdocs.chart_yaml(
        (CHART / "Chart.yaml").read_text(encoding="utf-8"),
        (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
    )
    sections = {
        "badges": chartdocs.badges(),
        "installation": chartdocs.installation(),
        "distributions": chartdocs.distributions(),
        "values": chart.values_table(),
        "links": chartdocs.links(definition),
    }
    return {
        ROOT / "src" / "vipalived" / "settings" / "kubernetes.py": kubernetes_types.module(),
        CHART / "Chart.yaml": definition,
        CHART / "values.yaml": chart.values_yaml(),
        CHART / "values.schema.json": chart.values_schema(),
        CHART / "templates" / "_defaults.tpl": chart.defaults_template(),
        CHART / "templates" / "_forms.tpl": chart.forms_template(),
        CHART / "templates" / "_distributions.tpl": chart.distributions_template(),
        CHART / "templates" / "_network.tpl": chart.network_template(),
        CHART / "templates" / "_rules.tpl": chart.rules_template(),
        CHART / "alerts" / alerts.FILE_NAME: alerts.text(),
        CHART / "dashboards" / dashboard.FILE_NAME: dashboard.text(),
        **{CHART / "presets" / f"{name}.yaml": chart.preset(name) for name in DISTRIBUTIONS},
        CHART / "README.md": with_sections(CHART / "README.md", sections),
    }


def main() -> None:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 when a file is out of date"
    )
    check = parser.parse_args().check
    stale = [
        path
        for path, text in generated().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        print(f"{'out of date' if check else 'written'}: {path.relative_to(ROOT)}")
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(generated()[path], encoding="utf-8")
    if check and stale:
        sys.exit("hint: run `make generate`")


if __name__ == "__main__":
    main()
