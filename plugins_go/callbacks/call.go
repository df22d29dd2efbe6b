// Purpose: the step from Go to a C function pointer, which Go itself cannot call.
// Exports: nothing; a preamble beside an //export may declare but not define.
// Used by: main.go.
package main

// #include <stdint.h>
//
// typedef int64_t (*Visitor)(int64_t value, void *user);
//
// static int64_t visit(Visitor visitor, int64_t value, void *user) {
//     return visitor(value, user);
// }
import "C"

import "unsafe"

// call returns visitor(value, user).
func call(visitor C.Visitor, value int64, user unsafe.Pointer) int64 {
	return int64(C.visit(visitor, C.int64_t(value), user))
}
