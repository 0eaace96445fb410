"""Recorded answers and the exposition they must become: a folder per case."""

import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import yaml

from quota_exporter.errors import ApiError, Denied, Disabled, Malformed
from quota_exporter.providers.kubernetes.settings import Cluster
from quota_exporter.providers.kubernetes.text import Filter, Page

FAILURES = {"403": Denied, "404": Disabled}


class KubernetesReplay:
    """An api that answers from the files of a folder, in the order of their numbers.

    `1-metrics.txt` is a page of `/metrics`, `2-nodes.json` a page of a list, `3-servicecidrs.404.json` a failure.
    """

    def __init__(self, folder: Path):
        settings = yaml.safe_load((folder / "replay.yaml").read_text()) if (folder / "replay.yaml").exists() else {}
        self.cluster = Cluster.model_validate({"name": "prod", **settings.get("cluster", {})})
        self._at = float(settings.get("at", 0))
        self._files = sorted(folder.glob("[0-9]*-*"))

    def _next(self, path: str) -> bytes:
        file = self._files.pop(0)
        name, *status = file.name.partition("-")[2].removesuffix(".gz").rpartition(".")[0].split(".")
        assert name == path.rpartition("/")[2], f"asked for {path}, but {file.name} is next"
        if status:
            raise FAILURES[status[0]](f"recorded: {status[0]}", operation=f"GET {path}", permission=f"list {name}")
        return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()

    async def metrics(self, wanted: frozenset[str]) -> list[Page | ApiError]:
        """Each page that is there; a replica for each where there are several."""
        several = sum("-metrics" in file.name for file in self._files) > 1
        pages: list[Page | ApiError] = []
        while self._files:
            filtered = Filter(wanted, Page(self._at, f"10.0.0.{len(pages) + 1}:6443" if several else ""))
            try:
                filtered.feed(self._next("/metrics"))
                pages.append(filtered.finish())
            except (Denied, Malformed) as error:
                pages.append(error)
        return pages

    async def pages(self, path: str, permission: str, limit: int, table: bool = False, **params: str) -> AsyncIterator[Any]:
        """A list, page by page."""
        while True:
            page = json.loads(self._next(path))
            yield page
            if not page["metadata"].get("continue"):
                return

    async def cached(self, question: Callable[[Any], Awaitable[Any]], every: float) -> Any:
        """Asks every time."""
        return await question(self)

    def done(self) -> bool:
        """Whether every recorded answer was asked for."""
        return not self._files
