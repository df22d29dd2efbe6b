/* Purpose: export a symbol whose address is NULL.
 * Exports: null_symbol (no address), ordinary.
 * Used by: tests of lookup; cffi 2.1.1 crashes on such a symbol. */

/* An absolute symbol of value 0: the dynamic loader does not relocate it, so
 * dlsym finds it, returns NULL and sets no dlerror (dlsym(3), NOTES). */
__asm__(".globl null_symbol\n"
        ".set null_symbol, 0\n");

int
ordinary(void)
{
    return 1;
}
