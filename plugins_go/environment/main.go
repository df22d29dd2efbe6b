// Purpose: what Go sees of the environment, and how it gets what Python has changed.
// Exports: Getenv, Setenv, GetenvOfC.
// Used by: tests.
package main

// #include <stdlib.h>
import "C"

import (
	"os"
	"unsafe"
)

// Getenv returns what Go's own environment has, which the caller owns.
//
//export Getenv
func Getenv(name *C.char) *C.char {
	return C.CString(os.Getenv(C.GoString(name)))
}

// Setenv changes Go's environment, and that of C.
//
//export Setenv
func Setenv(name, value *C.char) {
	_ = os.Setenv(C.GoString(name), C.GoString(value))
}

// GetenvOfC returns what the environment of C has, which is Python's, too.
//
//export GetenvOfC
func GetenvOfC(name *C.char) *C.char {
	return C.CString(getenvOfC(C.GoString(name)))
}

func getenvOfC(name string) string {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	return C.GoString(C.getenv(text))
}

func main() {}
