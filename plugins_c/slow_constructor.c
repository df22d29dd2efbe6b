/* Purpose: a constructor that takes its time and leaves a trace.
 * Exports: constructed. Environment: NATIVEPLUG_SLOW_MS (200 when unset),
 *          NATIVEPLUG_CONSTRUCTOR_LOG (a file that gets a line per run).
 * Used by: tests of one load for many threads, and of the GIL in open. */
#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int runs = 0;

static void
sleep_ms(long ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

__attribute__((constructor)) static void
construct(void)
{
    const char *ms = getenv("NATIVEPLUG_SLOW_MS");
    sleep_ms(ms == NULL ? 200 : atol(ms));
    runs++;

    const char *path = getenv("NATIVEPLUG_CONSTRUCTOR_LOG");
    FILE *log = path == NULL ? NULL : fopen(path, "a");
    if (log != NULL) {
        fprintf(log, "constructed in process %ld\n", (long)getpid());
        fclose(log);
    }
}

/* How often the constructor of this copy ran: 1. */
int
constructed(void)
{
    return runs;
}
