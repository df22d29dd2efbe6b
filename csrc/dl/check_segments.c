/* check_segments.c: program headers; see check.h. */
#include "check.h"

/* No address of a process is higher (arch/x86/include/asm/page_64_types.h). */
#define HIGHEST ((uint64_t)1 << 47)

enum {
    MOST_ALIGNED = 1 << 20, /* what thread-local variables may be aligned to */
    NOTE_HEADER = 12,
};

static bool
check_place_of_segments(struct np_check *check)
{
    const Elf64_Ehdr *header = &check->header;
    uint64_t length = header->e_phnum * sizeof(Elf64_Phdr);

    if (header->e_phentsize != sizeof(Elf64_Phdr)) {
        return np_find(check, offsetof(Elf64_Ehdr, e_phentsize),
                       "damaged: program headers of %d bytes each",
                       header->e_phentsize);
    }
    if (header->e_phnum > NP_MOST_SEGMENTS) {
        return np_find(check, offsetof(Elf64_Ehdr, e_phnum),
                       "damaged: it has %d program headers", header->e_phnum);
    }
    if (header->e_phoff < sizeof(*header) || header->e_phoff % 8 != 0 ||
        header->e_phoff > check->size ||
        length > check->size - header->e_phoff) {
        return np_find(check, offsetof(Elf64_Ehdr, e_phoff),
                       "damaged: the program headers are at byte 0x%llx",
                       (unsigned long long)header->e_phoff);
    }
    return true;
}

static bool
is_power_of_two(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/* Check how ld.so would map a segment; *at* is where its header is. */
static bool
check_load(struct np_check *check, const Elf64_Phdr *segment, uint64_t at)
{
    if (segment->p_offset > check->size ||
        segment->p_filesz > check->size - segment->p_offset) {
        return np_find(check, at, "truncated: a segment ends after the file");
    }
    if (segment->p_filesz > segment->p_memsz) {
        return np_find(check, at,
                       "damaged: a segment has more bytes in the file than "
                       "in memory");
    }
    if (segment->p_filesz < segment->p_memsz &&
        (segment->p_flags & PF_W) == 0) {
        return np_find(check, at,
                       "damaged: a segment that is not writable has fewer "
                       "bytes in the file than in memory");
    }
    if (segment->p_vaddr > HIGHEST || segment->p_memsz > HIGHEST) {
        return np_find(check, at,
                       "damaged: a segment is too large for any process");
    }
    if (!is_power_of_two(segment->p_align) || segment->p_align < NP_PAGE ||
        (segment->p_vaddr - segment->p_offset) % segment->p_align != 0) {
        return np_find(check, at,
                       "damaged: a segment is not aligned to pages");
    }
    if ((segment->p_flags & PF_W) != 0 && (segment->p_flags & PF_X) != 0) {
        return np_find(check, at,
                       "not safe: a segment is writable and executable");
    }
    return true;
}

/* Tell whether a part of the file is in a segment already. */
static bool
is_shared(const struct np_check *check, const Elf64_Phdr *segment)
{
    for (size_t at = 0; at < check->load_count; at++) {
        const struct np_load *load = &check->loads[at];

        if (segment->p_offset < load->offset + load->size &&
            load->offset < segment->p_offset + segment->p_filesz) {
            return true;
        }
    }
    return false;
}

static bool
add_load(struct np_check *check, const Elf64_Phdr *segment, uint64_t at)
{
    const uint64_t in_page = NP_PAGE - 1;
    struct np_load *load = &check->loads[check->load_count];

    if (!check_load(check, segment, at)) {
        return false;
    }
    if (segment->p_memsz == 0) {
        return true;
    }
    if (check->load_count == NP_MOST_LOADS) {
        return np_find(check, at, "damaged: it has more than %d segments",
                       NP_MOST_LOADS);
    }
    /* Each is mapped page by page over what was mapped before. */
    if (check->load_count > 0 && (segment->p_vaddr & ~in_page) <
                                     ((load[-1].end + in_page) & ~in_page)) {
        return np_find(check, at,
                       "damaged: a segment overlaps the one before, or is "
                       "out of order");
    }
    if (is_shared(check, segment)) {
        return np_find(check, at,
                       "damaged: a segment shares bytes of the file with "
                       "another");
    }
    *load = (struct np_load){
        .start = segment->p_vaddr,
        .size = segment->p_filesz,
        .end = segment->p_vaddr + segment->p_memsz,
        .offset = segment->p_offset,
        .flags = segment->p_flags,
    };
    check->load_count++;
    return true;
}

/* Tell whether a segment is a part of one that is loaded, with its bytes at
 * the place that its header gives. */
static bool
is_loaded(const struct np_check *check, const Elf64_Phdr *segment)
{
    const uint8_t *data = np_bytes(check, segment->p_vaddr, segment->p_filesz);

    return data != NULL && np_at(check, data) == segment->p_offset;
}

static bool
check_dynamic_segment(struct np_check *check, const Elf64_Phdr *segment,
                      uint64_t at)
{
    const struct np_load *load =
        np_load_at(check, segment->p_vaddr, segment->p_filesz);

    if (check->dynamic.p_type != 0) {
        return np_find(check, at, "damaged: it has two dynamic sections");
    }
    if (load == NULL || !is_loaded(check, segment)) {
        return np_find(check, at,
                       "damaged: the dynamic section is not in a segment "
                       "that is loaded");
    }
    /* ld.so writes to it, unless its own header says otherwise. */
    if ((segment->p_flags & PF_W) != 0 && (load->flags & PF_W) == 0) {
        return np_find(check, at,
                       "damaged: the dynamic section is writable, its "
                       "segment is not");
    }
    check->dynamic = *segment;
    return true;
}

static bool
check_tls(struct np_check *check, const Elf64_Phdr *segment, uint64_t at)
{
    if (check->tls.p_type != 0) {
        return np_find(check, at,
                       "damaged: it has two segments of thread-local "
                       "variables");
    }
    if (segment->p_filesz > segment->p_memsz ||
        (segment->p_filesz != 0 && !is_loaded(check, segment))) {
        return np_find(check, at,
                       "damaged: the values of its thread-local variables "
                       "are not in a segment that is loaded");
    }
    if (segment->p_memsz > UINT32_MAX || segment->p_align > MOST_ALIGNED ||
        !is_power_of_two(segment->p_align)) { /* ld.so divides by it */
        return np_find(check, at,
                       "damaged: no thread could have its thread-local "
                       "variables");
    }
    check->tls = *segment;
    return true;
}

/* Check what ld.so makes read-only after relocation: whole pages, which may
 * reach to the end of the last page of their segment. mold may leave their
 * place in the file out; nobody needs it. */
static bool
check_relro(struct np_check *check, const Elf64_Phdr *segment, uint64_t at)
{
    const uint64_t in_page = NP_PAGE - 1;
    const struct np_load *load = np_load_at(check, segment->p_vaddr, 0);

    if (load == NULL || (load->flags & PF_W) == 0 ||
        (segment->p_offset != 0 &&
         segment->p_offset - load->offset != segment->p_vaddr - load->start) ||
        segment->p_memsz >
            ((load->end + in_page) & ~in_page) - segment->p_vaddr) {
        return np_find(check, at,
                       "damaged: what is read-only after relocation is not "
                       "in a writable segment");
    }
    return true;
}

/* Check a note that ends inside its segment. Of one with properties ld.so
 * reads the first before it looks whether there is any. */
static bool
check_note(struct np_check *check, const uint8_t *note)
{
    const Elf64_Nhdr kind = {4, 0, NT_GNU_PROPERTY_TYPE_0};
    uint32_t size = np_u32(note + 4);

    if (np_u32(note) == kind.n_namesz && np_u32(note + 8) == kind.n_type &&
        memcmp(note + NOTE_HEADER, "GNU", 4) == 0 &&
        (size < 8 || size % 8 != 0)) {
        return np_find(check, np_at(check, note),
                       "damaged: a note with properties has %u bytes",
                       (unsigned)size);
    }
    return true;
}

/* Check notes, through which ld.so walks by the sizes that they have. */
static bool
check_notes(struct np_check *check, const Elf64_Phdr *segment, uint64_t at)
{
    uint64_t align = segment->p_align == 8 ? 8 : 4;
    uint64_t place = 0;

    /* ld.so takes their size in memory, others that in the file. */
    if (segment->p_memsz != segment->p_filesz || !is_loaded(check, segment)) {
        return np_find(check, at,
                       "damaged: its notes are not in a segment that is "
                       "loaded");
    }
    while (segment->p_filesz - place >= NOTE_HEADER) {
        const uint8_t *note = check->data + segment->p_offset + place;
        uint64_t name = NOTE_HEADER + (uint64_t)np_u32(note);
        uint64_t end = (name + align - 1) / align * align + np_u32(note + 4);

        if (end > segment->p_filesz - place) {
            return np_find(check, np_at(check, note),
                           "damaged: a note ends after its segment");
        }
        if (!check_note(check, note)) {
            return false;
        }
        end = (end + align - 1) / align * align;
        place +=
            end < segment->p_filesz - place ? end : segment->p_filesz - place;
    }
    return true;
}

/* Check the program headers that the unwinder and debuggers find. */
static bool
check_own_place(struct np_check *check, const Elf64_Phdr *segment, uint64_t at)
{
    if (segment->p_offset != check->header.e_phoff ||
        segment->p_filesz != check->header.e_phnum * sizeof(Elf64_Phdr) ||
        !is_loaded(check, segment)) {
        return np_find(check, at,
                       "damaged: the program headers are not where they say");
    }
    return true;
}

/* Check what the file wants of stacks. Where it says nothing, glibc takes it
 * for a file from before there was a choice (sysdeps/x86_64/stackinfo.h). */
static bool
check_stack(struct np_check *check, const Elf64_Phdr *segment, uint64_t at)
{
    check->has_stack = true;
    if ((segment->p_flags & PF_X) != 0) {
        return np_find(check, at,
                       "not safe: it asks for an executable stack: link it "
                       "with -z noexecstack");
    }
    return true;
}

/* Check a segment that is a part of others, or none. */
static bool
check_segment(struct np_check *check, const Elf64_Phdr *segment, uint64_t at)
{
    switch (segment->p_type) {
    case PT_DYNAMIC:
        return check_dynamic_segment(check, segment, at);
    case PT_TLS:
        return segment->p_memsz == 0 || check_tls(check, segment, at);
    case PT_GNU_RELRO:
        return segment->p_memsz == 0 || check_relro(check, segment, at);
    case PT_NOTE:
    case PT_GNU_PROPERTY:
        return segment->p_memsz == 0 || check_notes(check, segment, at);
    case PT_GNU_EH_FRAME:
        if (segment->p_filesz != 0 && !is_loaded(check, segment)) {
            return np_find(check, at,
                           "damaged: its unwind table is not in a segment "
                           "that is loaded");
        }
        return true;
    case PT_PHDR:
        return check_own_place(check, segment, at);
    case PT_GNU_STACK:
        return check_stack(check, segment, at);
    case PT_INTERP:
        return np_check_interpreter(check, segment);
    default:
        return true;
    }
}

/* Visit the program headers: those to load, or the others. */
static bool
each_segment(struct np_check *check, bool loads)
{
    uint64_t at = check->header.e_phoff;

    for (int left = check->header.e_phnum; left > 0; left--) {
        Elf64_Phdr segment;

        memcpy(&segment, check->data + at, sizeof(segment));
        if ((segment.p_type == PT_LOAD) == loads) {
            if (!(loads ? add_load : check_segment)(check, &segment, at)) {
                return false;
            }
        }
        at += sizeof(segment);
    }
    return true;
}

bool
np_check_segments(struct np_check *check)
{
    if (!check_place_of_segments(check) || !each_segment(check, true) ||
        !each_segment(check, false)) {
        return false;
    }
    if (check->load_count == 0 || check->dynamic.p_type == 0) {
        return np_find(check, offsetof(Elf64_Ehdr, e_phnum),
                       "not a shared object: it has no dynamic section");
    }
    if (!check->has_stack) {
        return np_find(check, check->header.e_phoff,
                       "not safe: it lacks PT_GNU_STACK, and so gets an "
                       "executable stack: link it with -z noexecstack");
    }
    return true;
}
