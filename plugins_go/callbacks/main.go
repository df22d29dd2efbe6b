// Purpose: take a C function pointer and call it, from this thread and from others.
// Exports: Apply, ForEach, ForEachParallel.
// Used by: tests of callbacks into Python from Go.
package main

// #include <stdint.h>
//
// typedef int64_t (*Visitor)(int64_t value, void *user);
import "C"

import (
	"sync"
	"unsafe"
)

// Apply returns visit(value, NULL).
//
//export Apply
func Apply(visit C.Visitor, value int64) int64 {
	return call(visit, value, nil)
}

// ForEach visits each of xs in order and returns the sum of the results.
//
//export ForEach
func ForEach(xs []int64, visit C.Visitor, user unsafe.Pointer) int64 {
	var sum int64
	for _, x := range xs {
		sum += call(visit, x, user)
	}
	return sum
}

// ForEachParallel is ForEach with a goroutine per element: visit is called from
// threads that the program has never seen, many at a time, in any order.
//
//export ForEachParallel
func ForEachParallel(xs []int64, visit C.Visitor, user unsafe.Pointer) int64 {
	results := make([]int64, len(xs))
	var group sync.WaitGroup
	for i := range xs {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			results[i] = call(visit, xs[i], user)
		}(i)
	}
	group.Wait()
	var sum int64
	for _, result := range results {
		sum += result
	}
	return sum
}

func main() {}
