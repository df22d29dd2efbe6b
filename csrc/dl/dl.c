/* dl.c: the dynamic loader's calls, each together with its dlerror(3) text.
 *
 * dlerror's text belongs to the thread that made the failing call and is gone
 * with that thread's next call, so it is copied out before the C function
 * returns. A failure without a text is a case of its own: *error* is then "".
 *
 * Every function here runs without the GIL and calls no Python. Constructors
 * of the plugin run inside np_dl_open, destructors inside np_dl_close; both
 * leave the thread's floating-point environment as it was. No fork(2) of
 * Python's comes between: see np_fork.h. The caller owns the handles; nothing
 * is allocated here and nothing is kept.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr1, dlinfo */
#endif
#include <dlfcn.h>
#include <fenv.h>
#include <limits.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "np_fork.h"
#include "np_spawn.h"

enum {
    NP_DL_FOUND = 0,     /* *address is the symbol's; it may be NULL */
    NP_DL_ABSENT = 1,    /* no such symbol; *error has the loader's text */
    NP_DL_FOREIGN = 2,   /* only a dependency has it; *error is its path */
    NP_DL_PLACELESS = 3, /* *address is in no object: thread-local, absolute */
};

/* Copy *text*, cut to *size* bytes with the final NUL. */
static void
copy_text(const char *text, char *out, size_t size)
{
    snprintf(out, size, "%s", text == NULL ? "" : text);
}

/* How a thread computes: rounding, denormals (FTZ and DAZ in MXCSR, FZ in
 * FPCR), traps, and what was raised. A library that is linked with -ffast-math
 * (crtfastmath.o) or -mpc32 (crtprec32.o) has a constructor that changes it.
 */
struct float_state {
    fenv_t environment;
#ifdef __x86_64__
    uint16_t x87; /* fesetenv(3) of glibc leaves the precision as it is */
#endif
};

/* [no gil] */
static void
save_floats(struct float_state *state)
{
    (void)fegetenv(&state->environment);
#ifdef __x86_64__
    __asm__ volatile("fnstcw %0" : "=m"(state->x87));
#endif
}

/* [no gil] */
static void
restore_floats(const struct float_state *state)
{
    (void)fesetenv(&state->environment);
#ifdef __x86_64__
    __asm__ volatile("fldcw %0" : : "m"(state->x87));
#endif
}

/* Load *path* and run its constructors; NULL is the program itself. Returns a
 * handle that the caller owns, or NULL with the loader's text in *error*.
 * [no gil] */
static void *
np_dl_open(const char *path, int flags, char *error, size_t size)
{
    NP_IN_LOADER;
    struct float_state floats;
    void *handle;

    save_floats(&floats);
    handle = dlopen(path, flags);
    restore_floats(&floats);
    copy_text(handle == NULL ? dlerror() : NULL, error, size);
    return handle;
}

/* Return the link map of the object that *address* lies in, or NULL when it
 * lies in none. [no gil] */
static const struct link_map *
object_at(const void *address)
{
    Dl_info info;
    void *map = NULL;

    if (dladdr1(address, &info, &map, RTLD_DL_LINKMAP) == 0) {
        return NULL;
    }
    return map;
}

/* Find *name* in the object of *handle*. dlsym(3) searches the dependencies of
 * the object too, so what it finds is checked for whose it is. A symbol whose
 * address is NULL is found: only dlerror can tell it from an absent one.
 * Returns one of NP_DL_*. [no gil] */
static int
np_dl_symbol(void *handle, const char *name, void **address, char *error,
             size_t size)
{
    NP_IN_LOADER;
    const struct link_map *own = NULL;
    const struct link_map *owner;
    const char *text;

    copy_text(NULL, error, size);
    (void)dlerror();
    *address = dlsym(handle, name);
    if (*address == NULL) {
        text = dlerror();
        copy_text(text, error, size);
        return text == NULL ? NP_DL_FOUND : NP_DL_ABSENT;
    }
    owner = object_at(*address);
    if (owner == NULL) {
        return NP_DL_PLACELESS;
    }
    if (dlinfo(handle, RTLD_DI_LINKMAP, &own) != 0 || owner == own) {
        return NP_DL_FOUND;
    }
    copy_text(owner->l_name, error, size);
    return NP_DL_FOREIGN;
}

/* Where an object lies: its first byte, and that after its last. */
struct np_dl_span {
    uintptr_t start, end;
};

/* Find *name* where the object of *handle* lies: that is an answer without
 * dladdr, which looks at every symbol of the object. Returns 0 when
 * np_dl_symbol must tell. [no gil] */
static uintptr_t
np_dl_own_address(void *handle, const char *name,
                  const struct np_dl_span *span)
{
    NP_IN_LOADER;
    uintptr_t address = (uintptr_t)dlsym(handle, name);

    return address >= span->start && address < span->end ? address : 0;
}

/* Tell which of *count* *names* a *library* exports, or one that it needs:
 * true in *found*. Returns 0 when it is not loaded. [no gil] */
static int
np_dl_exports(const char *library, const char *const *names, size_t count,
              _Bool *found)
{
    NP_IN_LOADER;
    void *handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);

    if (handle == NULL) {
        (void)dlerror();
        return 0;
    }
    for (size_t at = 0; at < count; at++) {
        found[at] = found[at] || dlsym(handle, names[at]) != NULL;
    }
    dlclose(handle);
    return 1;
}

/* What find_span looks for, and what it finds. */
struct search {
    uintptr_t address;
    const char *name;
    struct np_dl_span *span;
};

static int
find_span(struct dl_phdr_info *info, size_t size, void *data)
{
    struct search *search = data;
    struct np_dl_span *span = search->span;

    (void)size;
    if (info->dlpi_addr != search->address ||
        strcmp(info->dlpi_name, search->name) != 0) {
        return 0;
    }
    for (int at = 0; at < info->dlpi_phnum; at++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[at];
        uintptr_t start = info->dlpi_addr + part->p_vaddr;
        uintptr_t end = start + part->p_memsz;

        if (part->p_type == PT_LOAD) {
            span->start = start < span->start ? start : span->start;
            span->end = end > span->end ? end : span->end;
        }
    }
    return 1;
}

/* Tell where the object of *handle* lies; nowhere when the loader cannot.
 * [no gil] */
static void
np_dl_span(void *handle, struct np_dl_span *span)
{
    NP_IN_LOADER;
    const struct link_map *map = NULL;

    *span = (struct np_dl_span){UINTPTR_MAX, 0};
    if (dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0) {
        struct search search = {map->l_addr, map->l_name, span};

        (void)dl_iterate_phdr(find_span, &search);
    }
}

/* Let the libraries that an object needs stay, though nobody else may need
 * them: they may have started threads, as OpenMP's does. They are found by
 * their names, since they are loaded. [no gil] */
static void
keep_needed(const struct link_map *map)
{
    const ElfW(Dyn) * entry;
    uintptr_t strings = 0;

    for (entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_STRTAB) {
            strings = entry->d_un.d_ptr;
        }
    }
    if (strings < map->l_addr) { /* where the loader leaves it as it is */
        strings += map->l_addr;
    }
    for (entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_NEEDED) {
            void *needed = dlopen((const char *)strings + entry->d_un.d_val,
                                  RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);

            if (needed != NULL) {
                dlclose(needed);
            }
        }
    }
}

/* Give up *handle*: run the destructors of its object, and unmap that; what it
 * needs stays. No other object may be loaded by its name meanwhile. Returns 0
 * when the object is gone; else *error* has the loader's text, or is "" when
 * the loader has reasons of its own to keep it. [no gil] */
static int
np_dl_close(void *handle, char *error, size_t size)
{
    NP_IN_LOADER;
    char name[PATH_MAX];
    const struct link_map *map = NULL;
    struct np_dl_span span;
    struct search search = {0, name, &span};
    struct float_state floats;
    int status;

    copy_text(NULL, error, size);
    if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0) {
        copy_text(dlerror(), error, size);
        return -1;
    }
    search.address = map->l_addr;
    copy_text(map->l_name, name, sizeof name);
    keep_needed(map);
    save_floats(&floats);
    status = dlclose(handle);
    restore_floats(&floats);
    if (status != 0) {
        copy_text(dlerror(), error, size);
        return -1;
    }
    return dl_iterate_phdr(find_span, &search);
}

/* What Go is asked to call. */
static void
do_nothing(void *unused)
{
    (void)unused;
}

/* Wait until the init functions of a Go library have run: they do so in a
 * thread of its own, after dlopen has returned, and each call from C waits for
 * them. _cgo_wait_runtime_init_done alone waits for the runtime only. cgo's
 * wrappers of exports call the same three (cmd/cgo/out.go in Go's sources).
 * May never return. *handle* must stay open. [no gil] */
static void
np_dl_wait_for_go(void *handle)
{
    uintptr_t (*wait)(void);
    void (*call)(void (*)(void *), void *, int, uintptr_t);
    void (*release)(uintptr_t);
    uintptr_t context;

    {
        NP_IN_LOADER;
        *(void **)&wait = dlsym(handle, "_cgo_wait_runtime_init_done");
        *(void **)&call = dlsym(handle, "crosscall2");
        *(void **)&release = dlsym(handle, "_cgo_release_context");
    }
    if (wait != NULL && call != NULL && release != NULL) {
        context = wait();
        call(do_nothing, NULL, 0, context);
        release(context);
    }
}

/* Write the path at which the loader found the object of *handle*, cut to
 * *size* bytes. Returns 0, or -1 when the loader cannot tell. [no gil] */
static int
np_dl_path(void *handle, char *path, size_t size)
{
    NP_IN_LOADER;
    const struct link_map *map = NULL;

    if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0) {
        return -1;
    }
    copy_text(map->l_name, path, size);
    return 0;
}

/* Return the address of libc's free, whoever else has that name. [no gil] */
static void *
np_dl_free_address(void)
{
    return (void *)(size_t)free;
}
