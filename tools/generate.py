"""Write the files that are generated from the settings, or with --check say which are out of date."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from marked import with_section

from vipalived.release import APP_VERSION, CHART_VERSION
from vipalived.render import chart

ROOT = Path(__file__).parent.parent
CHART = ROOT / "charts" / "vipalived"


def generated() -> dict[Path, str]:
    """Each generated file with the content it must have."""
    definition = (CHART / "Chart.yaml").read_text(encoding="utf-8")
    definition = re.sub(r"(?m)^version: .*$", f"version: {CHART_VERSION}", definition)
    definition = re.sub(r"(?m)^appVersion: .*$", f'appVersion: "{APP_VERSION}"', definition)
    return {
        CHART / "Chart.yaml": definition,
        CHART / "values.yaml": chart.values_yaml(),
        CHART / "values.schema.json": chart.values_schema(),
        CHART / "templates" / "_rules.tpl": chart.rules_template(),
        CHART / "README.md": with_section(CHART / "README.md", "values", chart.values_table()),
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
            path.write_text(generated()[path], encoding="utf-8")
    if check and stale:
        sys.exit("hint: run `make generate`")


if __name__ == "__main__":
    main()
