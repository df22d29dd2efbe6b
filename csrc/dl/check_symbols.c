/* check_symbols.c: the hash tables, which alone tell how many symbols there
 * are, and the symbols; see check.h.
 *
 * ld.so asserts some of the first and follows the rest, in each lookup: a
 * chain that has no end is read up to a page that is not there. Here a chain
 * ends at the first symbol that is in the wrong bucket, so no symbol is
 * visited twice. */
#include "check.h"

/* DT_GNU_HASH: four words, the Bloom filter, the buckets, the chains. */
struct gnu_table {
    uint32_t buckets, first, blooms, shift;
    const uint8_t *bloom, *bucket, *chain;
    uint64_t chains; /* for how many symbols there is room */
};

enum { GNU_HEADER = 16, SYSV_HEADER = 8, BLOOM_BITS = 64 };

static uint32_t
gnu_hash(const char *name)
{
    uint32_t hash = 5381;

    for (; *name != '\0'; name++) {
        hash = hash * 33 + (uint8_t)*name;
    }
    return hash;
}

static bool
read_gnu_table(struct np_check *check, const struct np_entry *entry,
               struct gnu_table *table)
{
    const uint8_t *header = np_bytes(check, entry->value, GNU_HEADER);
    uint64_t size;

    if (header == NULL) {
        return np_find(check, entry->offset,
                       "damaged: the hash table is not in a segment that is "
                       "loaded");
    }
    memcpy(table, header, GNU_HEADER);
    if (table->buckets == 0 || table->first == 0 || table->shift > 31 ||
        table->blooms == 0 || (table->blooms & (table->blooms - 1)) != 0) {
        return np_find(check, np_at(check, header),
                       "damaged: the hash table's sizes cannot be");
    }
    size = GNU_HEADER + 8 * (uint64_t)table->blooms +
           4 * (uint64_t)table->buckets;
    if (np_bytes(check, entry->value, size) == NULL) {
        return np_find(check, np_at(check, header),
                       "damaged: the hash table is larger than its segment");
    }
    table->bloom = header + GNU_HEADER;
    table->bucket = table->bloom + 8 * (uint64_t)table->blooms;
    table->chain = header + size;
    table->chains = (np_room(check, entry->value) - size) / 4;
    return true;
}

/* Check that a symbol of a chain is found by its name. */
static bool
check_hashed(struct np_check *check, const struct gnu_table *table,
             uint32_t bucket, uint32_t hash, uint64_t index)
{
    Elf64_Sym symbol;
    const char *name;
    uint32_t real;
    uint64_t word;

    if (!np_check_symbol(check, index, &symbol)) {
        return false;
    }
    name = np_string(check, symbol.st_name);
    if (!np_spend(check, strlen(name), "the names of its symbols")) {
        return false;
    }
    real = gnu_hash(name);
    word = np_u64(table->bloom +
                  8 * (uint64_t)(real / BLOOM_BITS % table->blooms));
    if ((real | 1) != (hash | 1) || real % table->buckets != bucket ||
        (word >> real % BLOOM_BITS & 1) == 0 ||
        (word >> (real >> table->shift) % BLOOM_BITS & 1) == 0) {
        return np_find(check,
                       np_at(check, table->chain + 4 * (index - table->first)),
                       "damaged: the hash table does not lead to symbol %llu",
                       (unsigned long long)index);
    }
    return true;
}

/* Walk through the symbols of a bucket; *next* becomes the one behind. */
static bool
check_bucket(struct np_check *check, const struct gnu_table *table,
             uint32_t bucket, uint64_t *next)
{
    uint64_t index = np_u32(table->bucket + 4 * (uint64_t)bucket);
    uint32_t hash;

    if (index == 0) {
        return true;
    }
    do {
        if (index < table->first || index - table->first >= table->chains) {
            return np_find(
                check, np_at(check, table->bucket + 4 * (uint64_t)bucket),
                "damaged: a bucket of the hash table leads out of it");
        }
        hash = np_u32(table->chain + 4 * (index - table->first));
        if (!check_hashed(check, table, bucket, hash, index)) {
            return false;
        }
        index++;
    } while ((hash & 1) == 0);
    *next = index > *next ? index : *next;
    return true;
}

/* Check DT_GNU_HASH; it has all symbols from its first one on, and tells
 * nothing of how many there are when it has none. */
static bool
check_gnu_table(struct np_check *check, const struct np_entry *entry)
{
    struct gnu_table table = {0};
    uint64_t next = 0;

    if (!read_gnu_table(check, entry, &table)) {
        return false;
    }
    if (table.first > check->symbols.count) {
        return np_find(check, entry->offset,
                       "damaged: the hash table begins after the symbols");
    }
    for (uint32_t bucket = 0; bucket < table.buckets; bucket++) {
        if (!check_bucket(check, &table, bucket, &next)) {
            return false;
        }
    }
    if (next > 0) {
        check->symbols.count = next;
        check->counts_symbols = true;
    }
    return true;
}

/* Check DT_HASH: two words, the buckets, the chains, each with an index of a
 * symbol; there are as many chains as symbols. */
static bool
check_sysv_table(struct np_check *check, const struct np_entry *entry)
{
    const uint8_t *table = np_bytes(check, entry->value, SYSV_HEADER);
    uint64_t buckets, symbols;

    if (table == NULL) {
        return np_find(check, entry->offset,
                       "damaged: the hash table is not in a segment that is "
                       "loaded");
    }
    buckets = np_u32(table);
    symbols = np_u32(table + 4);
    if (buckets == 0 || symbols == 0 ||
        np_bytes(check, entry->value, SYSV_HEADER + 4 * (buckets + symbols)) ==
            NULL) {
        return np_find(check, np_at(check, table),
                       "damaged: the hash table's sizes cannot be");
    }
    if (symbols > check->symbols.count ||
        (check->counts_symbols && symbols != check->symbols.count)) {
        return np_find(check, np_at(check, table),
                       "damaged: the hash table is for another number of "
                       "symbols");
    }
    check->symbols.count = symbols;
    check->counts_symbols = true;
    return true;
}

/* Walk through the chains of DT_HASH: each symbol is in one, once. */
static bool
check_sysv_chains(struct np_check *check, const struct np_entry *entry)
{
    const uint8_t *table = np_bytes(check, entry->value, SYSV_HEADER);
    uint64_t buckets = np_u32(table);
    const uint8_t *chains = table + SYSV_HEADER + 4 * buckets;
    uint64_t steps = 0;

    for (uint64_t bucket = 0; bucket < buckets; bucket++) {
        const uint8_t *place = table + SYSV_HEADER + 4 * bucket;

        while (np_u32(place) != STN_UNDEF) {
            uint32_t index = np_u32(place);

            if (index >= check->symbols.count ||
                ++steps > check->symbols.count) {
                return np_find(check, np_at(check, place),
                               "damaged: a chain of the hash table leads out "
                               "of it, or has no end");
            }
            place = chains + 4 * (uint64_t)index;
        }
    }
    return true;
}

static bool
check_kind(struct np_check *check, const Elf64_Sym *symbol, uint64_t at)
{
    int type = ELF64_ST_TYPE(symbol->st_info);
    int binding = ELF64_ST_BIND(symbol->st_info);

    if (symbol->st_name >= check->strings.count) {
        return np_find(check, at,
                       "damaged: the name of a symbol is not in the string "
                       "table");
    }
    if ((type > STT_TLS && type != STT_GNU_IFUNC) ||
        (binding > STB_WEAK && binding != STB_GNU_UNIQUE)) {
        return np_find(check, at, "damaged: a symbol has the kind 0x%02x",
                       symbol->st_info);
    }
    if (symbol->st_shndx >= SHN_LORESERVE && symbol->st_shndx != SHN_ABS) {
        return np_find(check, at, "damaged: a symbol has the section 0x%x",
                       symbol->st_shndx);
    }
    return true;
}

/* Check that a symbol that the file defines lies where its kind can. */
static bool
check_place(struct np_check *check, const Elf64_Sym *symbol, uint64_t at)
{
    int type = ELF64_ST_TYPE(symbol->st_info);
    uint64_t start = symbol->st_value, size = symbol->st_size;

    if (type == STT_TLS) {
        if (check->tls.p_type == 0 || start > check->tls.p_memsz ||
            size > check->tls.p_memsz - start) {
            return np_find(check, at,
                           "damaged: a symbol is not among the thread-local "
                           "variables");
        }
        return true;
    }
    if (np_load_at(check, start, type == STT_NOTYPE ? 0 : size) == NULL) {
        return np_find(check, at,
                       "damaged: a symbol is not in a segment that is "
                       "loaded");
    }
    if ((type == STT_FUNC || type == STT_GNU_IFUNC) &&
        !np_is_code(check, start)) {
        return np_find(check, at,
                       "damaged: a function is not in an executable segment");
    }
    return true;
}

/* Check a symbol that another file must define. One that only this file can
 * see would be where this file begins. */
static bool
check_foreign(struct np_check *check, const Elf64_Sym *symbol, uint64_t at)
{
    if (symbol->st_value != 0) {
        return np_find(check, at,
                       "damaged: a symbol of another file has a place in "
                       "this one");
    }
    if (ELF64_ST_BIND(symbol->st_info) == STB_LOCAL ||
        ELF64_ST_VISIBILITY(symbol->st_other) != STV_DEFAULT) {
        return np_find(check, at,
                       "damaged: a symbol of another file is local");
    }
    return true;
}

/* Check a symbol whose value is no address of the file. */
static bool
check_absolute(struct np_check *check, const Elf64_Sym *symbol, uint64_t at)
{
    int type = ELF64_ST_TYPE(symbol->st_info);

    if (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_TLS) {
        return np_find(check, at,
                       "damaged: a function, or a thread-local variable, is "
                       "not in the file");
    }
    return true;
}

/* Check that the file has the version of a symbol. */
static bool
check_version(struct np_check *check, uint64_t index)
{
    uint16_t version;

    if (check->versyms.data == NULL) {
        return true;
    }
    if (index >= check->versyms.count) {
        return np_find(check, np_at(check, check->versyms.data),
                       "damaged: there are fewer versions than symbols");
    }
    version = np_u16(check->versyms.data + 2 * index) & (NP_VERSIONS - 1);
    if ((check->versions[version / 8] >> version % 8 & 1) == 0) {
        return np_find(check, np_at(check, check->versyms.data + 2 * index),
                       "damaged: a symbol has the version %d, which the file "
                       "does not have",
                       version);
    }
    return true;
}

bool
np_check_symbol(struct np_check *check, uint64_t index, Elf64_Sym *out)
{
    const uint8_t *place = check->symbols.data + index * sizeof(*out);
    uint64_t at;

    if (index >= check->symbols.count) {
        return np_find(check, np_at(check, check->symbols.data),
                       "damaged: there is no symbol %llu",
                       (unsigned long long)index);
    }
    at = np_at(check, place);
    memcpy(out, place, sizeof(*out));
    if (!check_kind(check, out, at) || !check_version(check, index)) {
        return false;
    }
    if (out->st_shndx == SHN_UNDEF) {
        return index == 0 || check_foreign(check, out, at);
    }
    if (out->st_shndx == SHN_ABS) {
        return check_absolute(check, out, at);
    }
    return check_place(check, out, at);
}

static bool
find_versyms(struct np_check *check)
{
    const struct np_entry *entry = np_tag(check, DT_VERSYM);

    if (entry->offset == 0) {
        return true;
    }
    check->versyms.data = np_bytes(check, entry->value, 2);
    check->versyms.count = np_room(check, entry->value) / 2;
    if (check->versyms.data == NULL) {
        return np_find(check, entry->offset,
                       "damaged: the versions of its symbols are not in a "
                       "segment that is loaded");
    }
    return true;
}

bool
np_check_symbols(struct np_check *check)
{
    const struct np_entry *gnu = np_tag(check, DT_GNU_HASH);
    const struct np_entry *sysv = np_tag(check, DT_HASH);
    Elf64_Sym symbol;

    check->symbols.count =
        np_room(check, np_tag(check, DT_SYMTAB)->value) / sizeof(symbol);
    if (gnu->offset == 0 && sysv->offset == 0) {
        return np_find(check, check->dynamic.p_offset,
                       "damaged: it has no hash table");
    }
    if (!find_versyms(check) ||
        (gnu->offset != 0 && !check_gnu_table(check, gnu)) ||
        (sysv->offset != 0 && (!check_sysv_table(check, sysv) ||
                               !check_sysv_chains(check, sysv)))) {
        return false;
    }
    if (!check->counts_symbols) { /* relocations tell which there are */
        return true;
    }
    for (uint64_t index = 0; index < check->symbols.count; index++) {
        if (!np_check_symbol(check, index, &symbol)) {
            return false;
        }
    }
    return true;
}
