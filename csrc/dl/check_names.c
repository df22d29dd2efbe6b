/* check_names.c: the files that a file names, and where they are searched;
 * see check.h.
 *
 * ld.so puts the longest directory of a search path onto its stack together
 * with a name, and each name in which it expands something (elf/dl-load.c,
 * open_path, and elf/dl-deps.c, expand_dst, of glibc): a long one ends in a
 * stack overflow. No system call takes a longer path than PATH_MAX. */
#include "check.h"

enum {
    PATH_SIZE = 4096,         /* PATH_MAX of <linux/limits.h>, with the NUL */
    LONGEST_SEARCH = 1 << 18, /* bytes */
    MOST_NAMES = 4096,        /* or directories */
    MOST_EXPANDED = 64,       /* in all names, or in one directory */
};

/* Tell whether the value of an entry is the offset of a string. */
static bool
has_string(int64_t tag)
{
    switch (tag) {
    case DT_NEEDED:
    case DT_SONAME:
    case DT_RPATH:
    case DT_RUNPATH:
    case DT_AUXILIARY:
    case DT_FILTER:
    case DT_CONFIG:
    case DT_DEPAUDIT:
    case DT_AUDIT:
        return true;
    default:
        return false;
    }
}

/* Return how often a name, of *length*, may be expanded. */
static uint64_t
count_expanded(const char *name, size_t length)
{
    uint64_t count = 0;

    for (size_t at = 0; at < length; at++) {
        count += name[at] == '$';
    }
    return count;
}

bool
np_is_expanded(const char *name)
{
    static const char *const tokens[] = {"ORIGIN", "LIB", "PLATFORM"};

    for (name = strchr(name, '$'); name != NULL; name = strchr(name, '$')) {
        name += name[1] == '{' ? 2 : 1;
        for (size_t at = 0; at < sizeof(tokens) / sizeof(tokens[0]); at++) {
            if (strncmp(name, tokens[at], strlen(tokens[at])) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Check a search path, whose directories colons separate. */
static bool
check_search(struct np_check *check, const char *search, uint64_t at)
{
    uint64_t count = 1;

    if (strnlen(search, LONGEST_SEARCH) == LONGEST_SEARCH) {
        return np_find(check, at,
                       "damaged: its search path is longer than %d bytes",
                       LONGEST_SEARCH);
    }
    for (; *search != '\0'; count++) {
        size_t length = strcspn(search, ":");

        if (length >= PATH_SIZE || count > MOST_NAMES ||
            count_expanded(search, length) > MOST_EXPANDED) {
            return np_find(check, at,
                           "damaged: a directory of its search path is "
                           "longer than any path, or there are too many");
        }
        search += length + (search[length] == ':');
    }
    return true;
}

/* Check a string of the dynamic section; *expanded* is how often those before
 * may be expanded. */
static bool
check_name(struct np_check *check, const Elf64_Dyn *entry, uint64_t at,
           uint64_t *expanded)
{
    const char *name;
    size_t length;

    if (entry->d_un.d_val >= check->strings.count) {
        return np_find(check, at,
                       "damaged: the string of the tag 0x%llx is not in the "
                       "string table",
                       (unsigned long long)entry->d_tag);
    }
    name = np_string(check, entry->d_un.d_val);
    if (entry->d_tag == DT_RPATH || entry->d_tag == DT_RUNPATH) {
        return check_search(check, name, at);
    }
    length = strnlen(name, PATH_SIZE);
    *expanded += count_expanded(name, length);
    if (length == PATH_SIZE || *expanded > MOST_EXPANDED) {
        return np_find(check, at,
                       "damaged: the string of the tag 0x%llx is longer than "
                       "any path",
                       (unsigned long long)entry->d_tag);
    }
    return true;
}

bool
np_check_names(struct np_check *check)
{
    uint64_t count = 0, expanded = 0;

    for (uint64_t index = 0; index < check->dynamic_count; index++) {
        uint64_t at;
        Elf64_Dyn entry = np_dynamic(check, index, &at);

        if (!has_string(entry.d_tag)) {
            continue;
        }
        if (++count > MOST_NAMES) {
            return np_find(check, at, "damaged: it names more than %d files",
                           MOST_NAMES);
        }
        if (!check_name(check, &entry, at, &expanded)) {
            return false;
        }
    }
    return true;
}
