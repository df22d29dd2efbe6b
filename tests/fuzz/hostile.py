"""
Arguments that nobody should pass, as Python expressions.

Each is evaluated afresh for each call. It sees the plugin's ``ffi``, and as ``way`` the plugin and
what else its methods may spoil; see `hostile_calls.Way`.
"""

from __future__ import annotations

import array
import ctypes
import decimal
import fractions
import gc
import mmap
import random
import re
from collections.abc import Sequence

import cffi

import hostile_objects
from c_values import value
from prototypes import CType, Group

NAMES: dict[str, object] = {
    **{name: thing for name, thing in vars(hostile_objects).items() if isinstance(thing, type)},
    **{module.__name__: module for module in (array, cffi, ctypes, decimal, fractions, gc, mmap)},
    "fail": hostile_objects.fail,
    "released": hostile_objects.released,
}

# Expressions, with two blanks between them.
_NUMBERS = """
0  -1  True  False  1.0  -0.0  1e300  float('nan')  float('-inf')  1j  10**400  -(1<<100000)
Int()  IntSub(5)  IntSub(1<<70)  FloatSub(0.5)  Liar(5)  Liar(1<<70)  NoIndex(int)  LateIndex()
Touchy()  decimal.Decimal('1.5')  decimal.Decimal('sNaN')  fractions.Fraction(1,3)
fractions.Fraction(10**400)  ctypes.c_int(5)  ctypes.c_double(1)  ffi.cast('int',5)
ffi.cast('float',1)  ffi.cast('char',b'a')  ffi.cast('_Bool',1)  ffi.cast('enum shade',7)
ffi.cast('long double',2)  ffi.cast('wchar_t','w')
"""
_TEXTS = r"""
''  'text'  'a\0b'  '\0'  '\ud800'  'a\udcff'  '\U0001f40d'*9  'x'*70000  'é'  StrSub('sub')
StrSub('a\0b')  b''  b'a'  b'\x80'  bytearray(b'\x80')  b'\0'  b'a\0b'  b'ab'  b'x'*70000
BytesSub(b'a')  BytesSub(b'ab')  bytearray(b'a')  bytearray()
"""
_OTHERS = """
None  ...  NotImplemented  object()  object  int  str  []  [1]  [way]  ()  (1,2)  {}  {'x':1}
Pretends(int)  Pretends(float)  Pretends(bool)  Pretends(str)  Pretends(bytes)
Pretends(bytearray)  Pretends(type(ffi.NULL))  Pretends(type(abs))  set()  range(3)  iter(())
lambda:0  len  abs  ValueError('x')  way  way.plg  ffi  ffi.typeof('int')  gc  Index
"""
_BUFFERS = """
memoryview(b'')  memoryview(b'a')  memoryview(bytearray(16))[::2]  memoryview(bytearray(16))[::-1]
memoryview(bytearray(16)).toreadonly()  memoryview(bytes(16)).cast('B',(4,4))  released()
memoryview(bytearray(16)).cast('B').cast('d',(2,1))  mmap.mmap(-1,16)  Struct()  (Struct*2)()
Union()  (ctypes.c_int.__ctype_be__*2)()  (ctypes.c_void_p*2)()  (ctypes.c_char_p*2)()
(ctypes.py_object*2)()  (ctypes.CFUNCTYPE(None)*2)()  (ctypes.POINTER(ctypes.c_int)*2)()
(ctypes.c_longdouble*2)()  (ctypes.c_wchar*2)()  (ctypes.c_bool*2)()  (ctypes.c_double*0)()
((ctypes.c_int*2)*2)()  ctypes.c_char_p(b'a')  ctypes.pointer(ctypes.c_int())
ctypes.byref(ctypes.c_int())  ctypes.create_string_buffer(8)  way.buffer  memoryview(way.buffer)
bytes(way.buffer)
"""
_CDATA = """
ffi.NULL  ffi.new('int[4]')  ffi.new('int*')  ffi.new('double[2]')  ffi.new('char[]',b'text')
ffi.new('uint8_t*')  ffi.new('const double*')  ffi.cast('void*',1)  ffi.cast('char*',1)
ffi.cast('int*',-1)  ffi.cast('int**',8)  ffi.cast('struct node*',8)  ffi.new('struct point*')
ffi.new('struct point*')[0]  ffi.new('struct point[2]')  ffi.cast('visit',0)  ffi.cast('visit',8)
ffi.cast('void(*)(void)',8)  ffi.buffer(ffi.new('int[4]'))  cffi.FFI().new('int[4]')
cffi.FFI().new('char[]',b'text')  cffi.FFI().NULL  ffi.from_buffer(bytearray(8))
ffi.from_buffer('double[]',bytearray(16))  ffi.new_handle(way)  ffi.new('wchar_t[]','wide')
ffi.callback('visit',abs)
"""
# From the first one on, all calls of the process are made with an eye on callbacks.
CALLBACKS = ["way.plg.callback('visit', abs)", "way.plg.callback('void(*)(void)', abs)"]
# What methods of arguments do: raise, return what they may not, or spoil the call.
_ACTIONS = """
fail(ValueError('mine'))  fail(KeyError('mine'))  fail(TypeError('mine'))
fail(OverflowError('mine'))  fail(OwnTypeError(1,'2'))  fail(KeyboardInterrupt())
fail(SystemExit(3))  fail(StopIteration(1))  fail(GeneratorExit())  fail(MemoryError())
fail(RecursionError('mine'))  fail(AttributeError('mine'))  fail(BufferError('mine'))
fail(way.plg.lookup)  None  '1'  b'1'  1  -1  1.5  True  IntSub(3)  FloatSub(2.0)  10**400  1j
NotImplemented  Index(int)  way.close()  way.resize()  way.again()  way.in_thread()
gc.collect()*0
"""


def _listed(*texts: str) -> list[str]:
    return [item for text in texts for item in re.split(r" {2,}|\n", text.strip())]


_VIEWS = [
    *(f"array.array({code!r}, [1, 2])" for code in "bBhHiIlLqQfd"),
    *(
        f"memoryview({kind}(16)).cast({code!r})"
        for code in "cbB?hHiIlLqQnNfdP"
        for kind in ("bytes", "bytearray")
    ),
]
_METHODS = [
    f"{owner}(lambda: {action})"
    for owner in ("Index", "Float", "Both")
    for action in _listed(_ACTIONS)
]
_ALL = [*_listed(_NUMBERS, _TEXTS, _OTHERS, _BUFFERS, _CDATA), *_VIEWS, *_METHODS]
# What a group of types comes close to taking.
_NEAR = {
    Group.BOOL: _listed(_NUMBERS),
    Group.CHAR: _listed(_TEXTS),
    Group.INTEGER: [*_listed(_NUMBERS), *_METHODS],
    Group.FLOAT: [*_listed(_NUMBERS), *_METHODS],
    Group.DOUBLE: [*_listed(_NUMBERS), *_METHODS],
    Group.TEXT: [*_listed(_TEXTS, _BUFFERS, _CDATA), *_VIEWS],
    Group.POINTER: [*_listed(_BUFFERS, _CDATA), *_VIEWS],
    Group.OTHER: _ALL,
}
# What the groups of types have no random values for.
FURTHER = {
    CType("float *", Group.POINTER, buffer="f"): (),
    CType("const uint64_t *", Group.POINTER, buffer="Q"): (),
    CType("const struct point *", Group.POINTER): ("ffi.new('struct point *')", "Struct()"),
    CType("const double *", Group.POINTER, length="2", buffer="d"): (),
    CType("int *", Group.POINTER, length="a0", buffer="i"): (),
    CType("const char *", Group.TEXT, length="a0"): (),
    CType("char *", Group.TEXT, length="3"): (),
    CType("char **", Group.POINTER): ("ffi.new('char *[2]')",),
    CType("visit", Group.OTHER): ("abs", "None", "ffi.cast('visit', 8)"),
    CType("const wchar_t *", Group.OTHER): ("'wide'", "None"),
    CType("wchar_t", Group.OTHER): ("'w'",),
    CType("long double", Group.OTHER): ("1.5", "ffi.cast('long double', 2)"),
    CType("struct point", Group.OTHER): ("(1, 2)", "ffi.new('struct point *')[0]"),
}


def fitting(rng: random.Random, ctype: CType) -> str:
    """Return an expression that a parameter takes."""
    if known := FURTHER.get(ctype):
        return rng.choice(known)
    given = value(rng, ctype)
    if isinstance(given, float):
        return f"float({str(given)!r})"
    if isinstance(given, array.array):
        return f"array.array({given.typecode!r}, {given.tolist()})"
    if ctype.group is Group.POINTER and given is not None:
        return f"ffi.cast({ctype.name!r}, {given})"
    return repr(given)


def wrong(rng: random.Random, ctype: CType, further: Sequence[str] = ()) -> str:
    """Return any expression, or a *further* one: one that a parameter hardly takes."""
    kind = rng.randrange(4)
    if kind == 0:
        return rng.choice([*_ALL, *further])
    if kind == 1:  # about as large as an integer type's limits
        return f"{rng.choice('+-')}(1 << {rng.randrange(70)}) - {rng.randrange(2)}"
    return rng.choice(_NEAR[ctype.group])
