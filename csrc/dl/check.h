/* check.h: the structural check of a plugin's file, before dlopen sees it.
 *
 * ld.so follows a file without looking: a damaged one does not make dlopen
 * fail, it kills the process (glibc's SECURITY.md does not count that as a
 * bug; BZ 22851). np_check walks through everything that ld.so would follow,
 * in the order in which each part relies on those before:
 *
 *   check.c              ELF header
 *   check_segments.c     program headers
 *   check_dynamic.c      dynamic section; string table; what has a partner
 *   check_names.c        names of files, and where these are searched
 *   check_libc.c         whose libc it needs
 *   check_versions.c     version definitions and requirements
 *   check_symbols.c      hash tables, which tell how many symbols there are;
 *                        symbols
 *   check_called.c       functions that ld.so calls
 *   check_relocations.c  relocations
 *
 * Whatever the bytes are, nothing outside of them is read, nothing is
 * allocated, and the time is linear in their number: where parts of a file may
 * share others, np_spend counts what is walked through. Numbers are read as
 * they lie there, so the machine that runs this must be little-endian, as the
 * files are. Every function is [no gil]; those that check return false after
 * np_find. Names and numbers as in elf(5), the gABI and the supplements for
 * x86-64 and AArch64.
 */
#ifndef NP_CHECK_H
#define NP_CHECK_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Younger than some <elf.h>. */
#ifndef DT_RELR
#define DT_RELRSZ 35
#define DT_RELR 36
#define DT_RELRENT 37
#endif
#ifndef PT_GNU_PROPERTY
#define PT_GNU_PROPERTY 0x6474e553
#endif

enum np_libc { NP_LIBC_ANY = 0, NP_LIBC_GNU = 1, NP_LIBC_MUSL = 2 };

enum { NP_FINDING_SIZE = 160 };

/* What speaks against a file, and where in it that is. */
struct np_finding {
    uint64_t offset;
    char text[NP_FINDING_SIZE];
};

bool np_check(const uint8_t *data, size_t size, int machine, int libc,
              struct np_finding *found);
int np_check_libc(void);

enum {
    NP_PAGE = 4096,         /* the smallest page of both machines */
    NP_MOST_SEGMENTS = 512, /* ld.so copies them to its stack */
    NP_MOST_LOADS = 64,
    NP_SLOTS = 64,
    NP_VERSIONS = 0x8000, /* VERSYM_HIDDEN is the bit above */
    NP_MOST_CALLED = 0x8000,
};

/* A PT_LOAD: *size* bytes from *offset* of the file, mapped at *start*; zeros
 * follow up to *end*. */
struct np_load {
    uint64_t start, size, end, offset;
    uint32_t flags;
};

/* An entry of the dynamic section, and where in the file it is; *offset* is 0
 * when there is none. */
struct np_entry {
    uint64_t value, offset;
};

/* A table in the file; *data* is NULL when there is none. */
struct np_table {
    const uint8_t *data;
    uint64_t count;
};

/* An array of functions that ld.so calls; which bit the first of them has, and
 * how many of them relocations give an address. */
struct np_array {
    uint64_t start, size, first, filled;
    const char *name;
};

/* What a relocation gives a function that ld.so calls. */
enum np_given {
    NP_FUNCTION, /* the address of one */
    NP_DATA,     /* an address that cannot be called */
    NP_NONE,     /* perhaps no address */
    NP_OTHER,    /* something else */
};

/* A file under check: what is known of it already. */
struct np_check {
    const uint8_t *data;
    size_t size;
    int machine;
    enum np_libc libc;
    struct np_finding *found;
    uint64_t work; /* how many steps were made where files may share */
    Elf64_Ehdr header;
    struct np_load loads[NP_MOST_LOADS];
    size_t load_count;
    Elf64_Phdr dynamic, tls; /* p_type is 0 when there is none */
    bool has_stack;
    struct np_entry tag[NP_SLOTS]; /* see np_tag */
    uint64_t dynamic_count;
    struct np_table strings, symbols, versyms;
    bool counts_symbols;               /* or there may be more of them */
    uint8_t versions[NP_VERSIONS / 8]; /* a bit for each that there is */
    struct np_array arrays[2];
    uint8_t called[NP_MOST_CALLED / 8]; /* a bit for each that is filled */
};

/* Note what was found; *offset* is where. Returns false. */
bool np_find(struct np_check *check, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));

/* Count *steps* of a walk; a finding when there are more than a file of this
 * size can need. */
bool np_spend(struct np_check *check, uint64_t steps, const char *what);

/* Return the segment that has all of *length* bytes at *address*; NULL when
 * none has. */
const struct np_load *np_load_at(const struct np_check *check,
                                 uint64_t address, uint64_t length);

/* The same, where an instruction can be executed. */
bool np_is_code(const struct np_check *check, uint64_t address);

/* Return the bytes of the file that will lie at *address*; NULL unless all of
 * *length* are in the file, and can be read there. */
const uint8_t *np_bytes(const struct np_check *check, uint64_t address,
                        uint64_t length);

/* Return how many bytes of the file will follow one another at *address*, to
 * be read. */
uint64_t np_room(const struct np_check *check, uint64_t address);

/* Return the entry of the dynamic section with *tag*, one of those that ld.so
 * looks for; its offset is 0 when there is none. */
const struct np_entry *np_tag(const struct np_check *check, int64_t tag);

/* Return an entry of the dynamic section; *at*, unless NULL, becomes where in
 * the file it is. */
Elf64_Dyn np_dynamic(const struct np_check *check, uint64_t index,
                     uint64_t *at);

bool np_check_segments(struct np_check *check);
bool np_check_dynamic(struct np_check *check);
bool np_check_needed(struct np_check *check);
bool np_check_interpreter(struct np_check *check, const Elf64_Phdr *segment);
bool np_check_versions(struct np_check *check);
bool np_check_symbols(struct np_check *check);
bool np_check_relocations(struct np_check *check);
bool np_check_names(struct np_check *check);

/* Find the functions that ld.so calls. */
bool np_find_called(struct np_check *check);

/* Tell whether any of *length* bytes at *place* are one of them. */
bool np_is_called(const struct np_check *check, uint64_t place,
                  uint64_t length);

/* Note what a relocation of *length* bytes gives those at *place*. */
bool np_fill(struct np_check *check, uint64_t place, uint64_t length,
             enum np_given given, uint64_t at);

/* Check that relocations have given an address to each. */
bool np_check_called(struct np_check *check);

/* Tell whether ld.so puts something else in place of a part of a file's
 * name. */
bool np_is_expanded(const char *name);

/* Check the symbol with *index*, which is one after those that are counted,
 * or one of them. */
bool np_check_symbol(struct np_check *check, uint64_t index, Elf64_Sym *out);

/* Return what System V's hash function makes of *name*. */
uint32_t np_elf_hash(const char *name);

static inline uint64_t
np_at(const struct np_check *check, const uint8_t *place)
{
    return (uint64_t)(place - check->data);
}

static inline const char *
np_string(const struct np_check *check, uint64_t offset)
{
    return (const char *)check->strings.data + offset;
}

static inline uint16_t
np_u16(const uint8_t *place)
{
    uint16_t value;

    memcpy(&value, place, sizeof(value));
    return value;
}

static inline uint32_t
np_u32(const uint8_t *place)
{
    uint32_t value;

    memcpy(&value, place, sizeof(value));
    return value;
}

static inline uint64_t
np_u64(const uint8_t *place)
{
    uint64_t value;

    memcpy(&value, place, sizeof(value));
    return value;
}

#endif
