/* memory.c -- placing buffers by lifetime, largest first. */
#include "trainer/memory.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGNMENT = 64, HUGE_PAGE_BYTES = 2 * 1024 * 1024 };

uint32_t jc_memory_add(struct jc_memory *memory, size_t bytes, struct jc_error *error) {
  if (jc_error_is_set(error))
    return 0;
  if (memory->count == memory->capacity) {
    const uint32_t capacity = 64 + 2 * memory->capacity;
    struct jc_buffer *buffers = realloc(memory->buffers, capacity * sizeof(*buffers));
    if (buffers == NULL) {
      (void)jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
      return 0;
    }
    memory->buffers = buffers;
    memory->capacity = capacity;
  }
  const uint32_t buffer = memory->count++;
  memory->buffers[buffer] = (struct jc_buffer){
      .bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT,
      .alias = buffer,
      .first = UINT32_MAX,
      .last = 0,
  };
  return buffer;
}

static struct jc_buffer *root_of(const struct jc_memory *memory, uint32_t buffer) {
  while (memory->buffers[buffer].alias != buffer)
    buffer = memory->buffers[buffer].alias;
  return &memory->buffers[buffer];
}

static void widen(struct jc_buffer *buffer, uint32_t first, uint32_t last) {
  if (first < buffer->first)
    buffer->first = first;
  if (last > buffer->last)
    buffer->last = last;
}

void jc_memory_alias(struct jc_memory *memory, uint32_t buffer, uint32_t target) {
  struct jc_buffer *from = root_of(memory, buffer), *to = root_of(memory, target);
  if (from == to)
    return;
  from->alias = (uint32_t)(to - memory->buffers);
  widen(to, from->first, from->last);
  to->kept = to->kept || from->kept;
}

void jc_memory_use(struct jc_memory *memory, uint32_t buffer, uint32_t time) {
  if (buffer < memory->count)
    widen(root_of(memory, buffer), time, time);
}

void jc_memory_keep(struct jc_memory *memory, uint32_t buffer) {
  if (buffer >= memory->count)
    return;
  root_of(memory, buffer)->kept = true;
  jc_memory_use(memory, buffer, 0);
}

static bool needs_place(const struct jc_memory *memory, uint32_t buffer) {
  const struct jc_buffer *b = &memory->buffers[buffer];
  return b->alias == buffer && b->first <= b->last && b->bytes > 0;
}

static bool overlap_in_time(const struct jc_buffer *a, const struct jc_buffer *b) {
  return a->first <= b->last && b->first <= a->last;
}

static int larger_first(const void *left, const void *right) {
  const struct jc_buffer *a = *(struct jc_buffer *const *)left;
  const struct jc_buffer *b = *(struct jc_buffer *const *)right;
  if (a->bytes != b->bytes)
    return a->bytes < b->bytes ? 1 : -1;
  return a < b ? -1 : a > b; /* the same plan every time */
}

/* Lowest gap that fits, among the PLACED buffers (by rising offset) alive at the same time. */
static size_t lowest_gap(const struct jc_buffer *buffer, struct jc_buffer *const *placed,
                         size_t count) {
  size_t offset = 0;
  for (size_t i = 0; i < count; i++) {
    if (!overlap_in_time(buffer, placed[i]))
      continue;
    if (placed[i]->offset >= offset + buffer->bytes)
      break;
    if (placed[i]->offset + placed[i]->bytes > offset)
      offset = placed[i]->offset + placed[i]->bytes;
  }
  return offset;
}

/* Largest first, each at its lowest gap: within a few per cent of the most bytes alive at once.
 * SORTED holds the COUNT buffers by falling size and is put in order of offset as they are placed.
 * Returns the bytes needed. */
static size_t place_by_lifetime(struct jc_buffer **sorted, size_t count) {
  size_t bytes = 0;
  for (size_t done = 0; done < count; done++) {
    struct jc_buffer *buffer = sorted[done];
    buffer->offset = lowest_gap(buffer, sorted, done);
    if (buffer->offset + buffer->bytes > bytes)
      bytes = buffer->offset + buffer->bytes;
    size_t at = done;
    for (; at > 0 && sorted[at - 1]->offset > buffer->offset; at--)
      sorted[at] = sorted[at - 1];
    sorted[at] = buffer;
  }
  return bytes;
}

static size_t place_kept(struct jc_memory *memory) {
  size_t bytes = 0;
  for (uint32_t i = 0; i < memory->count; i++) {
    if (needs_place(memory, i) && memory->buffers[i].kept) {
      memory->buffers[i].offset = bytes;
      bytes += memory->buffers[i].bytes;
    }
  }
  return bytes;
}

size_t jc_memory_of_machine(void) {
  const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
  return pages > 0 && page_bytes > 0 ? (size_t)pages * (size_t)page_bytes : SIZE_MAX;
}

/* Fresh pages are zero and cost nothing until they are touched. */
static enum jc_status map_arena(struct jc_memory *memory, struct jc_error *error) {
  if (memory->arena_bytes <= jc_memory_of_machine()) {
    memory->mapped_bytes = memory->arena_bytes + HUGE_PAGE_BYTES;
    memory->mapped = mmap(NULL, memory->mapped_bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory->mapped != MAP_FAILED) {
      const uintptr_t start = (uintptr_t)memory->mapped;
      memory->arena = (unsigned char *)memory->mapped + (-start & (HUGE_PAGE_BYTES - 1));
      /* Fewer page faults and misses of the address cache; refused where there are none. */
      (void)madvise(memory->arena, memory->arena_bytes, MADV_HUGEPAGE);
      return JC_OK;
    }
    memory->mapped = NULL;
  }
  return jc_fail(error, JC_ERROR_STORAGE, 0, NULL,
                 "training needs %.2f GB of memory, this machine has %.2f GB; try a smaller batch",
                 (double)memory->arena_bytes * 1e-9, (double)jc_memory_of_machine() * 1e-9);
}

enum jc_status jc_memory_place(struct jc_memory *memory, struct jc_error *error) {
  if (jc_error_is_set(error))
    return error->status;
  struct jc_buffer **sorted = malloc((memory->count + 1) * sizeof(struct jc_buffer *));
  if (sorted == NULL)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
  const size_t kept_bytes = memory->kept_bytes = place_kept(memory);
  size_t count = 0;
  for (uint32_t i = 0; i < memory->count; i++)
    if (needs_place(memory, i) && !memory->buffers[i].kept)
      sorted[count++] = &memory->buffers[i];
  qsort(sorted, count, sizeof(struct jc_buffer *), larger_first);
  memory->arena_bytes = kept_bytes + place_by_lifetime(sorted, count);
  for (size_t i = 0; i < count; i++)
    sorted[i]->offset += kept_bytes;
  free(sorted);
  return map_arena(memory, error);
}

void *jc_memory_address(const struct jc_memory *memory, uint32_t buffer) {
  const struct jc_buffer *root = root_of(memory, buffer);
  return needs_place(memory, (uint32_t)(root - memory->buffers)) ? memory->arena + root->offset
                                                                 : NULL;
}

void jc_memory_free(struct jc_memory *memory) {
  free(memory->buffers);
  if (memory->mapped != NULL)
    (void)munmap(memory->mapped, memory->mapped_bytes);
  *memory = (struct jc_memory){0};
}
