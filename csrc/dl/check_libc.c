/* check_libc.c: whose libc a file needs; see check.h.
 *
 * Two C libraries in one process share neither their threads nor their heap.
 * What is linked against glibc needs "libc.so.6" and its dynamic linker; what
 * is linked against musl needs "libc.so", or "libc.musl-<machine>.so.1" on
 * Alpine Linux. */
#include "check.h"

#if !defined(__GLIBC__) && defined(__linux__)
#define HOST_LIBC NP_LIBC_MUSL
#else
#define HOST_LIBC NP_LIBC_GNU
#endif

/* Return which libc this process has. [no gil] */
int
np_check_libc(void)
{
    return HOST_LIBC;
}

static bool
starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Return which libc has a library of this name; 0 when both or none have. */
static int
libc_with(const char *name)
{
    if (strcmp(name, "libc.so.6") == 0 || starts_with(name, "ld-linux-")) {
        return NP_LIBC_GNU;
    }
    if (strcmp(name, "libc.so") == 0 || starts_with(name, "libc.musl-") ||
        starts_with(name, "ld-musl-")) {
        return NP_LIBC_MUSL;
    }
    return 0;
}

static bool
check_libc(struct np_check *check, const char *name, uint64_t at)
{
    int libc = libc_with(name);

    if (libc == 0 || libc == (int)check->libc || check->libc == NP_LIBC_ANY) {
        return true;
    }
    if (libc == NP_LIBC_MUSL) {
        return np_find(check, at, "built for musl, this process has glibc");
    }
    return np_find(check, at, "built for glibc, this process has musl");
}

/* Check the program interpreter, which some shared objects name. */
bool
np_check_interpreter(struct np_check *check, const Elf64_Phdr *segment)
{
    static const char folder[] = "/lib/";
    const char *name;

    if (segment->p_offset > check->size ||
        segment->p_filesz > check->size - segment->p_offset ||
        segment->p_filesz < sizeof(folder)) {
        return true; /* which nobody reads when a file is not a program */
    }
    name = (const char *)check->data + segment->p_offset;
    if (name[segment->p_filesz - 1] != '\0' || !starts_with(name, folder)) {
        return true;
    }
    return check_libc(check, name + strlen(folder), segment->p_offset);
}

bool
np_check_needed(struct np_check *check)
{
    for (uint64_t index = 0; index < check->dynamic_count; index++) {
        uint64_t at;
        Elf64_Dyn entry = np_dynamic(check, index, &at);

        if (entry.d_tag == DT_NEEDED &&
            !check_libc(check, np_string(check, entry.d_un.d_val), at)) {
            return false;
        }
    }
    return true;
}
