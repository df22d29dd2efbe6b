/* check_relocations.c: relocations; see check.h.
 *
 * ld.so writes where a relocation says, and takes what it reads there, or in
 * the relocation, for an address. */
#include "check.h"

/* What a type of relocations does. */
enum kind {
    UNKNOWN,
    NOTHING,
    WORD,     /* writes a symbol's address */
    HALF,     /* the same in 32 bit, or its size */
    SIZE,     /* writes a symbol's size */
    SLOT,     /* writes a symbol's address into the global offset table */
    CALLED,   /* the same of a function */
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
        return WORD;
    case R_X86_64_SIZE64:
        return SIZE;
    case R_X86_64_32:
    case R_X86_64_PC32:
    case R_X86_64_SIZE32:
        return HALF;
    case R_X86_64_GLOB_DAT:
        return SLOT;
    case R_X86_64_JUMP_SLOT:
        return CALLED;
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
        return SLOT;
    case R_AARCH64_JUMP_SLOT:
        return CALLED;
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

/* Tell whether any of *length* bytes at *place* are in a table that ld.so
 * reads while it relocates: a writable segment may have them, as patchelf
 * makes it, and a file with DT_TEXTREL is writable as a whole. */
static bool
is_in_table(const struct np_check *check, uint64_t place, uint64_t length)
{
    static const int64_t tables[][2] = {
        {DT_STRTAB, DT_STRSZ},
        {DT_RELA, DT_RELASZ},
        {DT_JMPREL, DT_PLTRELSZ},
        {DT_RELR, DT_RELRSZ},
    };
    uint64_t symbols = np_tag(check, DT_SYMTAB)->value;

    for (size_t at = 0; at < sizeof(tables) / sizeof(tables[0]); at++) {
        uint64_t start = np_tag(check, tables[at][0])->value;
        uint64_t size = np_tag(check, tables[at][1])->value;

        if (place < start + size && place + length > start) {
            return true;
        }
    }
    return check->counts_symbols && place + length > symbols &&
           place < symbols + check->symbols.count * sizeof(Elf64_Sym);
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
    if (is_in_table(check, place, length)) {
        return np_find(check, at,
                       "damaged: a relocation writes to a table that the "
                       "dynamic loader reads");
    }
    return true;
}

/* Check that a symbol is one for relocations of this kind. It must be right
 * of symbols that other files define as well: ld.so believes the relocation,
 * and divides by the alignment of thread-local variables that the other file
 * does not have. */
static bool
check_kind(struct np_check *check, const Elf64_Sym *symbol, enum kind kind,
           uint64_t at)
{
    int type = ELF64_ST_TYPE(symbol->st_info);
    bool is_tls = kind == TLS || kind == TLS_PAIR;

    if (kind == CALLED && (type == STT_OBJECT || type == STT_COMMON)) {
        return np_find(check, at,
                       "damaged: a relocation is for another kind of symbol");
    }
    if (is_tls != (type == STT_TLS) &&
        /* gold names the section of its thread-local variables. */
        !(is_tls && type == STT_SECTION && symbol->st_shndx != SHN_UNDEF)) {
        return np_find(check, at,
                       "damaged: a relocation is for another kind of symbol");
    }
    if (is_tls && symbol->st_shndx != SHN_UNDEF && check->tls.p_type == 0) {
        return np_find(check, at,
                       "damaged: a relocation is for a thread-local variable, "
                       "of which the file has none");
    }
    return true;
}

/* Check the symbol of a relocation of this kind, and give it. */
static bool
check_symbol(struct np_check *check, const Elf64_Rela *entry, enum kind kind,
             uint64_t at, Elf64_Sym *symbol)
{
    uint64_t index = ELF64_R_SYM(entry->r_info);

    if (index == 0) {
        memset(symbol, 0, sizeof(*symbol));
        if (kind == SLOT || kind == CALLED ||
            ((kind == TLS || kind == TLS_PAIR) && check->tls.p_type == 0)) {
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
    if (!check->counts_symbols && !np_check_symbol(check, index, symbol)) {
        return false;
    }
    memcpy(symbol, check->symbols.data + index * sizeof(*symbol),
           sizeof(*symbol));
    return check_kind(check, symbol, kind, at);
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
    if (!np_is_called(check, entry->r_offset, 8)) {
        return true;
    }
    return np_fill(check, entry->r_offset, 8,
                   kind == RESOLVED            ? NP_OTHER
                   : np_is_code(check, target) ? NP_FUNCTION
                                               : NP_DATA,
                   at);
}

/* Return what a relocation gives a function that is called. */
static enum np_given
given_by(const struct np_check *check, const Elf64_Rela *entry, enum kind kind,
         const Elf64_Sym *symbol)
{
    uint64_t target = symbol->st_value + (uint64_t)entry->r_addend;
    int type = ELF64_ST_TYPE(symbol->st_info);

    if (kind != WORD) {
        return NP_OTHER;
    }
    if (ELF64_R_SYM(entry->r_info) == 0 || symbol->st_shndx != SHN_UNDEF) {
        return np_is_code(check, target) ? NP_FUNCTION : NP_DATA;
    }
    if (ELF64_ST_BIND(symbol->st_info) == STB_WEAK) {
        return NP_NONE; /* 0, when no file defines it */
    }
    return target == 0 && type != STT_OBJECT && type != STT_COMMON
               ? NP_FUNCTION
               : NP_DATA;
}

static bool
check_entry(struct np_check *check, const Elf64_Rela *entry, uint64_t at)
{
    enum kind kind = kind_of(check, entry);
    uint64_t length = kind == HALF ? 4 : kind == TLS_PAIR ? 16 : 8;
    Elf64_Sym symbol;

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
    if ((kind == SLOT || kind == CALLED || kind == TLS || kind == TLS_PAIR) &&
        entry->r_offset % 8 != 0) {
        return np_find(check, at,
                       "damaged: a slot of the global offset table is not "
                       "aligned");
    }
    if (kind == RELATIVE || kind == RESOLVED) {
        return check_own_address(check, entry, kind, at);
    }
    if (!check_symbol(check, entry, kind, at, &symbol)) {
        return false;
    }
    return !np_is_called(check, entry->r_offset, length) ||
           np_fill(check, entry->r_offset, length,
                   given_by(check, entry, kind, &symbol), at);
}

/* Tell whether a relocation may be in DT_JMPREL: ld.so can put these off. */
static bool
is_lazy(enum kind kind)
{
    return kind == CALLED || kind == RESOLVED || kind == TLS_PAIR;
}

/* Check the table at the address of *start*; the first *relative* entries must
 * be of that kind, since ld.so does not look at their types. */
static bool
check_table(struct np_check *check, const struct np_entry *start,
            const struct np_entry *size, uint64_t relative)
{
    const uint8_t *table = np_bytes(check, start->value, size->value);
    uint64_t count = size->value / sizeof(Elf64_Rela);

    if (table == NULL || count == 0 || size->value % sizeof(Elf64_Rela) != 0) {
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
        if (start == np_tag(check, DT_JMPREL) &&
            !is_lazy(kind_of(check, &entry))) {
            return np_find(check, np_at(check, place),
                           "damaged: a relocation of DT_JMPREL has the type "
                           "%u",
                           (unsigned)ELF64_R_TYPE(entry.r_info));
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
    return !np_is_called(check, place, 8) ||
           np_fill(check, place, 8,
                   np_is_code(check, np_u64(word)) ? NP_FUNCTION : NP_DATA,
                   at);
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

bool
np_check_relocations(struct np_check *check)
{
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
    return np_tag(check, DT_RELR)->offset == 0 || check_packed_table(check);
}
