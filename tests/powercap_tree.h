/* powercap_tree.h -- for tests: copies of fixture machines, counters that advance, the simulator.
 *
 * A copy lives in a folder of its own under /tmp, which tree_remove() deletes. Counts are written
 * in place and in fixed width, so that a meter never reads half a number.
 */
#ifndef JC_TESTS_POWERCAP_TREE_H
#define JC_TESTS_POWERCAP_TREE_H

#include <criterion/criterion.h>

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef TEST_SOURCE_DIR
#define TEST_SOURCE_DIR "."
#endif
#ifndef TEST_BINARY_DIR
#define TEST_BINARY_DIR "."
#endif

enum { TREE_PATH = 512 };

/* A machine in a temporary folder. */
struct tree {
  char root[TREE_PATH];     /* stands for / */
  char powercap[TREE_PATH]; /* root/sys/class/powercap */
};

static inline void tree_join(char *path, const char *folder, const char *name) {
  int length = snprintf(path, TREE_PATH, "%s/%s", folder, name);
  cr_assert(length > 0 && length < TREE_PATH, "path too long");
}

static inline void tree_copy_file(const char *from, const char *to) {
  char buffer[4096];
  FILE *in = fopen(from, "rb");
  FILE *out = fopen(to, "wb");
  cr_assert(in != NULL && out != NULL, "cannot copy %s", from);
  size_t length = fread(buffer, 1, sizeof buffer, in);
  cr_assert(length < sizeof buffer && fwrite(buffer, 1, length, out) == length);
  (void)fclose(in);
  (void)fclose(out);
}

static inline void tree_copy_folder(const char *from, const char *to) {
  char source[TREE_PATH];
  char target[TREE_PATH];
  (void)mkdir(to, 0755);
  DIR *directory = opendir(from);
  cr_assert(directory != NULL, "no folder %s", from);
  const struct dirent *entry;
  while ((entry = readdir(directory)) != NULL) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
      struct stat status;
      tree_join(source, from, entry->d_name);
      tree_join(target, to, entry->d_name);
      cr_assert(stat(source, &status) == 0);
      if (S_ISDIR(status.st_mode)) {
        tree_copy_folder(source, target);
      } else {
        tree_copy_file(source, target);
      }
    }
  }
  (void)closedir(directory);
}

/* An empty machine: only its powercap folder. */
static inline void tree_make(struct tree *tree) {
  (void)snprintf(tree->root, sizeof tree->root, "/tmp/joulecast-test-XXXXXX");
  cr_assert(mkdtemp(tree->root) != NULL);
  cr_assert(chmod(tree->root, 0755) == 0);
  static const char *const folders[] = {"sys", "sys/class", "sys/class/powercap"};
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    tree_join(tree->powercap, tree->root, folders[i]);
    cr_assert(mkdir(tree->powercap, 0755) == 0);
  }
}

/* A copy of tests/fixtures/powercap/MACHINE. */
static inline void tree_copy(struct tree *tree, const char *machine) {
  char from[TREE_PATH];
  tree_make(tree);
  tree_join(from, TEST_SOURCE_DIR "/tests/fixtures/powercap", machine);
  tree_copy_folder(from, tree->root);
}

static inline int tree_remove_entry(const char *path, const struct stat *status, int type,
                                    struct FTW *where) {
  (void)status;
  (void)type;
  (void)where;
  return remove(path);
}

static inline void tree_remove(struct tree *tree) {
  cr_assert(nftw(tree->root, tree_remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

/* Replaces the text of FILE in ZONE. */
static inline void tree_write(const struct tree *tree, const char *zone, const char *file,
                              const char *text) {
  char folder[TREE_PATH];
  char path[TREE_PATH];
  tree_join(folder, tree->powercap, zone);
  (void)mkdir(folder, 0755);
  tree_join(path, folder, file);
  FILE *out = fopen(path, "w");
  cr_assert(out != NULL && fputs(text, out) >= 0 && fclose(out) == 0);
}

/* Sets the count in FILE of the powercap folder: whole at any moment, unless the file was shorter.
 */
static inline void tree_set_file(const struct tree *tree, const char *file, uint64_t count) {
  char path[TREE_PATH];
  char text[32];
  tree_join(path, tree->powercap, file);
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  int length = snprintf(text, sizeof text, "%020llu\n", (unsigned long long)count);
  cr_assert(fd >= 0 && pwrite(fd, text, (size_t)length, 0) == length);
  (void)close(fd);
}

static inline uint64_t tree_get_file(const struct tree *tree, const char *file) {
  char path[TREE_PATH];
  unsigned long long count = 0;
  tree_join(path, tree->powercap, file);
  FILE *in = fopen(path, "r");
  cr_assert(in != NULL && fscanf(in, "%llu", &count) == 1);
  (void)fclose(in);
  return count;
}

/* The counter of ZONE. */
static inline void tree_set(const struct tree *tree, const char *zone, uint64_t count) {
  char file[TREE_PATH];
  tree_join(file, zone, "energy_uj");
  tree_set_file(tree, file, count);
}

static inline uint64_t tree_get(const struct tree *tree, const char *zone) {
  char file[TREE_PATH];
  tree_join(file, zone, "energy_uj");
  return tree_get_file(tree, file);
}

/* Makes counters advance from a thread while a meter is being opened, each by another amount, since
 * two that advance alike are one. */
struct advancer {
  const struct tree *tree;
  char files[8][64];
  size_t file_count;
  pthread_t thread;
  atomic_bool stop;
};

static inline void *advancer_run(void *argument) {
  struct advancer *advancer = argument;
  const struct timespec pause = {.tv_nsec = 2000000};
  while (!atomic_load(&advancer->stop)) {
    for (size_t i = 0; i < advancer->file_count; i++) {
      const char *file = advancer->files[i];
      tree_set_file(advancer->tree, file, tree_get_file(advancer->tree, file) + 1000 + 10 * i);
    }
    (void)nanosleep(&pause, NULL);
  }
  return NULL;
}

/* FILES, up to a NULL, with SUFFIX behind their names. */
static inline void advancer_start_with(struct advancer *advancer, const struct tree *tree,
                                       const char *const *files, const char *suffix) {
  advancer->tree = tree;
  atomic_store(&advancer->stop, false);
  for (advancer->file_count = 0; files[advancer->file_count] != NULL; advancer->file_count++) {
    cr_assert(advancer->file_count < 8);
    char *file = advancer->files[advancer->file_count];
    (void)snprintf(file, sizeof advancer->files[0], "%.40s%s", files[advancer->file_count], suffix);
    tree_set_file(tree, file, tree_get_file(tree, file)); /* of its length from now on */
  }
  cr_assert(pthread_create(&advancer->thread, NULL, advancer_run, advancer) == 0);
}

static inline void advancer_start(struct advancer *advancer, const struct tree *tree,
                                  const char *const *zones) {
  advancer_start_with(advancer, tree, zones, "/energy_uj");
}

static inline void advancer_start_files(struct advancer *advancer, const struct tree *tree,
                                        const char *const *files) {
  advancer_start_with(advancer, tree, files, "");
}

static inline void advancer_stop(struct advancer *advancer) {
  atomic_store(&advancer->stop, true);
  (void)pthread_join(advancer->thread, NULL);
}

/* Joules that the simulator of TREE has counted so far in readable zones; negative: none yet. */
static inline double simulator_known_j(const struct tree *tree) {
  char path[TREE_PATH];
  double known_j = -1;
  tree_join(path, tree->powercap, "known_j");
  FILE *in = fopen(path, "r");
  if (in != NULL) {
    if (fscanf(in, "%lf", &known_j) != 1) {
      known_j = -1;
    }
    (void)fclose(in);
  }
  return known_j;
}

/* Starts simulate_powercap on TREE, watching the calling process, with OPTIONS (up to a NULL), and
 * waits for its files. Returns its process. */
static inline pid_t simulator_start(const struct tree *tree, const char *const *options) {
  char watched[24];
  const char *arguments[24] = {"simulate_powercap", "--root", tree->powercap, "--pid", watched};
  size_t count = 5;
  (void)snprintf(watched, sizeof watched, "%ld", (long)getpid());
  for (size_t i = 0; options[i] != NULL; i++) {
    arguments[count++] = options[i];
  }
  pid_t pid = fork();
  cr_assert(pid >= 0);
  if (pid == 0) {
    (void)dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
    (void)execv(TEST_BINARY_DIR "/tests/simulate_powercap", (char *const *)(uintptr_t)arguments);
    _exit(127);
  }
  const struct timespec pause = {.tv_nsec = 10000000};
  for (int i = 0; i < 500 && simulator_known_j(tree) < 0; i++) {
    cr_assert(waitpid(pid, NULL, WNOHANG) == 0, "the simulator ended at once");
    (void)nanosleep(&pause, NULL);
  }
  cr_assert(simulator_known_j(tree) >= 0, "the simulator wrote nothing");
  return pid;
}

/* Ends it; returns its exit code. */
static inline int simulator_stop(pid_t pid) {
  int status = 0;
  (void)kill(pid, SIGTERM);
  cr_assert(waitpid(pid, &status, 0) == pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
