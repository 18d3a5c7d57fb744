"""`python -m nslab` is `nslab`."""

from __future__ import annotations

from nslab.cli import main

if __name__ == "__main__":
    main()
