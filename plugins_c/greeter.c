/* Purpose: the first plugin to read: two functions and two variables.
 * Exports: GetName, Add; variables Name, Calls (see greeter.h).
 * Used by: `make demo`, README, tests. */
#include "greeter.h"

const char *Name = "world";
int Calls = 0; /* plain int: exact only while one thread calls GetName */

const char *
GetName(void)
{
    Calls++;
    return Name;
}

int64_t
Add(int64_t a, int64_t b)
{
    return a + b;
}
