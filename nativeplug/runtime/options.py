"""What ``open`` is told about functions, apart from their declarations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeGuard

from nativeplug.elf.metadata import InterfaceVersion
from nativeplug.errors import DeclarationError
from nativeplug.trust import NO_REQUIREMENTS, OriginRequirements


@dataclass(frozen=True, slots=True)
class NameSet:
    """Names of functions, or all functions."""

    names: frozenset[str] = frozenset()
    all: bool = False

    @classmethod
    def of(cls, option: str, given: object) -> NameSet:
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

    def __or__(self, more: NameSet) -> NameSet:
        """Return these names and *more*."""
        return NameSet(self.names | more.names, self.all or more.all)


_NONE = NameSet()


@dataclass(frozen=True, slots=True)
class FunctionOptions:
    """What ``open`` was told about functions, apart from their declarations."""

    #: Functions whose result the caller owns, each with the function that releases it.
    free: Mapping[str, str] = field(default_factory=dict)
    #: Go functions whose Go results are constants.
    allow_go_results: NameSet = _NONE
    #: Functions that are called with the GIL held.
    hold_gil: NameSet = _NONE
    #: Functions after whose calls errno is kept.
    save_errno: NameSet = _NONE
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
    def of(
        cls, *, free: object, require_checked: object = False, **names: object
    ) -> FunctionOptions:
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
        chosen = {name: NameSet.of(name, names[name]) for name in names}
        return cls(dict(given), **chosen, require_checked=require_checked)

    def plus(self, more: FunctionOptions) -> FunctionOptions:
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
        return FunctionOptions(
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


# How a plugin's generations replace each other: what ``open`` is told of that.


Unload = Literal["never", "when_idle"]
Hook = Callable[[Any], object]

#: Each costs memory, of Go two megabytes and threads, and few programs need an old one.
DEFAULT_MAX_GENERATIONS = 100


@dataclass(frozen=True, slots=True)
class UpdateOptions:
    """What ``open`` was told of updates; None, or nothing, where nothing was said."""

    #: When what serves no more is unloaded; never where nothing was said.
    unload: Unload | None = None
    #: How many generations may be mapped at once; see `most_generations`.
    max_generations: int | None = None
    #: Called before, and after, another generation serves.
    before_update: Hook | None = None
    after_update: Hook | None = None
    #: Load each version in a process of its own first; None: those that come by an update.
    probe: bool | None = None
    #: Called with a view of another version before it serves; refuses it.
    check_update: Hook | None = None
    #: What an update must satisfy as well; see `requirements`.
    demands: OriginRequirements | None = None
    #: The versions of interfaces that it was opened as, which an update must have.
    interfaces: frozenset[InterfaceVersion] = frozenset()

    @classmethod
    def of(
        cls, *, unload: object, max_generations: object, probe: object, **hooks: object
    ) -> UpdateOptions:
        """
        Check what the caller of ``open`` gave.

        Raises:
            ValueError: *unload* is none of the words, *max_generations* less than 1.
            TypeError: A value is of the wrong type.
        """
        if unload not in (None, "never", "when_idle"):
            raise ValueError(f"unload must be 'never' or 'when_idle', not {unload!r}")
        if max_generations is not None:
            if type(max_generations) is not int:
                kind = type(max_generations).__name__
                raise TypeError(f"max_generations must be int, not {kind}")
            if max_generations < 1:
                raise ValueError(f"max_generations must be at least 1, not {max_generations}")
        if probe is not None and type(probe) is not bool:
            raise TypeError(f"probe must be bool or None, not {type(probe).__name__}")
        for name, hook in hooks.items():
            if hook is not None and not callable(hook):
                raise TypeError(f"{name} must be callable, not {type(hook).__name__}")
        return cls(unload, max_generations, probe=probe, **hooks)  # type: ignore[arg-type]

    def plus(self, more: UpdateOptions) -> UpdateOptions:
        """Return these options, with what *more* says in place of it, or besides."""
        demands = self.demands
        if more.demands is not None:
            demands = more.demands if demands is None else demands.plus(more.demands)
        return UpdateOptions(
            more.unload or self.unload,
            more.max_generations or self.max_generations,
            self.before_update if more.before_update is None else more.before_update,
            self.after_update if more.after_update is None else more.after_update,
            self.probe if more.probe is None else more.probe,
            self.check_update if more.check_update is None else more.check_update,
            demands,
            self.interfaces | more.interfaces,
        )

    @property
    def most_generations(self) -> int:
        """How many generations may be mapped at once."""
        return self.max_generations or DEFAULT_MAX_GENERATIONS

    @property
    def requirements(self) -> OriginRequirements:
        """What an update must satisfy as well."""
        return NO_REQUIREMENTS if self.demands is None else self.demands
