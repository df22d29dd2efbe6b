# native.h by Cython, as its documentation shows.
# Text crosses as str both ways.
# cython: language_level=3, c_string_type=unicode, c_string_encoding=utf8
from libc.stdint cimport int32_t, int64_t, uint8_t


cdef extern from "native.h":
    void c_nop "nop"()
    int64_t c_add "add"(int64_t a, int64_t b)
    double c_half "half"(double x)
    double c_fma3 "fma3"(double x, double y, double z)
    double c_mixed "mixed"(int32_t a, double x, int32_t b, double y, int32_t c, double z)
    const char *c_label "label"()
    int64_t c_length "length"(const char *text)
    uint8_t c_flip "flip"(uint8_t bits, bint all)


def nop():
    c_nop()


def add(int64_t a, int64_t b):
    return c_add(a, b)


def half(double x):
    return c_half(x)


def fma3(double x, double y, double z):
    return c_fma3(x, y, z)


def mixed(int32_t a, double x, int32_t b, double y, int32_t c, double z):
    return c_mixed(a, x, b, y, c, z)


def label():
    return c_label()


def length(const char *text):
    return c_length(text)


def flip(uint8_t bits, bint all):
    return c_flip(bits, all)
