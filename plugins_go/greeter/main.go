// Purpose: the first Go plugin to read: functions here, variables in variables.c.
// Exports: GetName, Greet, Add; variables Name, Calls.
// Used by: `make demo`, README, tests.
package main

// #include <stdint.h>
//
// extern char *Name;
// extern int64_t Calls;
import "C"

// GetName returns a copy of Name that the caller owns: release it with free.
//
//export GetName
func GetName() *C.char {
	C.Calls++ // exact only while one thread calls GetName
	return C.CString(C.GoString(C.Name))
}

// Greet returns a greeting that the caller owns: release it with free.
//
//export Greet
func Greet(name string) *C.char {
	return C.CString("Hello, " + name + "!")
}

// Add returns the sum of a and b.
//
//export Add
func Add(a, b int) int {
	return a + b
}

func main() {} // never runs; -buildmode=c-shared asks for it
