// native.h by pybind11, as its documentation shows.
#include <pybind11/pybind11.h>

extern "C" {
#include "native.h"
}

PYBIND11_MODULE(by_pybind11, m)
{
    m.def("nop", &nop);
    m.def("add", &add);
    m.def("half", &half);
    m.def("fma3", &fma3);
    m.def("mixed", &mixed);
    m.def("label", &label);
    m.def("length", &length);
    m.def("flip", &flip);
}
