// Purpose: real work with the standard library: JSON in, JSON out, over megabytes.
// Exports: WordCounts, WordCountsInto, Release.
// Used by: tests of large texts, of errors as a result and as an out-parameter.
package main

// #include <stdlib.h>
import "C"

import "unsafe"

// WordCounts reads [{"id": ..., "text": ...}, ...] and returns its statistics (see
// the type Statistics) and NULL, or NULL and a message. The caller owns both texts.
//
//export WordCounts
func WordCounts(documents string) (statistics, failure *C.char) {
	output, err := analyse([]byte(documents))
	if err != nil {
		return nil, C.CString(err.Error())
	}
	return C.CString(string(output)), nil
}

// WordCountsInto is WordCounts with the message as an out-parameter, which may be
// NULL for a caller who does not ask; it is written only on failure.
//
//export WordCountsInto
func WordCountsInto(documents string, failure **C.char) *C.char {
	statistics, message := WordCounts(documents)
	if message != nil {
		if failure == nil {
			Release(message)
		} else {
			*failure = message
		}
	}
	return statistics
}

// Release frees a text of this plugin; NULL is fine.
//
//export Release
func Release(text *C.char) {
	C.free(unsafe.Pointer(text))
}

func main() {}
