/* onnx_ops.h -- the handlers of operators, and what they lend each other. Internal. */
#ifndef JC_CONVERT_ONNX_OPS_H
#define JC_CONVERT_ONNX_OPS_H

#include "convert/onnx_lower.h"

/* onnx_ops_product.c */
enum jc_status jc_op_conv(struct jc_lowering *l);
enum jc_status jc_op_conv_transpose(struct jc_lowering *l);
enum jc_status jc_op_gemm(struct jc_lowering *l);
enum jc_status jc_op_matmul(struct jc_lowering *l);
enum jc_status jc_op_einsum(struct jc_lowering *l);

/* onnx_ops_pointwise.c */
enum jc_status jc_op_unary(struct jc_lowering *l); /* of the table's kind; no fields */
enum jc_status jc_op_alpha(struct jc_lowering *l); /* LeakyRelu, Elu, Celu */
enum jc_status jc_op_softmax(struct jc_lowering *l);
enum jc_status jc_op_gelu(struct jc_lowering *l);
enum jc_status jc_op_hard_sigmoid(struct jc_lowering *l);
enum jc_status jc_op_prelu(struct jc_lowering *l);
enum jc_status jc_op_clip(struct jc_lowering *l);
enum jc_status jc_op_pow(struct jc_lowering *l);
enum jc_status jc_op_arithmetic(struct jc_lowering *l); /* of the table's kind; broadcasting */
enum jc_status jc_op_where(struct jc_lowering *l);
enum jc_status jc_op_compare(struct jc_lowering *l); /* constants only; gives booleans */
enum jc_status jc_op_constant_only(struct jc_lowering *l);
enum jc_status jc_op_dropout(struct jc_lowering *l);
enum jc_status jc_op_identity(struct jc_lowering *l);
enum jc_status jc_op_cast(struct jc_lowering *l);
enum jc_status jc_op_trilu(struct jc_lowering *l);

/* OUT = A KIND B, broadcasting; a constant with one element makes it a `scale`. */
enum jc_status jc_add_values(struct jc_lowering *l, const char *kind, struct jc_value *a,
                             struct jc_value *b, struct jc_value *out);

/* onnx_ops_norm.c */
enum jc_status jc_op_batch_norm(struct jc_lowering *l);
enum jc_status jc_op_layer_norm(struct jc_lowering *l);
enum jc_status jc_op_instance_norm(struct jc_lowering *l);
enum jc_status jc_op_group_norm(struct jc_lowering *l);
enum jc_status jc_op_lp_norm(struct jc_lowering *l);

/* onnx_ops_pool.c */
enum jc_status jc_op_pool(struct jc_lowering *l);
enum jc_status jc_op_global_pool(struct jc_lowering *l);
enum jc_status jc_op_resize(struct jc_lowering *l);
enum jc_status jc_op_pad(struct jc_lowering *l);
enum jc_status jc_op_reduce(struct jc_lowering *l);
enum jc_status jc_op_depth_space(struct jc_lowering *l);

/* onnx_ops_shape.c */
enum jc_status jc_op_reshape(struct jc_lowering *l);
enum jc_status jc_op_flatten(struct jc_lowering *l);
enum jc_status jc_op_squeeze(struct jc_lowering *l);
enum jc_status jc_op_unsqueeze(struct jc_lowering *l);
enum jc_status jc_op_transpose(struct jc_lowering *l);
enum jc_status jc_op_expand(struct jc_lowering *l);
enum jc_status jc_op_tile(struct jc_lowering *l);

/* onnx_ops_select.c */
enum jc_status jc_op_concat(struct jc_lowering *l);
enum jc_status jc_op_split(struct jc_lowering *l);
enum jc_status jc_op_slice(struct jc_lowering *l);
enum jc_status jc_op_gather(struct jc_lowering *l);
enum jc_status jc_op_scatter(struct jc_lowering *l);

/* onnx_ops_constant.c */
enum jc_status jc_op_constant(struct jc_lowering *l);
enum jc_status jc_op_shape(struct jc_lowering *l);
enum jc_status jc_op_size(struct jc_lowering *l);
enum jc_status jc_op_constant_of_shape(struct jc_lowering *l);
enum jc_status jc_op_range(struct jc_lowering *l);

/* OUT is IN with dimension i of OUT being dimension order[i] of IN. */
enum jc_status jc_permute(struct jc_lowering *l, struct jc_value *in, const uint32_t *order,
                          struct jc_value *out);

#endif
