/* Purpose: the variables of the plugin; Go cannot export one of its own.
 * Exports: Name, Calls.
 * Used by: main.go, whose preamble declares them for the header too. */
#include <stdint.h>

char *Name = "world"; /* who is greeted; the program may replace it */
int64_t Calls = 0;    /* how often GetName was called */
