/* timing.h -- the process environment under which times mean something. */
#ifndef JC_CLI_TIMING_H
#define JC_CLI_TIMING_H

/* OpenMP's threads must stay on their CPUs and wait actively between layers, and the fits' linear
 * algebra must not start threads of its own. Both libraries read the environment when they are
 * loaded, so the program starts itself once more with it. What the user has set stays. Returns in
 * the second process, or if starting again fails: times are then noisier, and the samples' CPU
 * times show it. The calling thread is then bound to no CPU, so that all are counted. */
void timing_prepare(char *const *argv);

#endif
