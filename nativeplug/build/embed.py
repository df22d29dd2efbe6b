"""
Put what a header says of a plugin into the plugin: what `nativeplug.h` does while one is compiled.

For plugins in Go, Rust or Zig, and for those that were built already.
"""

from __future__ import annotations

import os
import re
import stat
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nativeplug import declare
from nativeplug._util.storage import replacing
from nativeplug.declare import Declarations, FunctionDeclaration, TypeDeclaration
from nativeplug.declare.sources import Source, from_caller, from_metadata
from nativeplug.elf import dynamic, metadata
from nativeplug.elf.elffile import ElfFile, Section
from nativeplug.elf.metadata import FORMAT, SECTION, InterfaceVersion
from nativeplug.elf.numbers import ET_DYN, SHF_ALLOC, SHT_PROGBITS
from nativeplug.errors import BuildError, OpenError
from nativeplug.loader.files import FileChangedError, read_file

if TYPE_CHECKING:
    from nativeplug.elf.symbols import Kind

__all__ = ["embed", "embed_source"]

_FUNCTIONS = {"function", "ifunc"}
_TAG = re.compile(r"\b(struct|union)\b")


def embed(
    plugin: str | os.PathLike[str],
    header: str | os.PathLike[str],
    *,
    interface: InterfaceVersion | None = None,
) -> None:
    """
    Put into a plugin's file what a header declares of that which the file exports.

    What it told of itself before is replaced, but for an interface when none is given. Nothing
    that is mapped when it is loaded changes, and the file is replaced as a whole: whoever has
    the old one open keeps it. A signature of the file does not fit any more.

    Args:
        plugin: The plugin, which may be for another machine.
        header: The header.
        interface: The interface that the plugin serves.

    Raises:
        BuildError: The file cannot take it, or the header declares otherwise what it exports,
            or nothing of that.
        DeclarationError: The header cannot be read.
        FormatError: What the file tells of itself is damaged.
    """
    embed_source(Path(plugin), str(plugin), from_caller(Path(header)), interface=interface)


def embed_source(
    file: Path,
    name: str,
    source: Source,
    *,
    interface: InterfaceVersion | None = None,
    keep: bool = False,
) -> None:
    """
    Put into a plugin's file what *source* declares, as `embed` does.

    Args:
        file: The plugin's file.
        name: What errors call it.
        source: The declarations.
        interface: The interface that the plugin serves.
        keep: Of what it told before, what *source* does not declare stays too.
    """
    try:
        data = _read(file, name)
        made = with_section(data, SECTION, _content(data, name, source, interface, keep=keep))
        _check(made, name)
        _replace(file, made)
    except SectionError as error:
        raise _cannot(name, str(error)) from None
    except OpenError:  # an OSError too
        raise
    except OSError as error:
        raise _cannot(name, error.strerror or str(error)) from error


def _read(file: Path, name: str) -> bytes:
    try:
        return bytes(read_file(os.fspath(file)).data)
    except OpenError as error:
        raise _cannot(name, error.reason) from None
    except FileChangedError:
        raise _cannot(name, "it changes while it is read") from None


def _cannot(name: str, reason: str) -> BuildError:
    return BuildError(f"cannot embed declarations into {name!r}: {reason}")


def _content(
    data: bytes, name: str, source: Source, interface: InterfaceVersion | None, *, keep: bool
) -> bytes:
    """Return what the section is to hold; the arguments are those of `embed_source`."""
    before = metadata.read(data, name)
    declared = Declarations()
    if before is not None:
        interface = interface or before.interface
        declared = declare.extend(declared, from_metadata(name, before.text)) if keep else declared
    declared = declare.extend(declared, source)
    texts = [*_texts(declared, dynamic.read(data).exports)]
    if not texts:
        raise SectionError(f"{source.name!r} declares nothing that it exports")
    of_interface = [f"interface {interface}"] if interface is not None else []
    return "".join(f"{text}\0" for text in (FORMAT, *of_interface, *texts)).encode()


def _texts(declared: Declarations, exports: Mapping[str, Kind]) -> Iterator[str]:
    """Iterate over the texts that tell what is declared and exported, and the types for that."""
    types = [*dict.fromkeys(declared.types.values())]
    symbols = [*_symbol_texts(declared, exports)]
    if not symbols:
        return
    texts = [f"type {_one_line(_type_text(each))}" for each in types]
    yield from texts
    lines = "".join(f"{text.removeprefix('type ')};\n" for text in texts)
    of_types = declare.extend(Declarations(), Source(lines, "<types>")).constants
    for name, value in declared.constants.items():
        if name not in of_types:
            yield f"constant {name} = {value}"
    yield from symbols


def _symbol_texts(declared: Declarations, exports: Mapping[str, Kind]) -> Iterator[str]:
    for name, symbol in declared.symbols.items():
        kind = exports.get(name)
        if kind is None or kind == "tls" or symbol.problem is not None:
            continue
        is_function = isinstance(symbol, FunctionDeclaration)
        if is_function is not (kind in _FUNCTIONS):
            raise SectionError(
                f"it exports {name!r} as a {kind}, not as {_one_line(symbol.text)!r}"
            )
        yield f"{'function' if is_function else 'variable'} {_one_line(symbol.text)}"


def _type_text(declaration: TypeDeclaration) -> str:
    if not declaration.packed:
        return declaration.text
    return _TAG.sub(r"\1 __attribute__((packed))", declaration.text, count=1)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _check(made: bytes, name: str) -> None:
    """Refuse what could not be read again: nobody could open the plugin without a header."""
    found = metadata.read(made, name)
    if found is not None:
        declare.extend(Declarations(), from_metadata(name, found.text))


def _replace(file: Path, data: bytes) -> None:
    """Put other bytes into a file at once, keeping its mode; a symlink stays one."""
    real = os.path.realpath(file)
    with replacing(real) as made:
        made.write(data)
        os.fchmod(made.fileno(), stat.S_IMODE(os.stat(real).st_mode))


# Put a section into an ELF file without touching what is mapped of it.
#
# The section, the names of all sections and the headers of all sections are written behind the
# rest of the file; the ELF header's e_shoff, e_shnum and e_shstrndx, which the dynamic loader never
# reads, are all that changes in what was there. ``objcopy --add-section`` is no substitute: it lays
# the whole file out anew, and not every machine has it.


# In the ELF header: e_shoff, and e_shnum with e_shstrndx behind it.
_OFFSET_AT, _COUNT_AT = {32: (32, "I"), 64: (40, "Q")}, {32: 48, 64: 60}
# Section headers lie where a 64 bit linker would put them.
_ALIGNMENT = 8


class SectionError(Exception):
    """A file cannot take a section; the text says why."""


def with_section(data: bytes, name: str, content: bytes) -> bytes:
    """
    Return an ELF file with a section that is not loaded.

    A section of that name is replaced; to do it twice is the same as to do it once.

    Args:
        data: The file: a shared object, for whatever machine.
        name: The section's name.
        content: What it is to hold.

    Raises:
        SectionError: The file has no section headers, or none that could be extended.
    """
    file = _shared_object(data)
    headers, index = [*file.sections], file.header.section_names
    names, old = headers[index], file.section(name)
    if names.end > len(data) or names.flags & SHF_ALLOC or (old and old.flags & SHF_ALLOC):
        raise SectionError(f"its names of sections, or its section {name}, are part of the program")
    texts = data[names.offset : names.end]
    if old is None:
        old = Section(len(texts), *[0] * (len(Section._fields) - 1))
        headers.append(old)
        texts += name.encode() + b"\0"
    kept = data[: _end_of_kept(data, file, names, old)]
    at = len(kept)
    new = Section(old.name, SHT_PROGBITS, 0, 0, at, len(content), 0, 0, 1, 0)
    headers[headers.index(old)] = new
    headers[index] = names._replace(offset=new.end, size=len(texts))
    padding = bytes(-(new.end + len(texts)) % _ALIGNMENT)
    written = b"".join(file.target.section_header.pack(*header) for header in headers)
    made = bytearray(b"".join([kept, content, texts, padding]))
    _point(made, file, len(headers))
    return bytes(made + written)


def _shared_object(data: bytes) -> ElfFile:
    """Return a shared object that has section headers."""
    file = ElfFile.find(data)
    if file is None:
        raise SectionError("it is not an ELF file, or a damaged one")
    if file.header.kind != ET_DYN:
        raise SectionError("it is not a shared object")
    if not file.sections:
        raise SectionError(
            "it has no section headers, or damaged ones; was it stripped of them (sstrip), "
            "or is it truncated?"
        )
    return file


def _end_of_kept(data: bytes, file: ElfFile, names: Section, own: Section) -> int:
    """Return where the file ends but for what `with_section` has put there before."""
    ours = {own, names}
    others = [each.end for each in file.sections if each not in ours]
    others += [segment.end for segment in file.segments]
    start, end = file.header.sections_offset, file.header.sections_end
    is_ours = own.end == names.offset <= start < names.end + _ALIGNMENT
    if own.offset >= max(others, default=0) and is_ours and end == len(data):
        return own.offset
    return len(data)


def _point(made: bytearray, file: ElfFile, count: int) -> None:
    """Make the ELF header lead to headers behind *made*."""
    order, size = file.target.byte_order, file.target.word_size
    offset_at, form = _OFFSET_AT[size]
    struct.pack_into(order + form, made, offset_at, len(made))
    struct.pack_into(order + "HH", made, _COUNT_AT[size], count, file.header.section_names)
