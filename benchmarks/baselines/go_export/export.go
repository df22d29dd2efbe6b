// An export of Go for the benchmarks.
package main

import "C"

//export Add
func Add(a, b int64) int64 { return a + b }

func main() {}
