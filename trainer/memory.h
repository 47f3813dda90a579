/* memory.h -- the trainer's memory: sizes and lifetimes first, then one allocation.
 *
 * A buffer lives from its first to its last use in the time of a step (forward of layer 0, 1, ...,
 * loss, backward of the last layer, ..., layer 0). Buffers whose lives do not overlap share
 * addresses. One that is kept (parameters, statistics, images) shares with none.
 */
#ifndef JC_TRAINER_MEMORY_H
#define JC_TRAINER_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "estimator/error.h"

struct jc_buffer {
  size_t bytes;
  uint32_t alias;       /* buffer whose memory this one is; itself: none */
  uint32_t first, last; /* first > last: never used */
  bool kept;
  size_t offset; /* in the arena, of a buffer that is no alias */
};

struct jc_memory {
  uint32_t count, capacity;
  struct jc_buffer *buffers;
  unsigned char *arena; /* inside the mapping, at a huge page's border */
  void *mapped;
  size_t mapped_bytes;
  size_t arena_bytes, kept_bytes;
};

/* A new buffer's number, 0 after a failure. BYTES may be 0 for one that will be an alias. */
uint32_t jc_memory_add(struct jc_memory *memory, size_t bytes, struct jc_error *error);
/* BUFFER becomes another name of TARGET, and lives as long as both. */
void jc_memory_alias(struct jc_memory *memory, uint32_t buffer, uint32_t target);
/* BUFFER is read or written at TIME. */
void jc_memory_use(struct jc_memory *memory, uint32_t buffer, uint32_t time);
/* BUFFER holds its value between steps. */
void jc_memory_keep(struct jc_memory *memory, uint32_t buffer);

/* Gives every used buffer its place and allocates the arena, zeroed. Fails with JC_ERROR_STORAGE
 * if it exceeds the machine's memory. */
enum jc_status jc_memory_place(struct jc_memory *memory, struct jc_error *error);
/* NULL for a buffer never used. */
void *jc_memory_address(const struct jc_memory *memory, uint32_t buffer);
/* Bytes of physical memory; SIZE_MAX where the system does not tell. */
size_t jc_memory_of_machine(void);

void jc_memory_free(struct jc_memory *memory);

#endif
