/* timing.h -- the process environment under which times mean something. */
#ifndef JC_CLI_TIMING_H
#define JC_CLI_TIMING_H

/* OpenMP's threads must wait actively between layers, and the fits' linear algebra must not start
 * threads of its own. Both libraries read the environment when they are loaded, so the program
 * starts itself once more with it. What the user has set stays. Returns if there is nothing to
 * change or starting again fails: times are then noisier, and the samples' CPU times show it. */
void timing_prepare(char *const *argv);

#endif
