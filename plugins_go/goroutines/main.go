// Purpose: goroutines, and calls from any thread, that share one computation.
// Exports: SharedSum, Runs, Forget.
// Used by: tests of Go plugins under threads, README.
package main

import "C"

import (
	"sync"
	"sync/atomic"
)

// SharedSum lets workers goroutines ask for the sum 1 + ... + n, which is computed
// once per n, and returns the sum of their answers.
//
//export SharedSum
func SharedSum(n, workers int) int64 {
	var all atomic.Int64
	var group sync.WaitGroup
	for i := 0; i < workers; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			all.Add(find(n).get(n))
		}()
	}
	group.Wait()
	return all.Load()
}

// Runs returns how often a sum was computed since the plugin was loaded.
//
//export Runs
func Runs() int64 { return runs.Load() }

// Forget drops every computed sum; Runs counts on.
//
//export Forget
func Forget() {
	mu.Lock()
	defer mu.Unlock()
	clear(flights)
}

func main() {}
