"""What ``open`` was given for a plugin: declarations and options, which add up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import partial

from nativeplug import declare
from nativeplug.call import CallContext
from nativeplug.declare import Declarations, FunctionDeclaration, Used, from_line
from nativeplug.declare.declarations import same_type
from nativeplug.declare.places import contradiction
from nativeplug.declare.sources import Source
from nativeplug.declare.unit import PLACE, TEXT
from nativeplug.errors import DeclarationError
from nativeplug.runtime.options import FunctionOptions


@dataclass(frozen=True, slots=True)
class Declared:
    """What ``open`` was given for a plugin so far. Replaced as a whole, never changed."""

    declarations: Declarations
    scope: CallContext
    sources: frozenset[Source] = frozenset()
    options: FunctionOptions = field(default_factory=FunctionOptions)

    @classmethod
    def nothing(cls, path: str) -> Declared:
        """Return what is given for a plugin that was opened without anything."""
        declarations = Declarations()
        return cls(declarations, CallContext(declarations.ffi, path))

    def plus(
        self,
        source: Source | None,
        alone: Declarations | None,
        options: FunctionOptions,
        find_used: Callable[[], Used] | None = None,
    ) -> Declared:
        """
        Return this and more.

        Args:
            source: Where declarations come from; None when there are none to add.
            alone: What *source* declares by itself, where that is known already.
            options: What ``open`` was told besides.
            find_used: Tells what was used of what is declared, which may not be declared
                otherwise; None when nothing may.

        Raises:
            DeclarationError: They contradict what there is.
        """
        whole = self.options.plus(options)
        if source is None or source in self.sources:
            return replace(self, options=whole)
        declarations, sources = alone, self.sources
        if declarations is None or self.declarations.origins:
            try:
                declarations = declare.extend(self.declarations, source)
            except DeclarationError:
                if find_used is None:
                    raise
                declarations = declare.extend_anew(self.declarations, source, find_used())
                sources = frozenset(
                    # The header of the plugin stays known: it tells another one apart.
                    each
                    for each in sources
                    if each.is_brought or _agrees(declarations, each)
                )
        return Declared(declarations, self._scope(declarations), sources | {source}, whole)

    def with_scope(self, scope: CallContext) -> Declared:
        """Return this for functions that share something else."""
        return replace(self, scope=scope)

    def _scope(self, declarations: Declarations) -> CallContext:
        return CallContext(declarations.ffi, self.scope.path)

    @property
    def brought(self) -> Source | None:
        """What the plugin itself brought: the header beside it."""
        return next((source for source in self.sources if source.is_brought), None)

    def updated(self, brought: Source, in_use: set[str]) -> Declared:
        """
        Return this with the header that a new version of the plugin brings.

        Types stay the same objects, so values that the program has made stay right; so do the
        declarations of the symbols *in_use*. Other symbols are declared as *brought* has them.

        Raises:
            DeclarationError: *brought* cannot be read, or contradicts a type, or a symbol in use.
        """
        declarations = declare.extend(self.declarations.keeping(in_use), brought)
        sources = frozenset({brought, *(each for each in self.sources if not each.is_brought)})
        used = Used(in_use, declarations.constants, types=True)
        for source in sources - {brought}:  # which come before the header in what is not in use
            declarations = declare.extend_anew(declarations, source, used)
        return Declared(declarations, self._scope(declarations), sources, self.options)

    def contradictions(
        self, before: Declared, in_use: Iterable[str]
    ) -> dict[str, DeclarationError]:
        """
        Say which symbols an earlier version of the plugin declares otherwise, and how.

        Args:
            before: What was declared when that version served last.
            in_use: The symbols that matter.
        """
        found: dict[str, DeclarationError] = {}
        if self.brought == before.brought:  # only the program has declared something since
            return found
        for name in in_use:
            if name not in before.declarations.lines:
                found[name] = DeclarationError(f"{name!r} is in use, and it does not declare it")
                continue
            new, old = (from_line(each.declarations.lines[name]) for each in (self, before))
            if not same_type(self.declarations.ffi, new, old):
                found[name] = contradiction(old[PLACE], old[TEXT], new[PLACE], new[TEXT])
        return found

    def returned(self, before: Declared, in_use: Collection[str]) -> Declared:
        """
        Return what is declared once an earlier version of the plugin serves again.

        Args:
            before: What was declared when that version served last.
            in_use: The symbols that may not be declared otherwise.

        Raises:
            DeclarationError: What the program has declared since contradicts it.
        """
        if self.brought == before.brought:
            return self
        given = before
        for source in self.sources - before.sources:
            if not source.is_brought:
                used = Used(in_use, given.declarations.constants, types=True)
                given = given.plus(source, None, FunctionOptions(), partial(replace, used))
        return replace(given, options=self.options)

    def check_names(self) -> None:
        """
        Refuse an option that names no declared function, or releases by a declared variable.

        Raises:
            DeclarationError: There is one.
        """
        symbols = self.declarations.symbols
        for name in self.options.named():
            if name not in symbols:
                raise DeclarationError(f"no declaration of {name!r}, which an option of open names")
            if not isinstance(symbols[name], FunctionDeclaration):
                raise DeclarationError(f"{name!r}, which an option of open names, is a variable")


def _agrees(declarations: Declarations, source: Source) -> bool:
    """Tell whether a text declares nothing otherwise."""
    try:
        declare.extend(declarations, source)
    except DeclarationError:
        return False
    return True
