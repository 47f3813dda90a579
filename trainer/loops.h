/* loops.h -- own loops that several kinds share. Flat: any layout, as long as all buffers have it;
 * the zeros that fill a last block up stay zeros. */
#ifndef JC_TRAINER_LOOPS_H
#define JC_TRAINER_LOOPS_H

#include "trainer/graph.h"

/* A thread is not worth waking for fewer elements. */
enum { JC_LOOP_GRAIN = 16384 };

/* Stands for an implementation's name in jc_layer_facts. */
#define JC_LOOP_NAME "loop"

/* settings: size_t elements. address[0] = sum of address[1], address[2], ... */
void jc_loop_sum(const struct jc_loop *loop);
/* settings: size_t elements. address[0] = address[1] */
void jc_loop_copy(const struct jc_loop *loop);
/* settings: size_t elements. address[0] = 0 */
void jc_loop_zero(const struct jc_loop *loop);

/* An image falls into batch * blocks groups of pixels * block elements that lie together. */

/* Channels of GROUP that are more than padding. */
size_t jc_image_channels(const struct jc_image *image, size_t group);
/* Groups worth a thread, for jc_pool_run(). */
size_t jc_image_grain(const struct jc_image *image);

#endif
