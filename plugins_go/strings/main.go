// Purpose: Go strings and slices as parameters, straight from the caller's memory.
// Exports: Length, Upper, Checksum, Sum, SumInts, Reverse.
// Used by: tests of str, bytes and buffers as GoString and GoSlice.
package main

import "C"

import (
	"hash/adler32"
	"slices"
	"strings"
)

// Length returns the length of text in bytes.
//
//export Length
func Length(text string) int { return len(text) }

// Upper returns text in capitals, owned by the caller: release it with free.
//
//export Upper
func Upper(text string) *C.char { return C.CString(strings.ToUpper(text)) }

// Checksum returns the Adler-32 of data, as zlib computes it.
//
//export Checksum
func Checksum(data []byte) uint32 { return adler32.Checksum(data) }

// Sum returns the sum of xs.
//
//export Sum
func Sum(xs []float64) float64 { return total[float64](xs) }

// SumInts returns the sum of xs, in more bits than each of them has.
//
//export SumInts
func SumInts(xs []int32) int64 { return total[int64](xs) }

// Reverse turns data around in place: it needs a writable buffer.
//
//export Reverse
func Reverse(data []byte) { slices.Reverse(data) }

// total adds up xs in the type of the result.
func total[T, E int32 | int64 | float64](xs []E) T {
	var sum T
	for _, x := range xs {
		sum += T(x)
	}
	return sum
}

func main() {}
