/* Purpose: the variable of the plugin; Go cannot export one of its own.
 * Exports: build.
 * Used by: main.go, whose preamble declares it for the header too. */
#include <stdint.h>

int64_t build = 0x6e756d6265726564; /* "numbered", replaced by tests/numbered.py */
