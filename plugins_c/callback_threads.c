/* Purpose: call back from a thread that the program has never seen.
 * Exports: call_from_thread (see callback_threads.h).
 * Used by: tests of callbacks from foreign threads, and of the GIL. */
#include "callback_threads.h"

#include <pthread.h>
#include <stddef.h>

/* What travels to the thread and back. */
typedef struct {
    int (*f)(int);
    int x;
    int result;
} Job;

static void *
run(void *argument)
{
    Job *job = argument;
    job->result = job->f(job->x);
    return NULL;
}

int
call_from_thread(int (*f)(int), int x)
{
    Job job = {f, x, -1};
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, &job) != 0) {
        return -1;
    }
    pthread_join(thread, NULL);
    return job.result;
}
