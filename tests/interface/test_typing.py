"""What type checkers see of a plugin that is opened as an interface."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support import PAGES, ROOT, CPlugin, python_of, run

pytestmark = pytest.mark.slow

# Behind each "#:" stands what mypy says of the line: the end of a message. Nothing else is said.
SAMPLE = """
# mypy: disable-error-code="empty-body"
from typing import Annotated, Any, Final
import nativeplug
from nativeplug import CType

class Greeter(nativeplug.Interface, name="greeter", version="1.2", types="typedef int code;"):
    LIMIT: Final = 12
    Name: str
    Motto: Annotated[str, nativeplug.optional]
    table: Annotated[Any, CType("int[4]")]
    @property
    def limit(self) -> nativeplug.int_: ...
    def GetName(self) -> str | None: ...
    def Add(self, a: nativeplug.int64, b: nativeplug.int64) -> nativeplug.int64: ...
    def halff(self, x: nativeplug.float32) -> nativeplug.float32: ...
    def next(self, c: nativeplug.char) -> nativeplug.char: ...
    def sum(self, count: nativeplug.int_, *more: Any) -> nativeplug.int_: ...
    @nativeplug.optional
    def Shout(self, text: str) -> None: ...

class Louder(Greeter):
    Volume: float

plg = nativeplug.open("greeter.so", Greeter, hold_gil=["Add"], follow=True)
reveal_type(plg)  #: Revealed type is "sample.Greeter"
reveal_type(nativeplug.open("greeter.so", Louder).Volume)  #: Revealed type is "float"
reveal_type(plg.Add(1, 2))  #: Revealed type is "int"
reveal_type(plg.GetName())  #: Revealed type is "str | None"
reveal_type(plg.halff(1))  #: Revealed type is "float"
reveal_type(plg.next(b"a"))  #: Revealed type is "bytes"
reveal_type(plg.sum(2, 3, 4.5))  #: Revealed type is "int"
reveal_type(plg.Shout)  #: Revealed type is "def (text: str)"
reveal_type(plg.limit)  #: Revealed type is "int"
reveal_type(plg.LIMIT + 0)  #: Revealed type is "int"
reveal_type(plg.Motto)  #: Revealed type is "str"
reveal_type(plg.path)  #: Revealed type is "str"
reveal_type(plg.generation)  #: Revealed type is "int"
plg.table[0] = 3
plg.Name = "you"
reveal_type(plg.lookup("Add"))  #: Function | nativeplug.call.variable.Variable"
reveal_type(plg.function("Add"))  #: Revealed type is "nativeplug.call.function.Function"
reveal_type(plg.variable("Name"))  #: Revealed type is "nativeplug.call.variable.Variable"
reveal_type(plg.function("Add").signature)  #: type is "nativeplug.call.plan.Signature"
plg.update()
plg.follow(lambda plugin, error: None)
plg.close()
anything: object = plg
if isinstance(anything, Greeter):
    reveal_type(anything)  #: Revealed type is "sample.Greeter"
with plg as opened:
    reveal_type(opened)  #: Revealed type is "sample.Greeter"
with plg.pin() as pinned:
    pinned.anything()
if "Motto" in plg:
    print([*plg])

plg.Add("1", 2)  #: has incompatible type "str"; expected "int"  [arg-type]
plg.Add(1)  #: Missing positional argument "b" in call to "Add" of "Greeter"  [call-arg]
plg.GetNam()  #: "Greeter" has no attribute "GetNam"; maybe "GetName"?  [attr-defined]
plg.Nam = "you"  #: "Greeter" has no attribute "Nam"; maybe "Name"?  [attr-defined]
plg.Name = 3  #: (expression has type "int", variable has type "str")  [assignment]
plg.limit = 4  #: Property "limit" defined in "Greeter" is read-only  [misc]
plg.LIMIT = 4  #: Cannot assign to final attribute "LIMIT"  [misc]
nativeplug.open("greeter.so", int)  #: Any
nativeplug.open("greeter.so", Greeter, hold_gill=True)  #: Any
class Wrong(Greeter):
    def close(self, number: nativeplug.int_) -> nativeplug.int_: ...  #: Any

reveal_type(nativeplug.open("greeter.so"))  #: Revealed type is "nativeplug.runtime.plugin.Plugin"
reveal_type(nativeplug.open("greeter.so", "int f(void);", follow=True).f())  #: type is "Any"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, c_plugin: CPlugin) -> Path:
    """Give what is to be checked: the sample, the docs, and what `nativeplug stubs` writes."""
    made = tmp_path_factory.mktemp("typing")
    (made / "sample.py").write_text(SAMPLE)
    for name in ("variables", "structs", "counted_arrays", "varargs"):
        for suffix, option in ((".py", "--name=Made"), (".pyi", "--pyi")):
            text = run("stubs", c_plugin(name), option).stdout
            (made / f"stubs_{name}{'' if suffix == '.py' else '_i'}{suffix}").write_text(text)
    for page in PAGES:
        examples = doctest.DocTestParser().get_examples(python_of(page.read_text()))
        code = "".join(example.source for example in examples)
        name = f"page_{page.stem.replace('-', '_')}.py"
        (made / name).write_text('# mypy: disable-error-code="empty-body"\n' + code)
    return made


@pytest.fixture(scope="module")
def said(folder: Path) -> dict[str, list[tuple[int, str]]]:
    """Return what mypy says in strict mode: by file, lines and messages."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--no-pretty", "."],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "" == done.stderr
    found: dict[str, list[tuple[int, str]]] = {}
    # Absolute ones are of the package, which `make lint` checks, with the stubs that it needs.
    for file, line, text in re.findall(r"^([^/].*?):(\d+): (.*)", done.stdout, re.MULTILINE):
        found.setdefault(file, []).append((int(line), text))
    return found


def test_sample(said: dict[str, list[tuple[int, str]]]) -> None:
    """A wrong call, a misspelled member and a wrong value are errors; all else is known."""
    lines = SAMPLE.splitlines()
    expected = {
        number: line.partition("  #: ")[2]
        for number, line in enumerate(lines, 1)
        if "  #: " in line
    }
    found: dict[int, list[str]] = {}
    for number, text in said["sample.py"]:
        found.setdefault(number, []).append(text)
    assert expected.keys() == found.keys()
    wrong = {
        lines[number - 1]: texts
        for number, texts in found.items()
        if expected[number] != "Any" and not any(each.endswith(expected[number]) for each in texts)
    }
    assert {} == wrong


def test_others(said: dict[str, list[tuple[int, str]]]) -> None:
    """What README and docs show, and what `nativeplug stubs` writes, has no errors."""
    assert {} == {file: errors for file, errors in said.items() if file != "sample.py"}
