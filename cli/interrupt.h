/* interrupt.h -- Ctrl-C as a wish: finish what is in hand, then report. */
#ifndef JC_CLI_INTERRUPT_H
#define JC_CLI_INTERRUPT_H

/* From now on the first SIGINT or SIGTERM sets the flag that is returned, and nothing else; a
 * second one ends the program. */
const volatile int *interrupt_flag(void);

#endif
