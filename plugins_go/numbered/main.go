// Purpose: results that carry the number of the build in both halves, one of Go, one of C.
// Exports: as plugins_c/numbered.c does.
// Used by: `make soak`; tests/numbered.py replaces the mark in the file.
package main

// #include <stdint.h>
// #include <stdlib.h>
//
// struct numbers {
//     int64_t first, second, third;
// };
//
// extern int64_t build;
import "C"

import (
	"strconv"
	"unsafe"
)

const upper = -1 << 32

var variable int64 = 0x6e756d6265726564

func both() int64 {
	return variable&upper | int64(C.build)&^upper
}

//export number
func number() C.int64_t {
	return C.int64_t(both())
}

//export held
func held() C.int64_t {
	return number()
}

//export number_of
func number_of(any C.int64_t) C.int64_t {
	return number()
}

//export numbers
func numbers() C.struct_numbers {
	return C.struct_numbers{number(), number(), number()}
}

//export written
func written() *C.char {
	return C.CString(strconv.FormatInt(both(), 10))
}

//export drop
func drop(text *C.char) {
	if C.GoString(text) != strconv.FormatInt(both(), 10) {
		panic("what another build has made is none of ours")
	}
	C.free(unsafe.Pointer(text))
}

func main() {}
