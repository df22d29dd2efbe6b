"""``python -m nativeplug``: the command line."""

from __future__ import annotations

from nativeplug.cli import main

if __name__ == "__main__":
    main()
