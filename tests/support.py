"""Places and types that the tests share."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLUGINS_C = ROOT / "plugins_c"
PLUGINS_GO = ROOT / "plugins_go"

CPlugin = Callable[[str], Path]
BuildC = Callable[..., Path]
RunPython = Callable[..., "subprocess.CompletedProcess[str]"]
