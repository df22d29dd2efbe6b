/* check_called.c: the functions that ld.so calls; see check.h.
 *
 * DT_INIT and DT_FINI must be code. An entry of an array that no relocation
 * fills would be called as it lies in the file, and one that two relocations
 * fill, or that something else is written to, is not what its file was linked
 * for: each has one relocation, which gives it a function. */
#include "check.h"

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

/* Find an array; its functions have the bits from *first* on. */
static bool
find_array(struct np_check *check, struct np_array *array, int64_t tag,
           int64_t size_tag, uint64_t first)
{
    const struct np_entry *start = np_tag(check, tag);

    array->start = start->value;
    array->size = np_tag(check, size_tag)->value;
    array->first = first;
    if (array->size % 8 != 0 ||
        (array->size != 0 &&
         np_bytes(check, array->start, array->size) == NULL)) {
        return np_find(check, start->offset,
                       "damaged: the functions of %s are not in a segment "
                       "that is loaded",
                       array->name);
    }
    if (first + array->size / 8 > NP_MOST_CALLED) {
        return np_find(check, start->offset, "damaged: %s has %llu functions",
                       array->name, (unsigned long long)(array->size / 8));
    }
    return true;
}

bool
np_find_called(struct np_check *check)
{
    struct np_array *first = &check->arrays[0], *last = &check->arrays[1];

    first->name = "DT_INIT_ARRAY";
    last->name = "DT_FINI_ARRAY";
    return check_called(check, DT_INIT, "DT_INIT") &&
           check_called(check, DT_FINI, "DT_FINI") &&
           find_array(check, first, DT_INIT_ARRAY, DT_INIT_ARRAYSZ, 0) &&
           find_array(check, last, DT_FINI_ARRAY, DT_FINI_ARRAYSZ,
                      first->size / 8);
}

static bool
overlaps(const struct np_array *array, uint64_t place, uint64_t length)
{
    return place < array->start + array->size && place + length > array->start;
}

bool
np_is_called(const struct np_check *check, uint64_t place, uint64_t length)
{
    return overlaps(&check->arrays[0], place, length) ||
           overlaps(&check->arrays[1], place, length);
}

static bool
fill(struct np_check *check, struct np_array *array, uint64_t place,
     enum np_given given, uint64_t at)
{
    uint64_t bit = array->first + (place - array->start) / 8;
    uint8_t *bits = &check->called[bit / 8];

    if (given == NP_OTHER || place < array->start ||
        (place - array->start) % 8 != 0) {
        return np_find(check, at,
                       "damaged: a relocation overwrites a function of %s",
                       array->name);
    }
    if (given == NP_DATA) {
        return np_find(check, at,
                       "damaged: a function of %s is not in an executable "
                       "segment",
                       array->name);
    }
    if ((*bits >> bit % 8 & 1) != 0) {
        return np_find(check, at,
                       "damaged: a function of %s is relocated twice",
                       array->name);
    }
    if (given == NP_FUNCTION) {
        *bits |= (uint8_t)(1 << bit % 8);
        array->filled++;
    }
    return true;
}

bool
np_fill(struct np_check *check, uint64_t place, uint64_t length,
        enum np_given given, uint64_t at)
{
    for (size_t which = 0; which < 2; which++) {
        struct np_array *array = &check->arrays[which];

        if (overlaps(array, place, length) &&
            !fill(check, array, place, given, at)) {
            return false;
        }
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
np_check_called(struct np_check *check)
{
    return check_filled(check, &check->arrays[0]) &&
           check_filled(check, &check->arrays[1]);
}
