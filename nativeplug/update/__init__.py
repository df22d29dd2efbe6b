"""Replacing the generation that serves a plugin."""

from __future__ import annotations

from nativeplug.update.admission import Admission, Admit, admit_all
from nativeplug.update.following import Following
from nativeplug.update.history import GenerationInfo, History
from nativeplug.update.settings import Hook, Settings, Unload
from nativeplug.update.updates import Outcome, Updates

__all__ = [
    "Admission",
    "Admit",
    "Following",
    "GenerationInfo",
    "History",
    "Hook",
    "Outcome",
    "Settings",
    "Unload",
    "Updates",
    "admit_all",
]
