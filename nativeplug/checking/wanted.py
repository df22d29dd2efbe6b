"""What a check of a plugin's file is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nativeplug.interface import Interface
from nativeplug.trust import Demands
from nativeplug.trust.hardening import WANTED

#: That nobody else can write to the directories in which it looks for libraries.
SEARCH_PATH: Final = "search_path"
#: What can be wanted of a file's protection.
HARDENING: Final = (*WANTED, SEARCH_PATH)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a check is asked for."""

    #: The header that declares the plugin's symbols; None for what is found with the plugin.
    declarations: Path | None = None
    #: What the plugin must be.
    interface: type[Interface] | None = None
    #: What is demanded of its origin, but for its hardening.
    demands: Demands = field(default_factory=Demands)
    #: Of `HARDENING`, what it must have.
    hardening: frozenset[str] = frozenset()
    #: The types of all declared symbols must be known.
    require_checked: bool = False
    #: It is loaded, in a process of its own.
    probe: bool = False
