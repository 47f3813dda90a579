/* process_tree.h -- the processes that descend from this one: their CPU time, and signals to all.
 *
 *   struct jc_tree tree;
 *   jc_tree_open(&tree);                 once, before the first child
 *   ... fork, run ...
 *   cpu_s = jc_tree_cpu_s(&tree, INFINITY);
 *   jc_tree_signal(SIGTERM);
 *   jc_tree_close(&tree);
 *
 * With PR_SET_CHILD_SUBREAPER, which jc_tree_open() sets, a daemon whose parents ended becomes a
 * child of this process and stays in the tree, whatever group or session it moved to.
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
#include <stdint.h>
#include <sys/types.h>

struct jc_tree {
  pthread_mutex_t mutex; /* guards the rest */
  double cpu_s;          /* as last seen; never falls */
  double looked_s;       /* when, monotonic; 0: never */
  double cost_s;         /* of that look */
};

/* Descendants stay descendants from now on. */
void jc_tree_open(struct jc_tree *tree);

void jc_tree_close(struct jc_tree *tree);

/* CPU seconds of all descendants, dead or alive, since this process began, as they were at the last
 * look. Looks again if that was AGE_S ago (0: in any case; INFINITY: when it costs little, see
 * above). From any thread. */
double jc_tree_cpu_s(struct jc_tree *tree, double age_s);

/* The living descendants: COUNT of them are returned, PIDS filled as far as CAPACITY goes. */
uint32_t jc_tree_list(pid_t *pids, uint32_t capacity);

/* Sends SIGNAL to every living descendant; returns how many there were. One that forks meanwhile is
 * seen the next time: repeat until 0. */
uint32_t jc_tree_signal(int signal);

#endif
