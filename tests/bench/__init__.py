"""How fast and how big the exporter is: `python -m tests.bench`."""
