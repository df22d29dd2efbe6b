// The plugin that Go's own package opens.
package main

// Add is what the host looks up and calls.
func Add(a, b int64) int64 { return a + b }

func main() {}
