"""What can be said against a new version of a plugin before anything of it runs."""

from __future__ import annotations

from collections.abc import Iterator

from nativeplug.call import Function
from nativeplug.declare.sources import Source
from nativeplug.load import dynamic, elf
from nativeplug.load.content import Content
from nativeplug.load.generation import Generation
from nativeplug.load.symbols import FUNCTIONS
from nativeplug.symbols import Given, Resolved
from nativeplug.update.handover import HOOKS


def find_defects(content: Content, before: Generation, resolved: Resolved) -> Iterator[str]:
    """
    Say why a file cannot take the place of the one that serves, a reason each.

    Args:
        content: The file.
        before: What serves.
        resolved: What the program has looked up: the file has to export it too.
    """
    defect = elf.find_defect(content.data)
    if defect is not None:
        yield defect
        return
    wanted = {name: isinstance(symbol, Function) for name, symbol in resolved.items()}
    found = dynamic.read(content.data).exports
    for name, is_function in {**dict.fromkeys(HOOKS, True), **wanted}.items():
        if name not in found:
            if name in before.exports and name in wanted:
                yield f"it does not export {name!r}, which is in use"
        elif is_function is not (found[name] in FUNCTIONS):
            yield f"{name!r} is a {'variable' if is_function else 'function'} in it"


def given_by(header: Source | None, before: Given, resolved: Resolved) -> Given:
    """
    Return what is declared for a new version.

    Args:
        header: The header that it brings; None for none.
        before: What is declared for the old one.
        resolved: What the program has looked up: that must be declared as it was.

    Raises:
        DeclarationError: It is not, a type has changed, or the header cannot be read.
    """
    if header is None or before.brought in {None, header}:
        return before
    return before.updated(header, {*resolved, *before.options.named()})
