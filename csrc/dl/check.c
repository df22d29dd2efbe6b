/* check.c: the structural check begins here; see check.h. ELF header,
 * and how addresses are found in the file. */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>

bool
np_find(struct np_check *check, uint64_t offset, const char *format, ...)
{
    va_list values;

    check->found->offset = offset;
    va_start(values, format);
    vsnprintf(check->found->text, NP_FINDING_SIZE, format, values);
    va_end(values);
    return false;
}

bool
np_spend(struct np_check *check, uint64_t steps, const char *what)
{
    check->work += steps;
    if (check->work > 4 * (uint64_t)check->size) {
        return np_find(check, 0, "damaged: %s never end", what);
    }
    return true;
}

const struct np_load *
np_load_at(const struct np_check *check, uint64_t address, uint64_t length)
{
    for (size_t at = 0; at < check->load_count; at++) {
        const struct np_load *load = &check->loads[at];

        if (address >= load->start && address <= load->end &&
            length <= load->end - address) {
            return load;
        }
    }
    return NULL;
}

bool
np_is_code(const struct np_check *check, uint64_t address)
{
    const struct np_load *load = np_load_at(check, address, 1);

    return load != NULL && (load->flags & PF_X) != 0;
}

uint64_t
np_room(const struct np_check *check, uint64_t address)
{
    for (size_t at = 0; at < check->load_count; at++) {
        const struct np_load *load = &check->loads[at];

        if (address >= load->start && address - load->start < load->size &&
            (load->flags & PF_R) != 0) {
            return load->size - (address - load->start);
        }
    }
    return 0;
}

const uint8_t *
np_bytes(const struct np_check *check, uint64_t address, uint64_t length)
{
    for (size_t at = 0; at < check->load_count; at++) {
        const struct np_load *load = &check->loads[at];
        uint64_t into = address - load->start;

        if (address >= load->start && into <= load->size &&
            length <= load->size - into && (load->flags & PF_R) != 0) {
            return check->data + load->offset + into;
        }
    }
    return NULL;
}

/* Check what e_ident must have after the magic number; glibc refuses the same
 * (elf/dl-load.c, open_verify). */
static bool
check_identity(struct np_check *check)
{
    static const uint8_t zeros[EI_NIDENT - EI_ABIVERSION];
    const unsigned char *identity = check->header.e_ident;

    if (identity[EI_CLASS] != ELFCLASS64 || identity[EI_DATA] != ELFDATA2LSB) {
        return np_find(check, EI_CLASS,
                       "damaged: not a little-endian file of 64 bit");
    }
    if (identity[EI_VERSION] != EV_CURRENT) {
        return np_find(check, EI_VERSION, "damaged: ELF version %d",
                       identity[EI_VERSION]);
    }
    if (identity[EI_OSABI] != ELFOSABI_NONE &&
        identity[EI_OSABI] != ELFOSABI_GNU) {
        return np_find(check, EI_OSABI,
                       "built for another operating system (ELF OS ABI %d)",
                       identity[EI_OSABI]);
    }
    if (memcmp(identity + EI_ABIVERSION, zeros, sizeof(zeros)) != 0) {
        return np_find(check, EI_ABIVERSION,
                       "damaged: the ELF header's padding is not zero");
    }
    return true;
}

static bool
check_header(struct np_check *check)
{
    Elf64_Ehdr *header = &check->header;

    if (check->size < sizeof(*header)) {
        return np_find(check, 0, "truncated: the ELF header ends at byte 64");
    }
    memcpy(header, check->data, sizeof(*header));
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
        return np_find(check, 0, "not an ELF file");
    }
    if (!check_identity(check)) {
        return false;
    }
    if (header->e_type != ET_DYN || header->e_machine != check->machine) {
        return np_find(check, offsetof(Elf64_Ehdr, e_type),
                       "not a shared object for this machine");
    }
    if (header->e_version != EV_CURRENT) {
        return np_find(check, offsetof(Elf64_Ehdr, e_version),
                       "damaged: ELF version %u", header->e_version);
    }
    if (header->e_ehsize != sizeof(*header)) {
        return np_find(check, offsetof(Elf64_Ehdr, e_ehsize),
                       "damaged: an ELF header of %d bytes", header->e_ehsize);
    }
    return true;
}

/* Look for what would harm or mislead ld.so in a file of *size* bytes, which
 * is for *machine* (e_machine) and *libc*. Returns true when there is nothing;
 * otherwise *found* has the first finding. [no gil] */
bool
np_check(const uint8_t *data, size_t size, int machine, int libc,
         struct np_finding *found)
{
    struct np_check check = {
        .data = data,
        .size = size,
        .machine = machine,
        .libc = (enum np_libc)libc,
        .found = found,
    };

    return check_header(&check) && np_check_segments(&check) &&
           np_check_dynamic(&check) && np_check_names(&check) &&
           np_check_needed(&check) && np_check_versions(&check) &&
           np_check_symbols(&check) && np_find_called(&check) &&
           np_check_relocations(&check) && np_check_called(&check);
}
