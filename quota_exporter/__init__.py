"""How close you are to a limit in AWS, Google Cloud, Azure, Kubernetes and rate-limited HTTP services, for Prometheus."""

__version__ = "0.1.0"
