"""Damages of a plugin's dynamic section, its versions and its hash table."""

from __future__ import annotations

from collections.abc import Callable

from elf_parts import (
    ABSENT,
    HUGE,
    OUTSIDE,
    P_FILESZ,
    TAGS,
    Damage,
    Made,
    Parts,
)
from nativeplug.elf.numbers import PT_DYNAMIC

_NUL = 0
_BAD_DYNAMIC = "damaged: the dynamic section "
_NOT_LOADED = "not in a segment that is loaded"


def _without(tag: str, partner: str) -> Damage:
    return Damage(
        f"{tag} without {partner}",
        f"{_BAD_DYNAMIC}has DT_{tag} but not DT_{partner}",
        lambda f: f.lack(partner, tag),
    )


def set_tag(tag: str, value: int) -> Callable[[Parts], Made]:
    """Give a tag another value."""
    return lambda f: f.set(tag, value)


def _half(table: str, offset: int, value: int) -> Callable[[Parts], Made]:
    """Give the four bytes that are so far into a table another value."""
    return lambda f: f.put(f.table(table) + offset, "I", value, at=f.table(table))


def _bucket(f: Parts) -> int:
    """Return where the first bucket of the hash table is that is not empty."""
    place = f.table("GNU_HASH") + 16 + 8 * f.half(f.table("GNU_HASH") + 8)
    while not f.half(place):
        place += 4
    return place


def _chain(f: Parts) -> int:
    start = f.table("GNU_HASH")
    buckets, first, blooms = (f.half(start + n) for n in (0, 4, 8))
    return start + 16 + 8 * blooms + 4 * buckets + 4 * (f.half(_bucket(f)) - first)


def _required(f: Parts) -> int:
    """Return where the first version is that is required."""
    return f.table("VERNEED") + f.half(f.table("VERNEED") + 8)


def _requiring_libc(f: Parts) -> int:
    """Return where it is said which versions of the first file that is needed are required."""
    place = f.table("VERNEED")
    while f.half(place + 4) != f.value("NEEDED"):
        place += f.half(place + 12)
    return place


DYNAMIC = (
    Damage("unknown tag", "damaged: .* unknown tag 0x100", lambda f: f.add(0x100)),
    Damage("tag twice", "damaged: .* tag 0x5 twice", lambda f: f.add(TAGS["STRTAB"])),
    Damage(
        "no end",
        f"{_BAD_DYNAMIC}has no end",
        lambda f: f.put(f.segment(PT_DYNAMIC) + P_FILESZ, "Q", 0x40, at=f.content(PT_DYNAMIC)),
    ),
    *(
        _without(*tags.split())
        for tags in (
            "RELA RELASZ",
            "RELASZ RELA",
            "RELA RELAENT",
            "JMPREL PLTRELSZ",
            "JMPREL PLTREL",
            "INIT_ARRAY INIT_ARRAYSZ",
            "FINI_ARRAYSZ FINI_ARRAY",
            "VERNEED VERNEEDNUM",
            "VERDEF VERDEFNUM",
            "VERNEED VERSYM",
            "SYMTAB SYMENT",
        )
    ),
    Damage("size of symbols", "damaged: DT_SYMENT is 25, .* 24", lambda f: f.set("SYMENT", 25)),
    Damage("kind of relocations", "damaged: DT_PLTREL is 17, .*", lambda f: f.set("PLTREL", 17)),
    Damage("foreign relocations", "damaged: .* DT_REL, which .*", lambda f: f.add(TAGS["REL"])),
    Damage("PREINIT_ARRAY", "damaged: .* DT_PREINIT_.*", lambda f: f.add(TAGS["PREINIT_ARRAY"])),
    Damage(
        "string table",
        f"damaged: the string table is {_NOT_LOADED}",
        lambda f: f.set("STRTAB", OUTSIDE),
    ),
    Damage(
        "end of the string table",
        "damaged: the string table does not begin and end with a NUL",
        lambda f: f.set("STRSZ", f.value("STRSZ") - 1, at=f.table("STRTAB")),
    ),
    Damage(
        "string of a tag", "damaged: the string of the tag 0x1 .*", lambda f: f.set("NEEDED", HUGE)
    ),
    Damage(
        "symbol table",
        f"damaged: the symbol table is {_NOT_LOADED}",
        lambda f: f.set("SYMTAB", OUTSIDE),
    ),
    Damage(
        "first symbol",
        "damaged: the first symbol is not empty",
        lambda f: f.put(f.table("SYMTAB"), "I", 1),
    ),
    Damage(
        "libc",
        "built for musl, this process has glibc",
        lambda f: f.put(
            f.table("STRTAB") + f.value("NEEDED") + len("libc.so"), "B", _NUL, at=f.entry("NEEDED")
        ),
    ),
)
VERSIONS = (
    Damage(
        "index of a version",
        "damaged: a version has the index 0",
        lambda f: f.put(_required(f) + 6, "H", 0, at=_required(f)),
    ),
    Damage(
        "name of a version",
        "damaged: the name of a version is not in the string table",
        lambda f: f.put(_required(f) + 8, "I", HUGE, at=_required(f)),
    ),
    Damage(
        "hash of a version",
        "damaged: the hash of a version is not that of its name",
        lambda f: f.put(_required(f), "I", 1),
    ),
    Damage(
        "required versions", f"damaged: the table .* {_NOT_LOADED}", set_tag("VERNEED", OUTSIDE)
    ),
    Damage("defined versions", f"damaged: the table .* {_NOT_LOADED}", set_tag("VERDEF", OUTSIDE)),
    Damage(
        "format of required versions",
        "damaged: its versions have the format 2",
        lambda f: f.put(f.table("VERNEED"), "H", 2),
    ),
    Damage(
        "format of defined versions",
        "damaged: its versions have the format 3",
        lambda f: f.put(f.table("VERDEF"), "H", 3),
    ),
    Damage(
        "file of a version",
        "damaged: it requires versions of a file that it does not need",
        lambda f: f.put(
            f.table("VERNEED") + 4, "I", f.half(f.symbol("numbers")), at=f.table("VERNEED")
        ),
    ),
    Damage(
        "name that is expanded",
        "damaged: it requires versions of a file whose name the dynamic loader expands",
        lambda f: (f.naming_libc("$LIB.so.6"), _requiring_libc(f)),
    ),
    Damage(
        "name that is expanded, in braces",
        "damaged: it requires versions of a file whose name the dynamic loader expands",
        lambda f: (f.naming_libc("${LIB}.so"), _requiring_libc(f)),
    ),
    Damage(
        "number of required files",
        "damaged: the list of required versions has another length .*",
        lambda f: f.set("VERNEEDNUM", 9, at=f.last(f.table("VERNEED"), 12)),
    ),
    Damage(
        "number of required versions",
        "damaged: the list of required versions has another length .*",
        lambda f: f.put(f.table("VERNEED") + 2, "H", 99, at=f.last(_required(f), 12)),
    ),
    Damage(
        "number of defined versions",
        "damaged: the list of defined versions has another length .*",
        lambda f: f.set("VERDEFNUM", 1, at=f.table("VERDEF")),
    ),
    Damage("no required version", "damaged: DT_VERNEEDNUM is 0", set_tag("VERNEEDNUM", 0)),
    Damage("no defined version", "damaged: DT_VERDEFNUM is 0", set_tag("VERDEFNUM", 0)),
)
HASHES = (
    Damage(
        "no hash table",
        "damaged: it has no hash table",
        lambda f: f.put(f.entry("GNU_HASH"), "Q", ABSENT, at=f.content(PT_DYNAMIC)),
    ),
    Damage("hash table", f"damaged: .* {_NOT_LOADED}", set_tag("GNU_HASH", OUTSIDE)),
    Damage("no buckets", "damaged: .* sizes cannot be", _half("GNU_HASH", 0, 0)),
    Damage("Bloom filter", "damaged: .* sizes cannot be", _half("GNU_HASH", 8, 3)),
    Damage("shift", "damaged: .* sizes cannot be", _half("GNU_HASH", 12, 64)),
    Damage("buckets", "damaged: .* larger than its segment", _half("GNU_HASH", 0, HUGE)),
    Damage(
        "first hashed symbol",
        "damaged: the hash table begins after the symbols",
        lambda f: f.put(f.table("GNU_HASH") + 4, "I", HUGE, at=f.entry("GNU_HASH")),
    ),
    Damage(
        "bucket",
        "damaged: a bucket of the hash table leads out of it",
        lambda f: f.put(_bucket(f), "I", HUGE),
    ),
    Damage(
        "hash",
        "damaged: the hash table does not lead to symbol [0-9]+",
        lambda f: f.put(_chain(f), "I", f.half(_chain(f)) ^ 0x100),
    ),
)
