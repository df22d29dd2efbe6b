#include <nativeplug.h>

/* nativeplug_raise, and nativeplug_take_error, which nativeplug asks after each call. */
NATIVEPLUG_ERRORS;
