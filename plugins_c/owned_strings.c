/* Purpose: text that the caller owns, as result and as out-parameter.
 * Exports: owned, echo, long_text, parse_number, strings_free; freed.
 * Used by: tests of `free=` and of out-parameters. */
#define _POSIX_C_SOURCE 200809L /* strdup */
#include "owned_strings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int freed = 0;

char *
owned(void)
{
    return strdup("yours now");
}

char *
echo(const char *text)
{
    return text == NULL ? NULL : strdup(text);
}

char *
long_text(size_t n)
{
    char *text = malloc(n + 1);
    if (text != NULL) {
        memset(text, 'x', n);
        text[n] = '\0';
    }
    return text;
}

void
strings_free(char *text)
{
    freed++;
    free(text);
}

int
parse_number(const char *text, int64_t *value, char **error)
{
    char *end;
    errno = 0;
    intmax_t number = strtoimax(text, &end, 10);
    if (end == text || *end != '\0' || errno == ERANGE) {
        *error = strdup(errno == ERANGE ? "out of range" : "not a number");
        return -1;
    }
    *value = number;
    return 0;
}
