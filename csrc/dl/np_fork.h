/* np_fork.h: calls of the dynamic loader and fork(2) exclude each other.
 *
 * glibc's loader has a lock of its own for its list of objects, which fork
 * does not put in order: a child in which another thread of the parent held it
 * waits for ever at its own dlopen. Such calls run without the GIL here, so
 * os.fork() could come between. Python calls np_fork_* around it. */
#ifndef NATIVEPLUG_NP_FORK_H
#define NATIVEPLUG_NP_FORK_H

/* Begin, and end, a call of the loader: the first waits for forks under way,
 * though not for ever. Calls may lie within each other, as where a constructor
 * loads something. [no gil] */
void np_loader_enter(void);
void np_loader_leave(const int *unused);

/* The rest of the block is a call of the loader. */
#define NP_IN_LOADER                                                \
    __attribute__((cleanup(np_loader_leave))) const int in_loader = \
        (np_loader_enter(), 0);                                     \
    (void)in_loader

/* Before fork: wait for the loader's calls in other threads, though not for
 * ever, as a constructor may; none begins before the fork is over. [no gil] */
void np_fork_before(void);
/* After fork, also one that has failed, in the parent; and in the child, which
 * has one thread. [no gil] */
void np_fork_in_parent(void);
void np_fork_in_child(void);

#endif
