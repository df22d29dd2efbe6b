/* Purpose: call back into the program: during a call, and later.
 * Exports: apply, for_each, sort_ints, register_handler, fire
 *          (see callbacks.h).
 * Used by: tests of callbacks. */
#include "callbacks.h"

#include <stdlib.h>

static handler_t registered = NULL;

int
apply(int (*f)(int), int x)
{
    return f(x);
}

void
for_each(const int *xs, size_t n, void (*visit)(int x, void *user), void *user)
{
    for (size_t i = 0; i < n; i++) {
        visit(xs[i], user);
    }
}

void
sort_ints(int *xs, size_t n, int (*compare)(const void *a, const void *b))
{
    qsort(xs, n, sizeof(*xs), compare);
}

void
register_handler(handler_t handler)
{
    registered = handler;
}

int
fire(int event)
{
    return registered == NULL ? -1 : registered(event);
}
