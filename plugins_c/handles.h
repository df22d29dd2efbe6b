/* Purpose: declarations of handles.c, found beside the plugin.
 * Exports: counter_new, counter_next, counter_free; counters_alive.
 * Used by: handles.c, tests of opaque pointers and ffi.gc. */
#ifndef HANDLES_H
#define HANDLES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct Counter Counter; /* opaque: its fields are not declared */

extern int counters_alive; /* made and not yet freed */

Counter *counter_new(int64_t start); /* owned: give it to counter_free */
int64_t counter_next(Counter *counter);
void counter_free(Counter *counter); /* NULL is fine */

#ifdef __cplusplus
}
#endif

#endif /* HANDLES_H */
