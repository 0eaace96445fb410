"""`python -m quota_exporter` and `quota-exporter`."""

import sys

from quota_exporter.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
