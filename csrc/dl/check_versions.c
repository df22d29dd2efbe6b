/* check_versions.c: the versions that a file defines and requires; see
 * check.h. Drepper, "ELF Symbol Versioning".
 *
 * ld.so walks through both lists up to a "next" of 0, whatever number the
 * dynamic section gives, and takes the index of each as one into an array of
 * its own (elf/dl-version.c). That a required file is not needed is an
 * assertion there. */
#include "check.h"

uint32_t
np_elf_hash(const char *name)
{
    uint32_t hash = 0;

    for (; *name != '\0'; name++) {
        hash = (hash << 4) + (uint8_t)*name;
        hash ^= (hash >> 24) & 0xf0;
    }
    return hash & 0x0fffffff;
}

/* Note that there is a version with this index. */
static bool
add_version(struct np_check *check, uint16_t index, uint64_t at)
{
    index &= NP_VERSIONS - 1;
    if (index <= VER_NDX_LOCAL) {
        return np_find(check, at, "damaged: a version has the index 0");
    }
    check->versions[index / 8] |= (uint8_t)(1 << index % 8);
    return true;
}

/* Check the name of a version, or of a file; *hash* is NULL for a file. */
static bool
check_name(struct np_check *check, uint32_t name, const uint32_t *hash,
           uint64_t at)
{
    if (name == 0 || name >= check->strings.count) {
        return np_find(check, at,
                       "damaged: the name of a version is not in the string "
                       "table");
    }
    if (hash == NULL) {
        return true;
    }
    if (!np_spend(check, strlen(np_string(check, name)),
                  "the names of its versions")) {
        return false;
    }
    if (np_elf_hash(np_string(check, name)) != *hash) {
        return np_find(check, at,
                       "damaged: the hash of a version is not that of its "
                       "name");
    }
    return true;
}

/* Return the table at an entry's address; NULL, and a finding, when *size*
 * bytes from *into* are not in the file. */
static const uint8_t *
part_of_table(struct np_check *check, const struct np_entry *table,
              uint64_t into, size_t size)
{
    const uint8_t *part = np_bytes(check, table->value + into, size);

    if (part == NULL || into > check->size) {
        np_find(check, table->offset,
                "damaged: the table of versions is not in a segment that is "
                "loaded");
        return NULL;
    }
    return part;
}

/* Tell whether a file is among those that are needed: linkers give both names
 * one string, other tools may not. */
static bool
is_needed(struct np_check *check, uint32_t name, bool by_text)
{
    for (uint64_t index = 0; index < check->dynamic_count; index++) {
        Elf64_Dyn entry = np_dynamic(check, index, NULL);

        if (entry.d_tag == DT_NEEDED &&
            (by_text ? strcmp(np_string(check, entry.d_un.d_val),
                              np_string(check, name)) == 0
                     : entry.d_un.d_val == name)) {
            return true;
        }
    }
    return false;
}

/* Check the versions that are required of one file. */
static bool
check_required(struct np_check *check, uint64_t into, uint16_t count)
{
    const struct np_entry *table = np_tag(check, DT_VERNEED);

    for (; count > 0; count--) {
        const uint8_t *part;
        Elf64_Vernaux version;

        part = part_of_table(check, table, into, sizeof(version));
        if (part == NULL ||
            !np_spend(check, sizeof(version), "the versions it requires")) {
            return false;
        }
        memcpy(&version, part, sizeof(version));
        if (!check_name(check, version.vna_name, &version.vna_hash,
                        np_at(check, part)) ||
            !add_version(check, version.vna_other, np_at(check, part))) {
            return false;
        }
        if ((version.vna_next == 0) != (count == 1)) {
            return np_find(check, np_at(check, part),
                           "damaged: the list of required versions has "
                           "another length than it says");
        }
        into += version.vna_next;
    }
    return true;
}

/* Check a file of which versions are required. */
static bool
check_file(struct np_check *check, const Elf64_Verneed *file, uint64_t at)
{
    if (file->vn_version != VER_NEED_CURRENT) {
        return np_find(check, at, "damaged: its versions have the format %d",
                       file->vn_version);
    }
    if (!check_name(check, file->vn_file, NULL, at) ||
        !np_spend(check, check->dynamic_count, "the versions it requires")) {
        return false;
    }
    /* ld.so looks for the name as it stands here, and asserts to find it. */
    if (np_is_expanded(np_string(check, file->vn_file))) {
        return np_find(check, at,
                       "damaged: it requires versions of a file whose name "
                       "the dynamic loader expands");
    }
    if (file->vn_cnt != 0 && is_needed(check, file->vn_file, false)) {
        return true;
    }
    if (!np_spend(check,
                  check->dynamic_count *
                      strlen(np_string(check, file->vn_file)),
                  "the versions it requires")) {
        return false;
    }
    if (file->vn_cnt == 0 || !is_needed(check, file->vn_file, true)) {
        return np_find(check, at,
                       "damaged: it requires versions of a file that it does "
                       "not need");
    }
    return true;
}

static bool
check_requirements(struct np_check *check)
{
    const struct np_entry *table = np_tag(check, DT_VERNEED);
    uint64_t count = np_tag(check, DT_VERNEEDNUM)->value;
    uint64_t into = 0;

    for (; count > 0; count--) {
        const uint8_t *part;
        Elf64_Verneed file;

        part = part_of_table(check, table, into, sizeof(file));
        if (part == NULL) {
            return false;
        }
        memcpy(&file, part, sizeof(file));
        if (!check_file(check, &file, np_at(check, part)) ||
            !check_required(check, into + file.vn_aux, file.vn_cnt)) {
            return false;
        }
        if ((file.vn_next == 0) != (count == 1)) {
            return np_find(check, np_at(check, part),
                           "damaged: the list of required versions has "
                           "another length than it says");
        }
        into += file.vn_next;
    }
    return true;
}

/* Check a version that is defined; *into* is where in the table it is. */
static bool
check_definition(struct np_check *check, const Elf64_Verdef *version,
                 uint64_t into, uint64_t at)
{
    const struct np_entry *table = np_tag(check, DT_VERDEF);
    const uint8_t *part;

    if (version->vd_version != VER_DEF_CURRENT || version->vd_cnt == 0) {
        return np_find(check, at, "damaged: its versions have the format %d",
                       version->vd_version);
    }
    part = part_of_table(check, table, into + version->vd_aux,
                         sizeof(Elf64_Verdaux));
    return part != NULL &&
           check_name(check, np_u32(part), &version->vd_hash,
                      np_at(check, part)) &&
           add_version(check, version->vd_ndx, at);
}

static bool
check_definitions(struct np_check *check)
{
    const struct np_entry *table = np_tag(check, DT_VERDEF);
    uint64_t count = np_tag(check, DT_VERDEFNUM)->value;
    uint64_t into = 0;

    for (; count > 0; count--) {
        const uint8_t *part;
        Elf64_Verdef version;

        part = part_of_table(check, table, into, sizeof(version));
        if (part == NULL) {
            return false;
        }
        memcpy(&version, part, sizeof(version));
        if (!check_definition(check, &version, into, np_at(check, part))) {
            return false;
        }
        if ((version.vd_next == 0) != (count == 1)) {
            return np_find(check, np_at(check, part),
                           "damaged: the list of defined versions has "
                           "another length than it says");
        }
        into += version.vd_next;
    }
    return true;
}

/* Check that a table that is there has a first entry: ld.so reads it. */
static bool
check_counts(struct np_check *check)
{
    const struct np_entry *required = np_tag(check, DT_VERNEEDNUM);
    const struct np_entry *defined = np_tag(check, DT_VERDEFNUM);

    if (required->offset != 0 && required->value == 0) {
        return np_find(check, required->offset, "damaged: DT_VERNEEDNUM is 0");
    }
    if (defined->offset != 0 && defined->value == 0) {
        return np_find(check, defined->offset, "damaged: DT_VERDEFNUM is 0");
    }
    return true;
}

bool
np_check_versions(struct np_check *check)
{
    check->versions[0] = 1 << VER_NDX_LOCAL | 1 << VER_NDX_GLOBAL;
    return check_counts(check) && check_definitions(check) &&
           check_requirements(check);
}
