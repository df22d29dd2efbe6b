// Purpose: results that lie in Go memory; the Go runtime aborts the process.
// Exports: Constant (harmless), Built, Bytes, Table, Any, Channel (each aborts).
// Used by: tests that lookup refuses them, and of the option that lifts it.
package main

import "C"

import "strings"

// Constant returns a string that lies in the plugin's read-only data.
//
//export Constant
func Constant() string { return "constant" }

// Built returns a string of n characters that lies in the Go heap.
//
//export Built
func Built(n int) string { return strings.Repeat("x", n) }

// Bytes returns a slice.
//
//export Bytes
func Bytes() []byte { return []byte("bytes") }

// Table returns a map.
//
//export Table
func Table() map[string]int { return map[string]int{"one": 1} }

// Any returns an interface that holds a value in the Go heap.
//
//export Any
func Any() interface{} { return Built(3) }

// Channel returns a channel.
//
//export Channel
func Channel() chan int { return make(chan int, 1) }
