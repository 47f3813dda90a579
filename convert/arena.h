/* arena.h -- memory of one conversion: taken piece by piece, given back at once. Internal. */
#ifndef JC_CONVERT_ARENA_H
#define JC_CONVERT_ARENA_H

#include <stddef.h>

#include "estimator/error.h"

struct jc_arena_block;

/* Zeroed before use. */
struct jc_arena {
  struct jc_arena_block *blocks;
  size_t used, size; /* of the newest block, in bytes */
  size_t total;      /* bytes taken from the heap */
  size_t limit;      /* `total` never exceeds it; 0: none */
};

/* COUNT zeroed items of SIZE bytes, aligned for anything; COUNT 0 gives a valid pointer. NULL and
 * JC_ERROR_STORAGE if memory, or the limit, is exhausted. */
void *jc_arena_take(struct jc_arena *arena, size_t count, size_t size, struct jc_error *error);

/* LENGTH bytes of TEXT and a NUL. */
char *jc_arena_copy(struct jc_arena *arena, const char *text, size_t length,
                    struct jc_error *error);

/* printf into the arena. */
__attribute__((format(printf, 3, 4))) char *
jc_arena_format(struct jc_arena *arena, struct jc_error *error, const char *format, ...);

void jc_arena_free(struct jc_arena *arena);

#endif
