/* check_relocations.c: relocations, and the functions that ld.so calls; see
 * check.h.
 *
 * ld.so writes where a relocation says, and takes what it reads there, or in
 * the relocation, for an address. What it calls (DT_INIT, the arrays,
 * resolvers of IRELATIVE) must be code; an entry of an array that no
 * relocation fills would be called as it lies in the file. */
#include "check.h"

/* What a type of relocations does. */
enum kind {
    UNKNOWN,
    NOTHING,
    WORD,     /* writes a symbol's address */
    HALF,     /* the same in 32 bit, or its size */
    SLOT,     /* writes a symbol's address into the global offset table */
    RELATIVE, /* writes an address of this file */
    RESOLVED, /* writes what a function of this file returns */
    TLS,      /* is about a thread-local variable */
    TLS_PAIR, /* the same, two words */
};

static enum kind
kind_on_x86_64(uint32_t type)
{
    switch (type) {
    case R_X86_64_NONE:
        return NOTHING;
    case R_X86_64_64:
    case R_X86_64_SIZE64:
        return WORD;
    case R_X86_64_32:
    case R_X86_64_PC32:
    case R_X86_64_SIZE32:
        return HALF;
    case R_X86_64_GLOB_DAT:
    case R_X86_64_JUMP_SLOT:
        return SLOT;
    case R_X86_64_RELATIVE:
        return RELATIVE;
    case R_X86_64_IRELATIVE:
        return RESOLVED;
    case R_X86_64_DTPMOD64:
    case R_X86_64_DTPOFF64:
    case R_X86_64_TPOFF64:
        return TLS;
    case R_X86_64_TLSDESC:
        return TLS_PAIR;
    default:
        return UNKNOWN;
    }
}

static enum kind
kind_on_aarch64(uint32_t type)
{
    switch (type) {
    case R_AARCH64_NONE:
        return NOTHING;
    case R_AARCH64_ABS64:
        return WORD;
    case R_AARCH64_GLOB_DAT:
    case R_AARCH64_JUMP_SLOT:
        return SLOT;
    case R_AARCH64_RELATIVE:
        return RELATIVE;
    case R_AARCH64_IRELATIVE:
        return RESOLVED;
    case R_AARCH64_TLS_DTPMOD:
    case R_AARCH64_TLS_DTPREL:
    case R_AARCH64_TLS_TPREL:
        return TLS;
    case R_AARCH64_TLSDESC:
        return TLS_PAIR;
    default:
        return UNKNOWN;
    }
}

static enum kind
kind_of(const struct np_check *check, const Elf64_Rela *entry)
{
    uint32_t type = (uint32_t)ELF64_R_TYPE(entry->r_info);

    return check->machine == EM_X86_64 ? kind_on_x86_64(type)
                                       : kind_on_aarch64(type);
}

/* Tell whether an address is in the file's memory, or just behind it. */
static bool
is_own(const struct np_check *check, uint64_t address)
{
    return address >= check->loads[0].start &&
           address <= check->loads[check->load_count - 1].end;
}

/* Note that something fills an entry of an array of functions; *target* is
 * the function, or 0 when another file may have it. */
static bool
fill_array(struct np_check *check, uint64_t place, uint64_t target,
           uint64_t at)
{
    for (size_t which = 0; which < 2; which++) {
        struct np_array *array = &check->arrays[which];

        if (place < array->start || place - array->start >= array->size) {
            continue;
        }
        if ((place - array->start) % 8 != 0 ||
            (target != 0 && !np_is_code(check, target))) {
            return np_find(check, at,
                           "damaged: a function of %s is not in an "
                           "executable segment",
                           array->name);
        }
        array->filled++;
    }
    return true;
}

/* Check that ld.so can write *length* bytes at *place*. */
static bool
check_target(struct np_check *check, uint64_t place, uint64_t length,
             uint64_t at)
{
    const struct np_load *load = np_load_at(check, place, length);
    uint64_t after_dynamic = check->dynamic.p_vaddr + check->dynamic.p_filesz;

    if (load == NULL ||
        ((load->flags & PF_W) == 0 && np_tag(check, DT_TEXTREL)->offset == 0 &&
         (np_tag(check, DT_FLAGS)->value & DF_TEXTREL) == 0)) {
        return np_find(check, at,
                       "damaged: a relocation writes to 0x%llx, which is not "
                       "in a writable segment",
                       (unsigned long long)place);
    }
    if (place < after_dynamic && place + length > check->dynamic.p_vaddr) {
        return np_find(check, at,
                       "damaged: a relocation writes to the dynamic section");
    }
    return true;
}

/* Check the symbol of a relocation of this kind. */
static bool
check_symbol(struct np_check *check, const Elf64_Rela *entry, enum kind kind,
             uint64_t at)
{
    uint64_t index = ELF64_R_SYM(entry->r_info);
    bool is_tls = kind == TLS || kind == TLS_PAIR;
    Elf64_Sym symbol;

    if (index == 0) {
        if (kind == SLOT || (is_tls && check->tls.p_type == 0)) {
            return np_find(check, at, "damaged: a relocation has no symbol");
        }
        return true;
    }
    if (index >= check->symbols.count) {
        return np_find(check, at,
                       "damaged: a relocation has the symbol %llu, which "
                       "there is not",
                       (unsigned long long)index);
    }
    if (!check->counts_symbols && !np_check_symbol(check, index, &symbol)) {
        return false;
    }
    memcpy(&symbol, check->symbols.data + index * sizeof(symbol),
           sizeof(symbol));
    if (symbol.st_shndx != SHN_UNDEF &&
        is_tls != (ELF64_ST_TYPE(symbol.st_info) == STT_TLS) &&
        /* gold names the section of its thread-local variables. */
        !(is_tls && ELF64_ST_TYPE(symbol.st_info) == STT_SECTION)) {
        return np_find(check, at,
                       "damaged: a relocation is for another kind of symbol");
    }
    return true;
}

/* Check a relocation without a symbol, whose addend is an address. */
static bool
check_own_address(struct np_check *check, const Elf64_Rela *entry,
                  enum kind kind, uint64_t at)
{
    uint64_t target = (uint64_t)entry->r_addend;

    if (ELF64_R_SYM(entry->r_info) != 0) {
        return np_find(check, at,
                       "damaged: a relocation by the file's own address has "
                       "a symbol");
    }
    if (kind == RESOLVED && !np_is_code(check, target)) {
        return np_find(check, at,
                       "damaged: the resolver of a function is not in an "
                       "executable segment");
    }
    if (!is_own(check, target)) {
        return np_find(check, at,
                       "damaged: a relocation is for 0x%llx, which is not in "
                       "the file",
                       (unsigned long long)target);
    }
    return fill_array(check, entry->r_offset, target, at);
}

static bool
check_entry(struct np_check *check, const Elf64_Rela *entry, uint64_t at)
{
    enum kind kind = kind_of(check, entry);
    uint64_t length = kind == HALF ? 4 : kind == TLS_PAIR ? 16 : 8;

    if (kind == NOTHING) {
        return true;
    }
    if (kind == UNKNOWN) {
        return np_find(check, at,
                       "damaged: a relocation has the type %u, which no "
                       "shared object can have",
                       (unsigned)ELF64_R_TYPE(entry->r_info));
    }
    if (!check_target(check, entry->r_offset, length, at)) {
        return false;
    }
    if (kind == RELATIVE || kind == RESOLVED) {
        return check_own_address(check, entry, kind, at);
    }
    return check_symbol(check, entry, kind, at) &&
           (kind != WORD || fill_array(check, entry->r_offset, 0, at));
}

/* Check the table at the address of *start*; the first *relative* entries must
 * be of that kind, since ld.so does not look at their types. */
static bool
check_table(struct np_check *check, const struct np_entry *start,
            const struct np_entry *size, uint64_t relative)
{
    const uint8_t *table = np_bytes(check, start->value, size->value);
    uint64_t count = size->value / sizeof(Elf64_Rela);

    if (table == NULL || size->value % sizeof(Elf64_Rela) != 0) {
        return np_find(check, start->offset,
                       "damaged: a table of relocations is not in a segment "
                       "that is loaded");
    }
    if (relative > count) {
        return np_find(check, np_tag(check, DT_RELACOUNT)->offset,
                       "damaged: DT_RELACOUNT is more than there are");
    }
    for (uint64_t index = 0; index < count; index++) {
        const uint8_t *place = table + index * sizeof(Elf64_Rela);
        Elf64_Rela entry;

        memcpy(&entry, place, sizeof(entry));
        if (index < relative && kind_of(check, &entry) != RELATIVE) {
            return np_find(check, np_at(check, place),
                           "damaged: DT_RELACOUNT is more than there are");
        }
        if (!check_entry(check, &entry, np_at(check, place))) {
            return false;
        }
    }
    return true;
}

/* Check one word that is to be relocated by the address of the file. */
static bool
check_packed(struct np_check *check, uint64_t place, uint64_t at)
{
    const uint8_t *word = np_bytes(check, place, 8);

    if (!check_target(check, place, 8, at)) {
        return false;
    }
    if (word == NULL || !is_own(check, np_u64(word))) {
        return np_find(check, at,
                       "damaged: a relocation is for an address that is not "
                       "in the file");
    }
    return fill_array(check, place, np_u64(word), at);
}

/* Check DT_RELR: an even word is an address, an odd one is a bit for each of
 * the 63 words that follow the last ones. */
static bool
check_packed_table(struct np_check *check)
{
    const struct np_entry *start = np_tag(check, DT_RELR);
    uint64_t size = np_tag(check, DT_RELRSZ)->value;
    const uint8_t *table = np_bytes(check, start->value, size);
    uint64_t next = 0;

    if (table == NULL || size % 8 != 0) {
        return np_find(check, start->offset,
                       "damaged: the table of packed relocations is not in a "
                       "segment that is loaded");
    }
    for (uint64_t into = 0; into < size; into += 8) {
        uint64_t word = np_u64(table + into);
        uint64_t at = np_at(check, table + into);

        if ((word & 1) == 0) {
            next = word + 8;
            if (!check_packed(check, word, at)) {
                return false;
            }
            continue;
        }
        if (next == 0) {
            return np_find(check, at,
                           "damaged: the packed relocations begin without an "
                           "address");
        }
        for (int bit = 1; bit < 64; bit++) {
            if ((word >> bit & 1) != 0 &&
                !check_packed(check, next + 8 * (uint64_t)(bit - 1), at)) {
                return false;
            }
        }
        next += 8 * 63;
    }
    return true;
}

static bool
check_called(struct np_check *check, int64_t tag, const char *name)
{
    const struct np_entry *entry = np_tag(check, tag);

    if (entry->offset != 0 && !np_is_code(check, entry->value)) {
        return np_find(check, entry->offset,
                       "damaged: the function of %s is not in an executable "
                       "segment",
                       name);
    }
    return true;
}

static bool
find_array(struct np_check *check, struct np_array *array, int64_t tag,
           int64_t size_tag)
{
    const struct np_entry *start = np_tag(check, tag);

    array->start = start->value;
    array->size = np_tag(check, size_tag)->value;
    if (array->size % 8 != 0 ||
        (array->size != 0 &&
         np_bytes(check, array->start, array->size) == NULL)) {
        return np_find(check, start->offset,
                       "damaged: the functions of %s are not in a segment "
                       "that is loaded",
                       array->name);
    }
    return true;
}

static bool
check_filled(struct np_check *check, const struct np_array *array)
{
    const uint8_t *place = np_bytes(check, array->start, array->size);

    if (array->filled != array->size / 8) {
        return np_find(check, np_at(check, place),
                       "damaged: %s has %llu functions, of which %llu are "
                       "relocated",
                       array->name, (unsigned long long)(array->size / 8),
                       (unsigned long long)array->filled);
    }
    return true;
}

bool
np_check_relocations(struct np_check *check)
{
    struct np_array *first = &check->arrays[0], *last = &check->arrays[1];

    first->name = "DT_INIT_ARRAY";
    last->name = "DT_FINI_ARRAY";
    if (!check_called(check, DT_INIT, "DT_INIT") ||
        !check_called(check, DT_FINI, "DT_FINI") ||
        !find_array(check, first, DT_INIT_ARRAY, DT_INIT_ARRAYSZ) ||
        !find_array(check, last, DT_FINI_ARRAY, DT_FINI_ARRAYSZ)) {
        return false;
    }
    if (np_tag(check, DT_RELA)->offset != 0 &&
        !check_table(check, np_tag(check, DT_RELA), np_tag(check, DT_RELASZ),
                     np_tag(check, DT_RELACOUNT)->value)) {
        return false;
    }
    if (np_tag(check, DT_JMPREL)->offset != 0 &&
        !check_table(check, np_tag(check, DT_JMPREL),
                     np_tag(check, DT_PLTRELSZ), 0)) {
        return false;
    }
    if (np_tag(check, DT_RELR)->offset != 0 && !check_packed_table(check)) {
        return false;
    }
    return check_filled(check, first) && check_filled(check, last);
}
