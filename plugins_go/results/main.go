// Purpose: more than one result, which cgo returns as one struct.
// Exports: DivMod, Split, MinMax; Label (refused: a Go string in the struct).
// Used by: tests of multi-result functions.
package main

import "C"

import "strings"

// DivMod returns the quotient and the remainder; 0 and a when b is 0.
//
//export DivMod
func DivMod(a, b int) (quotient, remainder int) {
	if b == 0 {
		return 0, a // a panic would abort the process
	}
	return a / b, a % b
}

// Split cuts text at its first "=": key, value and the place of the "=". Without
// one: text, NULL and -1. The caller owns both texts: release them with free.
//
//export Split
func Split(text string) (key, value *C.char, place int) {
	place = strings.IndexByte(text, '=')
	if place < 0 {
		return C.CString(text), nil, -1
	}
	return C.CString(text[:place]), C.CString(text[place+1:]), place
}

// MinMax returns the extremes of xs and whether there are any.
//
//export MinMax
func MinMax(xs []float64) (low, high float64, ok bool) {
	for i, x := range xs {
		if i == 0 || x < low {
			low = x
		}
		if i == 0 || x > high {
			high = x
		}
	}
	return low, high, len(xs) > 0
}

// Label returns a Go string beside a number: refused at lookup.
//
//export Label
func Label(n int) (string, int) {
	return strings.Repeat("x", n), n
}

func main() {}
