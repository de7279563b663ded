/* The layer of a policy that is a table: its output is the row of the table whose number it reads. It is not in the
 * registry, since nothing but an algorithm that keeps a table (policy_request.table) has use for it: the algorithm
 * writes the rows itself, and there is no backward pass. */
#ifndef NN_LAYERS_TABLE_H
#define NN_LAYERS_TABLE_H

#include "nn/layer.h"

/* Arguments: how many rows the table has, and how many floats a row. The table is the tensor "<path>/table" [rows,
 * floats], zero at first. */
extern const struct layer_type layer_table;

#endif
