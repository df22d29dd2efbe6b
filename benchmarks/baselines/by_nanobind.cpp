// native.h by nanobind, as its documentation shows.
#include <nanobind/nanobind.h>

extern "C" {
#include "native.h"
}

NB_MODULE(by_nanobind, m)
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
