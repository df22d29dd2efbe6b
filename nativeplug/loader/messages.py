"""The dynamic loader's words, as its user has to read them."""

from __future__ import annotations

import re

from nativeplug.errors import OpenError

_TLS_EXHAUSTED = "cannot allocate memory in static TLS block"
# The tunable's default is 512 bytes for the whole process; every copy of a Go plugin takes some.
_TLS_ADVICE = (
    "; raise it with GLIBC_TUNABLES=glibc.rtld.optional_static_tls=16384, restart the program, "
    "update less often, or open with fresh=False what was closed before"
)


def in_users_words(text: str, name: str, path: str) -> str:
    """Return the loader's *text* about the object *name* as a text about the user's *path*."""
    if not name or name not in text:
        return text
    return re.sub(rf"{re.escape(name)}(?![\w.])", lambda _: path, text)


def cannot_load(path: str, text: str) -> OpenError:
    """Return the error for a *path* that the dynamic loader refuses."""
    reason = text or "the dynamic loader gives no reason"
    if _TLS_EXHAUSTED in text:
        reason += _TLS_ADVICE
    return OpenError(f"cannot open plugin {path!r}: {reason}", path=path, reason=reason)
