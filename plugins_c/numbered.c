/* Purpose: results that carry the number of the build twice: by code and data.
 * Exports: see numbered.h.
 * Used by: `make soak`; tests/numbered.py replaces the mark in the file. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "numbered.h"

#define MARK 0x6e756d6265726564 /* "numbered" */
#define UPPER INT64_C(~0xffffffff)

static const volatile int64_t constant = MARK;
int64_t build = MARK;

int64_t
number(void)
{
    return (constant & UPPER) | (build & ~UPPER);
}

int64_t
held(void)
{
    return number();
}

int64_t
number_of(int64_t any)
{
    (void)any;
    return number();
}

struct numbers
numbers(void)
{
    return (struct numbers){number(), number(), number()};
}

char *
written(void)
{
    char *text = malloc(24);

    snprintf(text, 24, "%" PRId64, number());
    return text;
}

void
drop(char *text)
{
    if (strtoll(text, NULL, 10) != number()) {
        abort(); /* another build has written it */
    }
    free(text);
}
