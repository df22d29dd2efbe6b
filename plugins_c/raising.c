/* Purpose: a plugin that tells Python of errors of its calls, by nativeplug.h.
 * Exports: root, name, release, twice, length, around; variable calls.
 * Used by: tests of errors of calls. */
#include <errno.h>
#include <nativeplug.h>
#include <stdlib.h>
#include <string.h>

NATIVEPLUG_ERRORS;
NATIVEPLUG_TYPE(typedef struct { double x, y; } Point);
NATIVEPLUG_VARIABLE(int, calls) = 0;

NATIVEPLUG_FUNCTION(double, root, (double square))
{
    calls++;
    if (square < 0) {
        errno = EDOM;
        nativeplug_raise("negative:\n  no root");
        return 0;
    }
    return square / 2; /* for some squares */
}

/* The caller owns the text, also where the call fails. */
NATIVEPLUG_FUNCTION(char *, name, (int fails))
{
    if (fails) {
        nativeplug_raise("no name");
    }
    calls++;
    return strdup(fails ? "\xff" : "fine"); /* the one is no text */
}

NATIVEPLUG_FUNCTION(void, release, (void *text))
{
    calls--;
    free(text);
}

/* The last error counts. */
NATIVEPLUG_FUNCTION(void, twice, (void))
{
    nativeplug_raise("first");
    nativeplug_raise("second, not UTF-8: \xff");
}

NATIVEPLUG_FUNCTION(double, length, (Point point, int fails))
{
    if (fails) {
        nativeplug_raise("a point");
    }
    return point.x + point.y;
}

/* Calls back, and fails or not, whatever became of that. */
NATIVEPLUG_FUNCTION(int, around, (int (*function)(int n), int n, int fails))
{
    int result = function(n);

    if (fails) {
        nativeplug_raise("around");
    }
    return result;
}
