/* np_spawn.h: a process of its own for what may end the one that it is in.
 * (Not spawn.h: that is the system's.) */
#ifndef NATIVEPLUG_NP_SPAWN_H
#define NATIVEPLUG_NP_SPAWN_H

/* Start *program* in a session of its own. The child has the *count*
 * descriptors as 0, 1, 2 ... and no others, the signals as they are by
 * default, and none of them blocked. argv and envp end with NULL; all is
 * borrowed. Returns 0 with the child's *pid*, or an errno. [no gil] */
int np_dl_spawn(const char *program, char **argv, char **envp,
                const int *descriptors, int count, int *pid);

#endif
