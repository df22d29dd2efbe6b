/* check_dynamic.c: the dynamic section, the string table, and which entries
 * need one another; see check.h.
 *
 * ld.so takes most of this for granted: it asserts some of it (elf/dl-load.c
 * and elf/get-dynamic-info.h of glibc), which ends the process, and follows
 * the rest. */
#include "check.h"

enum {
    FIRST_OLD = 40, /* slots from here are for tags with large numbers */
    GNU_HASH_SLOT = FIRST_OLD,
    VERSION_SLOTS = 48, /* 0x6ffffff0 to 0x6fffffff */
};

/* Return where an entry with *tag* is kept; -1 for one that is not. */
static int
slot_of(int64_t tag)
{
    if (tag >= 0 && tag < FIRST_OLD) {
        return (int)tag;
    }
    if (tag == DT_GNU_HASH) {
        return GNU_HASH_SLOT;
    }
    if (tag >= DT_VERSYM && tag <= DT_VERNEEDNUM) {
        return VERSION_SLOTS + (int)(tag & 0xf);
    }
    return -1;
}

const struct np_entry *
np_tag(const struct np_check *check, int64_t tag)
{
    return &check->tag[slot_of(tag)];
}

Elf64_Dyn
np_dynamic(const struct np_check *check, uint64_t index, uint64_t *at)
{
    uint64_t place = check->dynamic.p_offset + index * sizeof(Elf64_Dyn);
    Elf64_Dyn entry;

    memcpy(&entry, check->data + place, sizeof(entry));
    if (at != NULL) {
        *at = place;
    }
    return entry;
}

/* Tell whether the gABI or a system gives a meaning to numbers like *tag*. */
static bool
is_in_use(int64_t tag)
{
    return (tag >= 0 && tag < FIRST_OLD) ||
           (tag >= DT_LOOS && tag <= DT_HIPROC);
}

static bool
note_entry(struct np_check *check, const Elf64_Dyn *entry, uint64_t at)
{
    int slot = slot_of(entry->d_tag);

    if (!is_in_use(entry->d_tag)) {
        return np_find(check, at,
                       "damaged: an entry of the dynamic section has the "
                       "unknown tag 0x%llx",
                       (unsigned long long)entry->d_tag);
    }
    if (slot < 0 || entry->d_tag == DT_NEEDED) {
        return true;
    }
    if (check->tag[slot].offset != 0) {
        return np_find(check, at,
                       "damaged: the dynamic section has the tag 0x%llx "
                       "twice",
                       (unsigned long long)entry->d_tag);
    }
    check->tag[slot] = (struct np_entry){entry->d_un.d_val, at};
    return true;
}

static bool
read_entries(struct np_check *check)
{
    uint64_t room = check->dynamic.p_filesz / sizeof(Elf64_Dyn);

    for (uint64_t index = 0; index < room; index++) {
        uint64_t at;
        Elf64_Dyn entry = np_dynamic(check, index, &at);

        if (entry.d_tag == DT_NULL) {
            check->dynamic_count = index;
            return true;
        }
        if (!note_entry(check, &entry, at)) {
            return false;
        }
    }
    return np_find(check, check->dynamic.p_offset,
                   "damaged: the dynamic section has no end");
}

/* Tags of which ld.so reads one after it has seen the other. */
static const struct {
    int64_t tag, needs;
    const char *name, *needed;
} partners[] = {
    {DT_RELA, DT_RELASZ, "DT_RELA", "DT_RELASZ"},
    {DT_RELASZ, DT_RELA, "DT_RELASZ", "DT_RELA"},
    {DT_RELA, DT_RELAENT, "DT_RELA", "DT_RELAENT"},
    {DT_RELACOUNT, DT_RELA, "DT_RELACOUNT", "DT_RELA"},
    {DT_JMPREL, DT_PLTRELSZ, "DT_JMPREL", "DT_PLTRELSZ"},
    {DT_PLTRELSZ, DT_JMPREL, "DT_PLTRELSZ", "DT_JMPREL"},
    {DT_JMPREL, DT_PLTREL, "DT_JMPREL", "DT_PLTREL"},
    {DT_RELR, DT_RELRSZ, "DT_RELR", "DT_RELRSZ"},
    {DT_RELRSZ, DT_RELR, "DT_RELRSZ", "DT_RELR"},
    {DT_RELR, DT_RELRENT, "DT_RELR", "DT_RELRENT"},
    {DT_INIT_ARRAY, DT_INIT_ARRAYSZ, "DT_INIT_ARRAY", "DT_INIT_ARRAYSZ"},
    {DT_INIT_ARRAYSZ, DT_INIT_ARRAY, "DT_INIT_ARRAYSZ", "DT_INIT_ARRAY"},
    {DT_FINI_ARRAY, DT_FINI_ARRAYSZ, "DT_FINI_ARRAY", "DT_FINI_ARRAYSZ"},
    {DT_FINI_ARRAYSZ, DT_FINI_ARRAY, "DT_FINI_ARRAYSZ", "DT_FINI_ARRAY"},
    {DT_VERNEED, DT_VERNEEDNUM, "DT_VERNEED", "DT_VERNEEDNUM"},
    {DT_VERNEEDNUM, DT_VERNEED, "DT_VERNEEDNUM", "DT_VERNEED"},
    {DT_VERDEF, DT_VERDEFNUM, "DT_VERDEF", "DT_VERDEFNUM"},
    {DT_VERDEFNUM, DT_VERDEF, "DT_VERDEFNUM", "DT_VERDEF"},
    {DT_VERNEED, DT_VERSYM, "DT_VERNEED", "DT_VERSYM"},
    {DT_VERDEF, DT_VERSYM, "DT_VERDEF", "DT_VERSYM"},
};

static bool
check_partners(struct np_check *check)
{
    size_t count = sizeof(partners) / sizeof(partners[0]);

    for (size_t at = 0; at < count; at++) {
        const struct np_entry *entry = np_tag(check, partners[at].tag);

        if (entry->offset != 0 &&
            np_tag(check, partners[at].needs)->offset == 0) {
            return np_find(check, entry->offset,
                           "damaged: the dynamic section has %s but not %s",
                           partners[at].name, partners[at].needed);
        }
    }
    return true;
}

/* Tags whose value can be one only: sizes, and the kind of relocations. */
static const struct {
    int64_t tag;
    uint64_t value;
    const char *name;
} fixed[] = {
    {DT_SYMENT, sizeof(Elf64_Sym), "DT_SYMENT"},
    {DT_RELAENT, sizeof(Elf64_Rela), "DT_RELAENT"},
    {DT_RELRENT, sizeof(uint64_t), "DT_RELRENT"},
    {DT_PLTREL, DT_RELA, "DT_PLTREL"},
};

/* Tags that no shared object of these machines has. */
static const struct {
    int64_t tag;
    const char *name;
} foreign[] = {
    {DT_REL, "DT_REL"},
    {DT_RELSZ, "DT_RELSZ"},
    {DT_RELENT, "DT_RELENT"},
    {DT_PREINIT_ARRAY, "DT_PREINIT_ARRAY"},
    {DT_PREINIT_ARRAYSZ, "DT_PREINIT_ARRAYSZ"},
};

static bool
check_values(struct np_check *check)
{
    for (size_t at = 0; at < sizeof(fixed) / sizeof(fixed[0]); at++) {
        const struct np_entry *entry = np_tag(check, fixed[at].tag);

        if (entry->offset != 0 && entry->value != fixed[at].value) {
            return np_find(check, entry->offset,
                           "damaged: %s is %llu, which must be %llu",
                           fixed[at].name, (unsigned long long)entry->value,
                           (unsigned long long)fixed[at].value);
        }
    }
    for (size_t at = 0; at < sizeof(foreign) / sizeof(foreign[0]); at++) {
        const struct np_entry *entry = np_tag(check, foreign[at].tag);

        if (entry->offset != 0) {
            return np_find(check, entry->offset,
                           "damaged: the dynamic section has %s, which no "
                           "shared object can have",
                           foreign[at].name);
        }
    }
    return true;
}

static bool
check_strings(struct np_check *check)
{
    const struct np_entry *table = np_tag(check, DT_STRTAB);
    uint64_t size = np_tag(check, DT_STRSZ)->value;
    const uint8_t *strings = np_bytes(check, table->value, size);

    if (table->offset == 0 || size == 0 || strings == NULL) {
        return np_find(check, table->offset,
                       "damaged: the string table is not in a segment that "
                       "is loaded");
    }
    if (strings[0] != 0 || strings[size - 1] != 0) {
        return np_find(check, np_at(check, strings),
                       "damaged: the string table does not begin and end "
                       "with a NUL");
    }
    check->strings = (struct np_table){strings, size};
    return true;
}

/* Check the place of the symbols; only the hash tables tell how many. */
static bool
check_symbol_table(struct np_check *check)
{
    const struct np_entry *table = np_tag(check, DT_SYMTAB);
    const uint8_t *symbols = np_bytes(check, table->value, sizeof(Elf64_Sym));
    static const uint8_t zeros[sizeof(Elf64_Sym)];

    if (table->offset == 0 || symbols == NULL || table->value % 8 != 0) {
        return np_find(check, table->offset,
                       "damaged: the symbol table is not in a segment that "
                       "is loaded");
    }
    if (np_tag(check, DT_SYMENT)->offset == 0) {
        return np_find(check, table->offset,
                       "damaged: the dynamic section has DT_SYMTAB but not "
                       "DT_SYMENT");
    }
    if (memcmp(symbols, zeros, sizeof(zeros)) != 0) {
        return np_find(check, np_at(check, symbols),
                       "damaged: the first symbol is not empty");
    }
    check->symbols.data = symbols;
    return true;
}

bool
np_check_dynamic(struct np_check *check)
{
    return read_entries(check) && check_partners(check) &&
           check_values(check) && check_strings(check) &&
           check_symbol_table(check);
}
