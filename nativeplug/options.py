"""What ``open`` is told about functions, apart from their declarations."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeGuard

from nativeplug.errors import DeclarationError


@dataclass(frozen=True, slots=True)
class Options:
    """What ``open`` was told about functions, apart from their declarations."""

    #: Functions whose result the caller owns, each with the function that releases it.
    free: Mapping[str, str] = field(default_factory=dict)
    #: Go functions whose Go results are constants; True for all.
    allow_go_results: frozenset[str] | bool = frozenset()

    @classmethod
    def of(cls, *, free: object, allow_go_results: object) -> Options:
        """
        Check what the caller of ``open`` gave.

        Raises:
            TypeError: It is not a mapping of names, or not a collection of names.
        """
        given = {} if free is None else free
        if not isinstance(given, Mapping) or not _are_names((*given.keys(), *given.values())):
            raise TypeError("free must map names of functions to names of functions")
        if isinstance(allow_go_results, bool):
            return cls(dict(given), allow_go_results)
        if not _are_names(allow_go_results):
            raise TypeError("allow_go_results must be a bool or a collection of names")
        return cls(dict(given), frozenset(allow_go_results))

    def plus(self, more: Options) -> Options:
        """
        Return these options and *more*.

        Raises:
            DeclarationError: They disagree on who releases a result.
        """
        for name in self.free.keys() & more.free.keys():
            if self.free[name] != more.free[name]:
                raise DeclarationError(
                    f"the result of {name!r} cannot be released by {more.free[name]!r}: "
                    f"the plugin was opened with {self.free[name]!r} for it"
                )
        if self.allow_go_results is True or more.allow_go_results is True:
            allowed: frozenset[str] | bool = True
        else:
            allowed = frozenset((*(self.allow_go_results or ()), *(more.allow_go_results or ())))
        return Options({**self.free, **more.free}, allowed)

    def allows_go_result(self, name: str) -> bool:
        """Tell whether a Go function is known to return nothing but constants."""
        allowed = self.allow_go_results
        return allowed if isinstance(allowed, bool) else name in allowed


def _are_names(values: object) -> TypeGuard[Collection[str]]:
    if isinstance(values, str) or not isinstance(values, Collection):
        return False
    return all(isinstance(value, str) for value in values)
