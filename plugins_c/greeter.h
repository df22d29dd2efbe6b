/* Purpose: declarations of greeter.c, found beside the plugin.
 * Exports: GetName, Add; variables Name, Calls.
 * Used by: greeter.c, `make demo`, README, tests. */
#ifndef GREETER_H
#define GREETER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

extern const char *Name; /* who is greeted; the program may replace it */
extern int Calls;        /* how often GetName was called */

const char *GetName(void); /* borrowed: never free it */
int64_t Add(int64_t a, int64_t b);

#ifdef __cplusplus
}
#endif

#endif /* GREETER_H */
