// Purpose: an init function that takes its time, or fails, as a file says that
// $NATIVEPLUG_GO_INIT names.
// Exports: Add.
package main

import "C"

import (
	"os"
	"strings"
	"time"
)

func init() {
	said, _ := os.ReadFile(os.Getenv("NATIVEPLUG_GO_INIT"))
	word, rest, _ := strings.Cut(string(said), " ")
	switch word {
	case "panic":
		panic("no way")
	case "late": // as one that waits for a database, and gives up
		time.Sleep(200 * time.Millisecond)
		panic("no database")
	case "create": // a file, in the end
		time.Sleep(200 * time.Millisecond)
		os.WriteFile(rest, nil, 0o600)
	case "block":
		select {}
	}
}

//export Add
func Add(a, b int64) int64 { return a + b }

func main() {}
