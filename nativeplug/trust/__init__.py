"""Where a plugin's file comes from: policies, pinned contents, signatures, versions."""

from __future__ import annotations

from nativeplug.trust.policy import Policy, get_policy, set_policy
from nativeplug.trust.requirements import NO_REQUIREMENTS, OriginRequirements

__all__ = [
    "NO_REQUIREMENTS",
    "OriginRequirements",
    "Policy",
    "get_policy",
    "set_policy",
]
