/* Purpose: declarations of callback_threads.c, found beside the plugin.
 * Exports: call_from_thread.
 * Used by: callback_threads.c, tests of callbacks from foreign threads. */
#ifndef CALLBACK_THREADS_H
#define CALLBACK_THREADS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Call f(x) in a fresh thread, join it: f's result, or -1 without a thread.
 * The caller must not hold the GIL meanwhile: f may need it. */
int call_from_thread(int (*f)(int), int x);

#ifdef __cplusplus
}
#endif

#endif /* CALLBACK_THREADS_H */
