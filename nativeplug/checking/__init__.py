"""Everything that can be said against a plugin's file, as a report: for authors and their CI."""

from nativeplug.checking.checking import check
from nativeplug.checking.report import Check, Report, SymbolCheck, Verdict
from nativeplug.checking.wanted import HARDENING, Wanted

__all__ = ["HARDENING", "Check", "Report", "SymbolCheck", "Verdict", "Wanted", "check"]
