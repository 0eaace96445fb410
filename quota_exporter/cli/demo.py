"""`quota-exporter demo`: the exporter's real main job against embedded clouds."""

import argparse
import asyncio
import os
import signal
import tempfile
from contextlib import suppress
from pathlib import Path

import yaml

from quota_exporter.cli.serve import add_web_flags, serve
from quota_exporter.errors import ConfigError

SUMMARY = "Run the exporter against embedded clouds on this machine, to see what it does."

LISTEN = "127.0.0.1:10042"

WHERE = """
The demo is running. It polls an embedded Kubernetes cluster whose numbers move, over TLS, and an embedded AWS organization of
three accounts in two regions, as it would real ones.

  {url}{path:<20} what Prometheus scrapes
  {url}{targets:<20} what is polled, and what failed
  {url}{quotas:<20} every quota with usage, limit and ceiling
  {url}{page:<20} all links

Stop it with Ctrl-C.
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of this command."""
    add_web_flags(parser, LISTEN)


def run(flags: argparse.Namespace) -> int:
    """Serves until SIGTERM or Ctrl-C."""
    with suppress(asyncio.CancelledError):
        asyncio.run(_demo(flags))
    return 0


async def _demo(flags: argparse.Namespace) -> None:
    try:
        from quota_exporter.demo.apiserver import Apiserver
        from quota_exporter.demo.aws import fleet
        from quota_exporter.demo.aws.server import Aws
        from quota_exporter.demo.moving import MovingPage
    except ImportError as error:
        raise ConfigError(f"{error.name} is not installed; the demo needs: pip install 'quota-exporter[demo]'") from None

    def told(url: str) -> None:
        paths = {"path": flags.telemetry_path, "targets": "/api/v1/targets", "quotas": "/api/v1/quotas", "page": "/"}
        print(WHERE.format(url=url, **paths), flush=True)

    # Until `serve` listens to signals itself: what is made before is not left behind.
    if (task := asyncio.current_task()) is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with tempfile.TemporaryDirectory(prefix="quota-exporter-demo-") as folder:
        async with Apiserver(MovingPage()) as server, Aws() as aws:
            await asyncio.to_thread(fleet.seed, aws)
            os.environ.update(fleet.profile(aws, Path(folder)))
            config = Path(folder) / "config.yaml"
            clouds = {"aws": [fleet.entry()], "kubernetes": [cluster(server.kubeconfig(Path(folder)))]}
            config.write_text(yaml.safe_dump(clouds))
            listen = flags.listen or [LISTEN]
            await serve(config, listen, flags.telemetry_path, told, flags.web_config_file)


def cluster(kubeconfig: Path) -> dict[str, object]:
    """The entry of the embedded cluster, polled often, so that something moves."""
    return {
        "name": "demo",
        "kubeconfig": str(kubeconfig),
        "etcd_quota": "2GiB",
        "cluster_cidrs": ["10.244.0.0/20"],
        "node_port_range": "30000-30063",
        "sources": {"apiserver": {"interval": "5s"}, "pods": {"interval": "30s"}, "resource_quotas": {"interval": "15s"}},
    }
