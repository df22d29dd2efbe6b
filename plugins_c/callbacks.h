/* Purpose: declarations of callbacks.c, found beside the plugin.
 * Exports: apply, for_each, sort_ints, register_handler, fire.
 * Used by: callbacks.c, tests of callbacks. */
#ifndef CALLBACKS_H
#define CALLBACKS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int (*handler_t)(int event);

/* These use the callback during the call only. */
int apply(int (*f)(int), int x);
void for_each(const int *xs, size_t n, void (*visit)(int x, void *user),
              void *user);
void sort_ints(int *xs, size_t n,
               int (*compare)(const void *a, const void *b)); /* as qsort */

/* This one keeps it: the callback must outlive the call. NULL forgets it. */
void register_handler(handler_t handler);
int fire(int event); /* -1 without a handler */

#ifdef __cplusplus
}
#endif

#endif /* CALLBACKS_H */
