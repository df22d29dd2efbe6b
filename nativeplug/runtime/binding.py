"""What is declared, bound to one generation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CellType
from typing import Any

from nativeplug import declare
from nativeplug.call import (
    COUNT_HELD,
    HOLD_GIL,
    SAVE_ERRNO,
    CallContext,
    Function,
    Memory,
    Uses,
    Variable,
    bind,
    check_free,
    refuse_go_result,
    switch,
)
from nativeplug.declare import FunctionDeclaration, Line
from nativeplug.errors import DeclarationError, PluginError, SymbolNotFoundError
from nativeplug.loader.dlopen import libc_free
from nativeplug.runtime.declared import Declared
from nativeplug.runtime.loaded import Loaded
from nativeplug.runtime.type_info import TypeSource

_LIBC_FREE = "free"
_Invoke = Callable[..., Any] | None
#: What was looked up, by name.
SymbolTable = dict[str, "Function | Variable"]


@dataclass(frozen=True, slots=True)
class SwitchPlan:
    """Where an update moves functions and variables: all that `switch` needs, prepared."""

    #: The names of all, each with who tells its type there.
    checked: Mapping[str, TypeSource | None]
    functions: tuple[tuple[Function, int, _Invoke, int, Uses], ...]
    variables: tuple[tuple[CellType, Memory], ...]

    def make(self, more: tuple[CellType, object]) -> None:
        """Move them, in one step, and the contents of one more cell."""
        switch(self.functions, (*self.variables, more))


@dataclass(frozen=True, slots=True)
class Resolver:
    """What is declared, bound to one generation."""

    given: Declared
    loaded: Loaded
    #: Count also the calls that hold the GIL.
    counts_held: bool = False

    def resolve(self, name: str) -> Function | Variable:
        """
        Return a symbol, resolved.

        Raises:
            SymbolNotFoundError: It is not exported, not declared, or its address is NULL.
            DeclarationError: It cannot be called as declared.
            SignatureMismatchError: It is declared otherwise than the plugin tells.
        """
        try:
            line = self.given.declarations.lines[name]
        except KeyError:
            raise self._undeclared(name) from None
        address, checked = self.loaded.generation.address(name), self._check(line)
        symbol = self._bound(line, address)
        symbol.checked = checked
        return symbol

    def _check(self, line: Line) -> TypeSource | None:
        """Compare a declaration with what the plugin's file tells; return who tells the type."""
        given = self.given
        required = given.options.require_checked
        return self.loaded.known.check(line, given.declarations.ffi, required=required)

    def _bound(self, line: Line, address: int) -> Function | Variable:
        given, uses = self.given, self.loaded.uses
        if given.options.none and (plan := given.scope.known_plans.get(line[0])) is not None:
            # Most functions come this way: called as one that is known already.
            return Function(line[1], address, plan, None, line, given.scope, 0, 0, uses)
        declaration = declare.usable(line)
        if isinstance(declaration, FunctionDeclaration):
            return self._function(declaration, line, address)
        variable = Variable(given.scope, declaration)
        variable.cell.cell_contents = self._memory(variable, address)
        return variable

    def moves(self, resolved: SymbolTable) -> tuple[SwitchPlan, dict[str, PluginError]]:
        """Find where to move symbols; say which cannot be moved, and why."""
        functions, variables = [], []
        checked: dict[str, TypeSource | None] = {}
        problems: dict[str, PluginError] = {}
        for name, symbol in resolved.items():
            try:
                address = self.loaded.generation.address(name)
                by = self._check(self.given.declarations.lines[name])
                if isinstance(symbol, Function):
                    functions.append((symbol, address, *self._served(symbol, address)))
                else:
                    variables.append((symbol.cell, self._memory(symbol, address)))
                checked[name] = by
            except PluginError as error:  # noqa: PERF203 - it is about one of them
                problems[name] = error
        return SwitchPlan(checked, tuple(functions), tuple(variables)), problems

    def _memory(self, variable: Variable, address: int) -> Memory:
        loaded = self.loaded
        readonly = variable.name in loaded.generation.file.readonly
        memory = variable.memory_at(address, loaded.kept, loaded.uses, readonly=readonly)
        return loaded.note_memory(memory)

    def _served(self, function: Function, address: int) -> tuple[_Invoke, int, Uses]:
        """Return what serves a function's calls beside its address."""
        uses = self.loaded.uses
        is_owned = function.name in self.given.options.free
        if function.invoker == "core" and not is_owned:
            return None, 0, uses
        declaration = function.declaration
        release = self._release(declaration) if is_owned else 0
        if function.invoker == "core":
            return None, release, uses
        return self._cffi_invoke(declaration, address, release, function.scope), release, uses

    def _function(self, declaration: FunctionDeclaration, line: Line, address: int) -> Function:
        name, options, scope = declaration.name, self.given.options, self.given.scope
        plan, invoke = scope.core_plan(declaration, line[0]), None
        release = self._release(declaration) if name in options.free else 0
        flags = SAVE_ERRNO if name in options.save_errno else 0
        if plan is None:
            invoke = self._cffi_invoke(declaration, address, release, scope)
            if name in options.hold_gil.names:
                raise DeclarationError(
                    f"hold_gil= cannot serve {declaration.text!r}: cffi makes the call, and it "
                    "releases the GIL"
                )
        elif name in options.hold_gil:
            flags |= HOLD_GIL | (COUNT_HELD if self.counts_held else 0)
        uses = self.loaded.uses
        return Function(name, address, plan, invoke, line, scope, flags, release, uses)

    def _cffi_invoke(
        self, declaration: FunctionDeclaration, address: int, release: int, scope: CallContext
    ) -> Callable[..., Any]:
        name, options = declaration.name, self.given.options
        plan = scope.call_plan(declaration)
        if self.loaded.generation.is_go and name not in options.allow_go_results:
            refuse_go_result(plan, declaration.place)
        save_errno, uses = name in options.save_errno, self.loaded.uses
        return bind(
            scope.ffi, plan, address, uses, release=release, save_errno=save_errno, path=scope.path
        )

    def _release(self, declaration: FunctionDeclaration) -> int:
        """Return the address of what releases the function's result."""
        check_free(self.given.scope.call_plan(declaration))
        name = self.given.options.free[declaration.name]
        return libc_free() if name == _LIBC_FREE else self._releasing_function(name)

    def _releasing_function(self, name: str) -> int:
        generation, declarations = self.loaded.generation, self.given.declarations
        address = generation.address(name)
        if generation.is_variable(name):
            raise DeclarationError(f"free= cannot release by {name!r}: that is a variable")
        declared = declarations.symbols.get(name)
        if isinstance(declared, FunctionDeclaration):
            taken = declarations.ffi.typeof(declared.pointer).args
            if [ctype.kind for ctype in taken] != ["pointer"]:
                raise DeclarationError(
                    f"free= cannot release by {declared.text!r}: it does not take one pointer"
                )
        return address

    def _undeclared(self, name: str) -> SymbolNotFoundError:
        generation, declarations = self.loaded.generation, self.given.declarations
        path = generation.path
        if name in declarations.constants:
            reason = f"{name!r} of plugin {path!r} is a constant, not a symbol"
            return SymbolNotFoundError(reason, path=path, symbol=name)
        if generation.has(name):
            is_variable = generation.is_variable(name)
            example = f"extern TYPE {name};" if is_variable else f"RESULT {name}(PARAMETERS);"
            return SymbolNotFoundError(
                f"symbol {name!r} of plugin {path!r} is exported but not declared: open it with "
                f"its C declaration as well, such as nativeplug.open({path!r}, {example!r})",
                path=path,
                symbol=name,
            )
        return generation.not_found(
            name, "it is neither declared nor exported", known=declarations.symbols
        )
