// Measure Go's plugin package: main PLUGIN CANDIDATE prints nanoseconds per operation.
package main

import (
	"fmt"
	"math"
	"os"
	"plugin"
	"time"
)

var sum int64

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func main() {
	path, candidate := os.Args[1], os.Args[2]
	plg := must(plugin.Open(path))
	add := must(plg.Lookup("Add")).(func(int64, int64) int64)
	if add(2, 3) != 5 {
		panic("wrong result")
	}
	candidates := map[string]func(int){
		"open": func(number int) {
			for i := 0; i < number; i++ {
				must(plugin.Open(path))
			}
		},
		"lookup": func(number int) {
			for i := 0; i < number; i++ {
				must(plg.Lookup("Add"))
			}
		},
		"lookup, assert, call": func(number int) {
			for i := 0; i < number; i++ {
				sum += must(plg.Lookup("Add")).(func(int64, int64) int64)(2, 3)
			}
		},
		"call": func(number int) {
			for i := 0; i < number; i++ {
				sum += add(2, 3)
			}
		},
	}
	empty := func(number int) {
		for i := 0; i < number; i++ {
		}
	}
	fmt.Println(nanoseconds(candidates[candidate]) - nanoseconds(empty))
}

// nanoseconds returns the least that an operation took in several runs of some milliseconds.
func nanoseconds(run func(int)) float64 {
	least := math.Inf(1)
	for number, runs := 1, 0; runs < 5; {
		start := time.Now()
		run(number)
		took := time.Since(start)
		if took < 2*time.Millisecond {
			number *= 2
			continue
		}
		least = math.Min(least, float64(took.Nanoseconds())/float64(number))
		runs++
	}
	return least
}
