/* Purpose: one of two plugins that export the same names (RTLD_LOCAL).
 * Exports: who, ask; variable shared_name, the same as same_names_b.c.
 * Used by: tests that neither plugin ever sees the other's symbols. */

const char *shared_name = "name of a";

const char *
who(void)
{
    return "a";
}

/* Call who through the dynamic symbol table, where the two could mix. */
const char *
ask(void)
{
    return who();
}
