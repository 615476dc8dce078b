"""What a release of vipalived is called: the versions that the chart, the image and the labels carry."""

from __future__ import annotations

CHART_NAME = "vipalived"
CHART_VERSION = "0.3.0"
APP_VERSION = "3.22"
"""The Alpine release whose keepalived is the default, and so the default `image.tag`."""
