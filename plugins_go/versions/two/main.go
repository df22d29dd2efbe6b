// Purpose: one of two plugins that use different versions of one module (v0.2.0 here).
// Exports: Version, Area, the same names as versions/one.
// Used by: tests that both versions work side by side in one process.
package main

import "C"

import "example.com/shape"

// Version returns the version of the module, owned by the caller: release it with free.
//
//export Version
func Version() *C.char { return C.CString(shape.Version) }

// Area returns the area that this version of the module gives a width and a height.
//
//export Area
func Area(w, h float64) float64 { return shape.Area(w, h) }

func main() {}
