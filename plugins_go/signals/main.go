// Purpose: take a signal from the program, and recover from a fault.
// Exports: Notify, Wait, Fault.
// Used by: tests of signals after a Go plugin was opened, docs/go.md.
package main

import "C"

import (
	"os"
	"os/signal"
)

var interrupts = make(chan os.Signal, 1)

// Notify takes SIGINT: Go's handler takes the place of the program's.
//
//export Notify
func Notify() { signal.Notify(interrupts, os.Interrupt) }

// Wait returns once a SIGINT has come.
//
//export Wait
func Wait() { <-interrupts }

// Fault dereferences nil, which is a panic, and recovers from that.
//
//export Fault
func Fault() (recovered C.int) {
	defer func() {
		if recover() != nil {
			recovered = 1
		}
	}()
	var nothing *C.int
	return *nothing
}

func main() {}
