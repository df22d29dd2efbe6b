/* Purpose: text in, borrowed text out; nothing here is ever freed.
 * Exports: borrowed, null_result, not_utf8, length, is_null, fill.
 * Used by: tests of text arguments and borrowed results. */
#include "strings.h"

#include <string.h>

const char *
borrowed(void)
{
    return "gr\xc3\xbc\xc3\x9f dich"; /* UTF-8 bytes of a German greeting */
}

const char *
null_result(void)
{
    return NULL;
}

const char *
not_utf8(void)
{
    return "\xff\xfe";
}

size_t
length(const char *text)
{
    return strlen(text);
}

int
is_null(const char *text)
{
    return text == NULL;
}

void
fill(char *buffer, size_t size)
{
    if (size == 0) {
        return;
    }
    for (size_t i = 0; i < size - 1; i++) {
        buffer[i] = (char)('a' + i % 26);
    }
    buffer[size - 1] = '\0';
}
