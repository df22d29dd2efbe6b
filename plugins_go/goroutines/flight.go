// Purpose: one computation for all who ask at once (as x/sync/singleflight).
// Exports: nothing.
// Used by: main.go.
package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// flight is one computation: the first to arrive runs it, the others wait.
type flight struct {
	once sync.Once
	sum  int64
}

var (
	mu      sync.Mutex
	flights = map[int]*flight{} // by n; guarded by mu
	runs    atomic.Int64
)

// find returns the flight for n, a new one for the first who asks.
func find(n int) *flight {
	mu.Lock()
	defer mu.Unlock()
	f := flights[n]
	if f == nil {
		f = &flight{}
		flights[n] = f
	}
	return f
}

// get returns 1 + ... + n, computed by the first who asks. The sleep stands for
// expensive work: without it the others would rarely have to wait.
func (f *flight) get(n int) int64 {
	f.once.Do(func() {
		runs.Add(1)
		time.Sleep(10 * time.Millisecond)
		for i := 1; i <= n; i++ {
			f.sum += int64(i)
		}
	})
	return f.sum
}
