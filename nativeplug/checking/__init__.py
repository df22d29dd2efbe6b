"""Everything that can be said against a plugin's file, as a report: for authors and their CI."""

from nativeplug.checking.report import HARDENING, Check, CheckOptions, Report, SymbolCheck, Verdict
from nativeplug.checking.run import check

__all__ = ["HARDENING", "Check", "CheckOptions", "Report", "SymbolCheck", "Verdict", "check"]
