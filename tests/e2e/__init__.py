"""The exporter as its users run it: real processes, a real Prometheus, real clients, over real HTTP on loopback."""
