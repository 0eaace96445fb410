"""What the exporter serves: metrics, health, reload, the same readings as JSON, and a page for people."""
