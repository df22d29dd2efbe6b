// Purpose: panics become Python exceptions instead of the end of the process.
// Exports: Divide, At, Nothing; nativeplug_take_error, from errors.c.
// Used by: tests of errors of calls.
package main

// #include <stdlib.h>
// #include <nativeplug.h>
import "C"

import (
	"fmt"
	"unsafe"
)

// raise tells Python of a panic. Defer it in every export that may panic.
func raise() {
	if problem := recover(); problem != nil {
		text := C.CString(fmt.Sprint(problem))
		C.nativeplug_raise(text)
		C.free(unsafe.Pointer(text))
	}
}

// Divide returns a / b.
//
//export Divide
func Divide(a, b int64) int64 {
	defer raise()
	return a / b
}

// At returns an element.
//
//export At
func At(numbers []int64, index int64) int64 {
	defer raise()
	return numbers[index]
}

// Nothing panics with an error.
//
//export Nothing
func Nothing() {
	defer raise()
	panic(fmt.Errorf("größer: %w", fmt.Errorf("no")))
}

func main() {}
