/* Purpose: an opaque handle with its own making and releasing function.
 * Exports: counter_new, counter_next, counter_free; counters_alive.
 * Used by: tests of opaque pointers and ffi.gc. */
#include "handles.h"

#include <stdlib.h>

struct Counter {
    int64_t next;
};

int counters_alive = 0;

Counter *
counter_new(int64_t start)
{
    Counter *counter = malloc(sizeof(*counter));
    if (counter != NULL) {
        counter->next = start;
        counters_alive++;
    }
    return counter;
}

int64_t
counter_next(Counter *counter)
{
    return counter->next++;
}

void
counter_free(Counter *counter)
{
    if (counter != NULL) {
        counters_alive--;
        free(counter);
    }
}
