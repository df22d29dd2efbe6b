/* check_fuzz.c: np_check by itself, without Python, on mutants of a file:
 *
 *     check_fuzz FILE SEED COUNT
 *
 * A mutant has one to eight other bytes, most of them in its first 8 KiB, its
 * last 4 KiB or its dynamic section, where the tables are; each fourth one is
 * cut as well. It lies in memory of exactly its size, so that a sanitizer
 * notices what is read beyond it. Prints how many were refused, and how many
 * were not. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

enum { FIRST = 8192, LAST = 4096, ENTRIES = 1024 };

/* Interesting values: what sums and products of offsets overflow with. */
static const uint64_t words[] = {
    0,
    1,
    7,
    8,
    0xff,
    0xffff,
    0x7fffffff,
    0xffffffff,
    INT64_MAX,
    UINT64_MAX,
    UINT64_MAX - 7,
    (uint64_t)1 << 47,
};

/* Steele et al., "Fast splittable pseudorandom number generators". */
static uint64_t
next(uint64_t *state)
{
    uint64_t value = *state += 0x9e3779b97f4a7c15;

    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return value ^ value >> 31;
}

/* Return where the dynamic section is; 0 when there is none. */
static size_t
dynamic_of(const uint8_t *data, size_t size)
{
    Elf64_Ehdr header;

    memcpy(&header, data, sizeof(header));
    for (size_t at = 0; at < header.e_phnum; at++) {
        size_t place = header.e_phoff + at * sizeof(Elf64_Phdr);
        Elf64_Phdr segment;

        if (place > size - sizeof(segment)) {
            break;
        }
        memcpy(&segment, data + place, sizeof(segment));
        if (segment.p_type == PT_DYNAMIC && segment.p_offset < size) {
            return segment.p_offset;
        }
    }
    return 0;
}

/* Return a place in the file where a change will matter. */
static size_t
choose(uint64_t *state, size_t size, size_t dynamic)
{
    size_t start = 0, room = FIRST;

    switch (next(state) % 4) {
    case 0:
        start = dynamic;
        room = ENTRIES;
        break;
    case 1:
        start = size > LAST ? size - LAST : 0;
        room = LAST;
        break;
    case 2:
        room = size;
        break;
    default:
        break;
    }
    start += next(state) % room;
    return start < size ? start : size - 1;
}

static void
mutate(uint8_t *data, size_t size, size_t dynamic, uint64_t *state)
{
    for (uint64_t left = 1 + next(state) % 8; left > 0; left--) {
        size_t place = choose(state, size, dynamic);
        uint64_t word = words[next(state) % (sizeof(words) / sizeof(*words))];

        if (next(state) % 2 != 0) {
            data[place] = (uint8_t)next(state);
        }
        else if (place <= size - sizeof(word)) {
            memcpy(data + place / 8 * 8, &word, sizeof(word));
        }
    }
}

/* Check *count* mutants; returns how many were refused. */
static uint64_t
check_mutants(const uint8_t *data, size_t size, uint64_t seed, uint64_t count)
{
    size_t dynamic = dynamic_of(data, size);
    int machine = data[EI_NIDENT + 2] | data[EI_NIDENT + 3] << 8;
    uint64_t refused = 0;

    for (uint64_t number = 0; number < count; number++) {
        uint64_t state = seed + number;
        bool cut = next(&state) % 4 == 0;
        size_t length = cut ? (size_t)(next(&state) % size) + 1 : size;
        uint8_t *mutant = malloc(length);
        struct np_finding found;

        if (mutant == NULL) {
            abort();
        }
        memcpy(mutant, data, length);
        if (length >= 8) {
            mutate(mutant, length, dynamic, &state);
        }
        if (!np_check(mutant, length, machine, NP_LIBC_GNU, &found)) {
            refused++;
            if (memchr(found.text, '\0', sizeof(found.text)) == NULL) {
                abort();
            }
        }
        free(mutant);
    }
    return refused;
}

int
main(int argc, char **argv)
{
    static uint8_t data[1 << 23];
    FILE *file = argc == 4 ? fopen(argv[1], "rb") : NULL;
    size_t size;
    uint64_t count, refused;

    if (file == NULL) {
        fprintf(stderr, "usage: check_fuzz FILE SEED COUNT\n");
        return 2;
    }
    size = fread(data, 1, sizeof(data), file);
    fclose(file);
    if (size < sizeof(Elf64_Ehdr)) {
        fprintf(stderr, "check_fuzz: %s is no ELF file\n", argv[1]);
        return 2;
    }
    count = strtoull(argv[3], NULL, 10);
    refused = check_mutants(data, size, strtoull(argv[2], NULL, 10), count);
    printf("%" PRIu64 " %" PRIu64 "\n", refused, count - refused);
    return 0;
}
