"""Where a plugin's file comes from: policies, pinned contents, signatures, versions."""

from __future__ import annotations

from nativeplug.trust.demands import UNSAID, Demands
from nativeplug.trust.judge import Verified, check
from nativeplug.trust.policy import Policy, get_policy, set_policy

__all__ = ["UNSAID", "Demands", "Policy", "Verified", "check", "get_policy", "set_policy"]
