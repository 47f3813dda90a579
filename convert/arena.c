/* arena.c -- blocks of doubling size in a list. */
#include "convert/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK = 1 << 16, LARGEST_BLOCK = 1 << 22 };

struct jc_arena_block {
  struct jc_arena_block *before;
  max_align_t data[];
};

static enum jc_status out_of_memory(const struct jc_arena *arena, struct jc_error *error) {
  if (arena->limit)
    return jc_fail(error, JC_ERROR_STORAGE, 0, NULL,
                   "the conversion needs more memory than the %zu MiB that it may take",
                   arena->limit >> 20);
  return jc_fail(error, JC_ERROR_STORAGE, 0, NULL, "out of memory");
}

void *jc_arena_take(struct jc_arena *arena, size_t count, size_t size, struct jc_error *error) {
  const size_t align = sizeof(max_align_t);
  if (count > (SIZE_MAX >> 2) / (size ? size : 1)) {
    (void)out_of_memory(arena, error);
    return NULL;
  }
  size_t bytes = (count * size + align - 1) / align * align;
  if (!arena->blocks || arena->size - arena->used < bytes) {
    size_t next = arena->size ? arena->size * 2 : FIRST_BLOCK;
    if (next > LARGEST_BLOCK)
      next = LARGEST_BLOCK;
    if (next < bytes)
      next = bytes;
    struct jc_arena_block *block = NULL;
    if (!arena->limit || arena->total + next <= arena->limit)
      block = calloc(1, sizeof *block + next);
    if (!block) {
      (void)out_of_memory(arena, error);
      return NULL;
    }
    block->before = arena->blocks;
    arena->blocks = block;
    arena->size = next;
    arena->used = 0;
    arena->total += next;
  }
  void *taken = (char *)arena->blocks->data + arena->used;
  arena->used += bytes;
  return taken;
}

char *jc_arena_copy(struct jc_arena *arena, const char *text, size_t length,
                    struct jc_error *error) {
  char *copy = jc_arena_take(arena, length + 1, 1, error);
  if (copy && length)
    memcpy(copy, text, length);
  return copy;
}

char *jc_arena_format(struct jc_arena *arena, struct jc_error *error, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  char *text = jc_arena_take(arena, (size_t)length + 1, 1, error);
  if (text) {
    va_start(arguments, format);
    (void)vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
  }
  return text;
}

void jc_arena_free(struct jc_arena *arena) {
  while (arena->blocks) {
    struct jc_arena_block *block = arena->blocks;
    arena->blocks = block->before;
    free(block);
  }
  *arena = (struct jc_arena){0};
}
