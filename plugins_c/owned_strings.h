/* Purpose: declarations of owned_strings.c, found beside the plugin.
 * Exports: owned, echo, long_text, parse_number, strings_free; freed.
 * Used by: owned_strings.c, tests of `free=` and of out-parameters. */
#ifndef OWNED_STRINGS_H
#define OWNED_STRINGS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

extern int freed; /* how often strings_free was called */

/* Every char * below comes from malloc: give it to strings_free (counted)
 * or to libc's free. */
char *owned(void);
char *echo(const char *text); /* a copy; NULL for NULL */
char *long_text(size_t n);    /* n times 'x' */
void strings_free(char *text);

/* Read a decimal number: 0 and *value, or -1 and a message in *error. */
int parse_number(const char *text, int64_t *value, char **error);

#ifdef __cplusplus
}
#endif

#endif /* OWNED_STRINGS_H */
