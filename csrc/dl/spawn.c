/* spawn.c: start a program, as far as nothing of this process goes along.
 *
 * By posix_spawn(3), not fork(2): it runs none of this process's code in the
 * child, copies no page tables, and needs no lock that another thread may
 * hold. Nothing is kept here: the caller owns the descriptors, and reaps.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* POSIX_SPAWN_SETSID, posix_spawn_..._addclosefrom_np */
#endif
#include "np_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <unistd.h>

enum {
    MOST = 8, /* descriptors that a child is given */
};

/* posix_spawn_file_actions_addclosefrom_np(3) is there since glibc 2.34; musl
 * has none. Without it a child keeps what this process, unlike Python, has
 * opened without O_CLOEXEC. */
#if defined(__GLIBC__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 34)
#define HAVE_CLOSEFROM 1
#endif
#endif

/* Say in *actions* that *copies* become 0, 1, 2 ... and all others are closed.
 * Returns 0 or an errno. [no gil] */
static int
place(posix_spawn_file_actions_t *actions, const int *copies, int count)
{
    for (int at = 0; at < count; at++) {
        int error = posix_spawn_file_actions_adddup2(actions, copies[at], at);

        if (error != 0) {
            return error;
        }
    }
#ifdef HAVE_CLOSEFROM
    return posix_spawn_file_actions_addclosefrom_np(actions, count);
#else
    return 0;
#endif
}

/* Say in *attributes* that the child leads a session, and has no signal
 * ignored or blocked: what Python ignores (SIGPIPE), it would go on ignoring.
 * Returns 0 or an errno. [no gil] */
static int
set_apart(posix_spawnattr_t *attributes)
{
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    sigset_t all, none;
    int error;

    sigfillset(&all);
    sigemptyset(&none);
#ifdef POSIX_SPAWN_SETSID
    flags |= POSIX_SPAWN_SETSID;
#else
    flags |= POSIX_SPAWN_SETPGROUP; /* to a group of its own, which is 0 */
#endif
    error = posix_spawnattr_setflags(attributes, flags);
    if (error == 0) {
        error = posix_spawnattr_setsigdefault(attributes, &all);
    }
    return error != 0 ? error : posix_spawnattr_setsigmask(attributes, &none);
}

/* Start *program* with *copies* as its descriptors. Returns 0 or an errno.
 * [no gil] */
static int
spawn(const char *program, char **argv, char **envp, const int *copies,
      int count, int *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t child = 0;
    int error = posix_spawn_file_actions_init(&actions);

    if (error != 0) {
        return error;
    }
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        error = place(&actions, copies, count);
        error = error != 0 ? error : set_apart(&attributes);
        error = error != 0 ? error
                           : posix_spawn(&child, program, &actions,
                                         &attributes, argv, envp);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    *pid = (int)child;
    return error;
}

int
np_dl_spawn(const char *program, char **argv, char **envp,
            const int *descriptors, int count, int *pid)
{
    int copies[MOST];
    int made = 0, error = count > MOST ? EINVAL : 0;

    /* To numbers above those that they get: none may be overwritten before it
     * has been copied itself. */
    while (error == 0 && made < count) {
        copies[made] = fcntl(descriptors[made], F_DUPFD_CLOEXEC, MOST);
        error = copies[made] < 0 ? errno : 0;
        made += error == 0;
    }
    if (error == 0) {
        error = spawn(program, argv, envp, copies, count, pid);
    }
    while (made > 0) {
        close(copies[--made]);
    }
    return error;
}
