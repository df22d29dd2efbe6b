"""
Blank out the GNU extensions and the attributes that pycparser does not read.

What changes a type's layout, how a function is called or what its symbol is must not be
dropped silently: a ``#pragma nativeplug`` before the declaration tells the reader of it.
"""

from __future__ import annotations

import re

from nativeplug.declare.places import MARKER, locate, marker

#: What stands before the note in a pragma.
NOTE = "nativeplug "
#: The note about a variable of which each thread has its own.
THREAD_LOCAL = "__thread"

#: What system headers take from the compiler. What has no members cannot be passed by value.
BUILTIN_TYPES = """
typedef float _Float32;
typedef double _Float64;
typedef double _Float32x;
typedef struct __long_float _Float64x;
typedef struct __long_float _Float128;
typedef struct __short_float _Float16;
typedef struct __long_integer __int128_t;
typedef struct __long_integer __uint128_t;
typedef struct __va_list_tag __builtin_va_list;
typedef struct __va_list_tag __gnuc_va_list;
"""

#: Attributes that change what the binary looks like to its callers.
_LAYOUT = re.compile(
    r"\b_*(packed|aligned|mode|vector_size|ms_struct|gcc_struct|scalar_storage_order|"
    r"transparent_union|regparm|fastcall|stdcall|thiscall|ms_abi|sysv_abi|vectorcall)_*\b"
)
#: Words that standard C has as well, and those that mean nothing to a caller or are noted.
_WORDS = {
    "__signed__": "signed",
    "__signed": "signed",
    "__const": "const",
    "__const__": "const",
    "__volatile": "volatile",
    "__volatile__": "volatile",
    "__complex__": "_Complex",
    "__extension__": "",
    "__inline": "",
    "__inline__": "",
    "__restrict": "",
    "__restrict__": "",
    "restrict": "",
    "_Noreturn": "",
    "_Nonnull": "",
    "_Nullable": "",
    THREAD_LOCAL: "",
}
_TOKEN = re.compile(
    rf"""
    (?P<literal>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
  | (?P<call>\b(?:__attribute__|__attribute|(?:__asm__|__asm|asm)(?:\s+\w+)*|__declspec
        |_Alignas)(?:\s|^\#[^\n]*$)*(?=\()|\[(?=\s*\[))
  | (?P<word>\b(?:{"|".join(_WORDS)})\b)
  | (?P<marker>^\#[^\n]*)
  | (?P<brace>[{{}};])
    """,
    re.VERBOSE | re.MULTILINE,
)
_NESTING = re.compile(
    r"""(?P<open>[(\[{])|(?P<close>[)\]}])|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'"""
)
_STRING = re.compile(r'"([^"]*)"')
_BLANKED = re.compile(r"^# \d+ [^\n]*$|[^\n]", re.MULTILINE)


def blank_extensions(text: str) -> str:
    """
    Return *text* with every declaration at its old place.

    Args:
        text: Preprocessed text that begins with a line marker.
    """
    return _Blanker(text).run()


class _Blanker:
    def __init__(self, text: str) -> None:
        self.text = text
        self.out: list[str] = []
        self.copied = 0  # the text before this offset is in *out*
        self.depth = 0  # of braces
        self._start_declaration(0)

    def run(self) -> str:
        position = 0
        while token := _TOKEN.search(self.text, position):
            position = self._take(token)
        self._copy(len(self.text))
        return "".join(self.out)

    def _take(self, token: re.Match[str]) -> int:
        """Handle one token and return where to go on."""
        start, end = token.span()
        if token["call"]:
            end = self._closing(start if token["call"] == "[" else end)
            self._replace(start, end, "")
            self._note_call(self.text[start:end])
        elif token["word"]:
            self._replace(start, end, _WORDS[token["word"]])
            if token["word"] == THREAD_LOCAL:
                self._note(THREAD_LOCAL)
        elif token["brace"] == "{" and self._is_body(start):
            end = self._closing(start)
            self._replace(start, end, ";")
            self._start_declaration(end)
        elif token["brace"]:
            self.depth += {"{": 1, "}": -1, ";": 0}[token["brace"]]
            if token["brace"] == ";" and self.depth == 0:
                self._start_declaration(end)
        return end

    def _is_body(self, brace: int) -> bool:
        """Tell whether a brace opens the body of a function, which does not matter here."""
        self._copy(brace)
        declared = "".join(self.out[self.first :]).rstrip()
        return self.depth == 0 and declared.endswith(")") and "=" not in declared

    def _start_declaration(self, offset: int) -> None:
        self._copy(offset)
        self.start = offset
        self.first = len(self.out)
        self.out.append("")

    def _note_call(self, call: str) -> None:
        """Note an attribute or label that changes what the declaration means."""
        if call.lstrip("_").startswith("asm"):
            label = "".join(_STRING.findall(MARKER.sub("", call)))
            self._note(f"asm {label}")
        elif call.startswith("_Alignas"):
            self._note("_Alignas")
        elif layout := _LAYOUT.search(call):
            self._note(layout[1])

    def _note(self, note: str) -> None:
        """Put a pragma before the current declaration, and mend the place after it."""
        file, line, column = locate(self.text, self.start)
        self.out[self.first] += f"\n#pragma {NOTE}{note}\n{marker(line, file)}\n" + " " * (
            column - 1
        )

    def _copy(self, end: int) -> None:
        if end > self.copied:
            self.out.append(self.text[self.copied : end])
            self.copied = end

    def _replace(self, start: int, end: int, word: str) -> None:
        """Put *word* and blanks instead of a span; line markers in it stay."""
        self._copy(start)
        blank = _BLANKED.sub(_kept_marker, self.text[start:end])
        self.out.append(word + blank[len(word) :])
        self.copied = end

    def _closing(self, start: int) -> int:
        """Return the offset after the bracket that closes the one at *start*."""
        depth = 0
        for token in _NESTING.finditer(self.text, start):
            depth += 1 if token["open"] else -1 if token["close"] else 0
            if depth == 0:
                return token.end()
        return len(self.text)


def _kept_marker(match: re.Match[str]) -> str:
    return match[0] if MARKER.fullmatch(match[0]) else " "
