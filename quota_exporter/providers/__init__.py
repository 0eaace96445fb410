"""The clouds, one folder each: how each is called, how its targets are found, one file per source."""

from typing import Any

from quota_exporter.providers.aws import AWS
from quota_exporter.providers.kubernetes import KUBERNETES
from quota_exporter.source import Provider

PROVIDERS: tuple[Provider[Any], ...] = (AWS, KUBERNETES)
"""Every provider; a list on purpose, so that an editor can follow each name. SDKs are imported by `connect` only."""
