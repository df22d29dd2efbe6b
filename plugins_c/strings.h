/* Purpose: declarations of strings.c, found beside the plugin.
 * Exports: borrowed, null_result, not_utf8, length, is_null, fill.
 * Used by: strings.c, tests of text arguments and borrowed results. */
#ifndef STRINGS_H
#define STRINGS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

const char *borrowed(void);    /* static text, not ASCII: never free it */
const char *null_result(void); /* always NULL */
const char *not_utf8(void);    /* "\xff\xfe": no text in UTF-8 */

size_t length(const char *text); /* in bytes, as strlen */
int is_null(const char *text);   /* 1 when the argument arrived as NULL */

/* Fill all of buffer with "abc...zabc..."; the last byte becomes NUL. */
void fill(char *buffer, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* STRINGS_H */
