"""What ``open`` is told about functions, apart from their declarations."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeGuard

from nativeplug.errors import DeclarationError


@dataclass(frozen=True, slots=True)
class Names:
    """Names of functions, or all functions."""

    names: frozenset[str] = frozenset()
    all: bool = False

    @classmethod
    def of(cls, option: str, given: object) -> Names:
        """
        Check what the caller of ``open`` gave for an option.

        Raises:
            TypeError: It is neither a bool nor a collection of names.
        """
        if isinstance(given, bool):
            return cls(all=given)
        if not _are_names(given):
            raise TypeError(f"{option} must be a bool or a collection of names")
        return cls(frozenset(given))

    def __contains__(self, name: str) -> bool:
        """Tell whether a function is meant."""
        return self.all or name in self.names

    def __or__(self, more: Names) -> Names:
        """Return these names and *more*."""
        return Names(self.names | more.names, self.all or more.all)


_NONE = Names()


@dataclass(frozen=True, slots=True)
class Options:
    """What ``open`` was told about functions, apart from their declarations."""

    #: Functions whose result the caller owns, each with the function that releases it.
    free: Mapping[str, str] = field(default_factory=dict)
    #: Go functions whose Go results are constants.
    allow_go_results: Names = _NONE
    #: Functions that are called with the GIL held.
    hold_gil: Names = _NONE
    #: Functions after whose calls errno is kept.
    save_errno: Names = _NONE
    #: Symbols are refused of whose types the plugin tells nothing.
    require_checked: bool = False
    #: Nothing was said of any function.
    none: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """See, once, whether anything was said."""
        chosen = (self.allow_go_results, self.hold_gil, self.save_errno)
        none = not self.free and all(names == _NONE for names in chosen)
        object.__setattr__(self, "none", none)

    @classmethod
    def of(cls, *, free: object, require_checked: object = False, **names: object) -> Options:
        """
        Check what the caller of ``open`` gave.

        Raises:
            TypeError: It is not a mapping of names, not a collection of names, or not a bool.
        """
        given = {} if free is None else free
        if not isinstance(given, Mapping) or not _are_names((*given.keys(), *given.values())):
            raise TypeError("free must map names of functions to names of functions")
        if not isinstance(require_checked, bool):
            raise TypeError(f"require_checked must be bool, not {type(require_checked).__name__}")
        chosen = {name: Names.of(name, names[name]) for name in names}
        return cls(dict(given), **chosen, require_checked=require_checked)

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
        return Options(
            {**self.free, **more.free},
            self.allow_go_results | more.allow_go_results,
            self.hold_gil | more.hold_gil,
            self.save_errno | more.save_errno,
            self.require_checked or more.require_checked,
        )

    def named(self) -> Iterator[str]:
        """Iterate over the functions that the options name."""
        yield from self.free
        for chosen in (self.allow_go_results, self.hold_gil, self.save_errno):
            yield from chosen.names


def _are_names(values: object) -> TypeGuard[Collection[str]]:
    if isinstance(values, str) or not isinstance(values, Collection):
        return False
    return all(isinstance(value, str) for value in values)
