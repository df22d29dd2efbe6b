/* Purpose: a plugin that cannot be loaded: it needs a symbol of nobody.
 * Exports: call_nobody.
 * Used by: tests of OpenError; RTLD_NOW finds it at open. */

int nobody_defines_this(int x);

int
call_nobody(int x)
{
    return nobody_defines_this(x);
}
