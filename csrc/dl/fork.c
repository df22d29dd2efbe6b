/* fork.c: calls of the dynamic loader and fork(2) exclude each other; see
 * np_fork.h.
 *
 * Two counters, and each side counts itself before it looks at the other's.
 * They are looked at again and again, without a lock: a lock could be held by
 * a thread that the child has not. Constructors may wait for what only the
 * thread that forks will do, and other handlers of a fork for locks that a
 * thread in line for the loader holds, so every wait has an end; what comes
 * after that is what came without any of this. */
#include "np_fork.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define PAUSE_NS INT64_C(100000)
/* A thread that takes longer is in a constructor, as a rule, where it holds no
 * lock that matters to a child. */
#define MOST_NS INT64_C(2000000000)

/* Threads that are in the loader, and forks that are under way. */
static atomic_int calls, forks;
/* Those of this thread; its calls lie within each other. */
static _Thread_local int own_calls, own_forks;

/* Wait a moment; tell whether there may be another. *end* is when that is
 * over, and 0 before the first. A pause takes much longer than it is asked to
 * on a busy machine, so they are not counted. [no gil] */
static bool
pause_again(int64_t *end)
{
    const struct timespec moment = {0, PAUSE_NS};
    struct timespec now;
    int64_t at;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    at = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
    if (*end == 0) {
        *end = at + MOST_NS;
    }
    (void)nanosleep(&moment, NULL);
    return at < *end;
}

void
np_loader_enter(void)
{
    int64_t end = 0;

    if (own_calls++ > 0) {
        return;
    }
    atomic_fetch_add(&calls, 1);
    while (own_forks == 0 && atomic_load(&forks) > 0) {
        atomic_fetch_sub(&calls, 1);
        bool again = pause_again(&end);
        atomic_fetch_add(&calls, 1);
        if (!again) {
            return;
        }
    }
}

void
np_loader_leave(const int *unused)
{
    (void)unused;
    if (--own_calls == 0) {
        atomic_fetch_sub(&calls, 1);
    }
}

void
np_fork_before(void)
{
    int64_t end = 0;

    own_forks++;
    atomic_fetch_add(&forks, 1);
    while (atomic_load(&calls) > (own_calls > 0) && pause_again(&end)) {
    }
}

void
np_fork_in_parent(void)
{
    own_forks--;
    atomic_fetch_sub(&forks, 1);
}

void
np_fork_in_child(void)
{
    own_forks--;
    atomic_store(&forks, own_forks);
    atomic_store(&calls, own_calls > 0);
}
