/* Purpose: declarations of numbered.c, found beside the plugin.
 * Exports: six functions that say which build they are of; the variable build.
 * Used by: numbered.c, `make soak`. */
#ifndef NUMBERED_H
#define NUMBERED_H

#include <stdint.h>

/* Too large for a register, so cffi makes the call. */
struct numbers {
    int64_t first, second, third;
};

extern int64_t build;

int64_t number(void);
int64_t held(void);
int64_t number_of(int64_t any);
struct numbers numbers(void);
char *written(void); /* release it with drop */
void drop(char *text);

#endif /* NUMBERED_H */
