/* process_tree.h -- the processes that this one has started: their CPU time, and signals to all.
 *
 *   struct jc_tree tree;
 *   jc_tree_open(&tree);                 once, before the first child
 *   ... fork, run ...
 *   cpu_s = jc_tree_cpu_s(&tree, INFINITY);
 *   jc_tree_signal(&tree, SIGTERM);
 *   while ((pid = jc_tree_reap(&tree, &status)) > 0) ...
 *   jc_tree_close(&tree);
 *
 * With PR_SET_CHILD_SUBREAPER, which jc_tree_open() sets, a daemon whose parents ended becomes a
 * child of this process and stays in the tree, whatever group or session it moved to.
 *
 * Not every descendant was started here. A shell that has children keeps them when it becomes us
 * (`sleep 9 & exec joulecast`), and process 1 of a container is given what others leave behind. Who
 * was there at jc_tree_open() (by number and start, proc(5)), began before it, or descends from one
 * of these, is foreign: neither counted, listed nor signalled, but reaped. Unknown as foreign, and
 * counted, is a process that began later and was given to us when its own parent had ended.
 *
 * CPU time is that of the children waited for (getrusage) and of all living descendants with the
 * children that they waited for (utime + stime + cutime + cstime of /proc/PID/stat, proc(5); ticks
 * of 10 ms). What a process that ignores SIGCHLD used for its children is lost when they end.
 * One look costs some microseconds a process of the machine, so that it is usually taken once in
 * 500 times what the last one took: 0.2 % of a CPU however many processes there are.
 */
#ifndef JC_CALIBRATE_PROCESS_TREE_H
#define JC_CALIBRATE_PROCESS_TREE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* One that was there before. */
struct jc_tree_foreign {
  pid_t pid;
  uint64_t start_ticks; /* since boot: a number may be used again */
};

struct jc_tree {
  uint64_t start_ticks; /* of jc_tree_open(), since boot */
  uint32_t foreign_count;
  struct jc_tree_foreign *foreign; /* NULL: none, or no memory to remember them */
  pthread_mutex_t mutex;           /* guards the rest */
  double foreign_s;                /* CPU seconds of the foreign children waited for */
  double cpu_s;                    /* as last seen; never falls */
  double looked_s;                 /* when, monotonic; 0: never */
  double cost_s;                   /* of that look */
};

/* Descendants stay descendants from now on. */
void jc_tree_open(struct jc_tree *tree);

void jc_tree_close(struct jc_tree *tree);

/* CPU seconds of all that was started here, dead or alive, from a fixed beginning (children that
 * were waited for before jc_tree_open() are in it), as they were at the last look. Looks again if
 * that was AGE_S ago (0: in any case; INFINITY: when it costs little, see above). From any thread.
 */
double jc_tree_cpu_s(struct jc_tree *tree, double age_s);

/* The living ones: their count is returned, PIDS filled as far as CAPACITY goes. */
uint32_t jc_tree_list(const struct jc_tree *tree, pid_t *pids, uint32_t capacity);

/* Sends SIGNAL to every living one; returns how many there were. One that forks meanwhile is seen
 * the next time: repeat until 0. */
uint32_t jc_tree_signal(const struct jc_tree *tree, int signal);

/* Waits for a child that has ended, foreign or not; returns its number, or 0 if none has. */
pid_t jc_tree_reap(struct jc_tree *tree, int *status);

#endif
