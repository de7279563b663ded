/* Optimizers: one loop over the contiguous parameter block. */
#ifndef NN_OPTIMIZER_H
#define NN_OPTIMIZER_H

#include "base/arena.h"

#include <stddef.h>
#include <stdint.h>

/* Adam (Kingma and Ba 2015, algorithm 1), as torch.optim.Adam without weight decay. */
struct adam {
  size_t count;
  float *m, *v; /* [count] first and second moments */
  int64_t steps;
  double beta1, beta2, epsilon;
};

MUSTER_CHECKED muster_status adam_create(size_t count, double epsilon, struct arena *arena, struct adam *adam);

/* One step: parameters -= learning_rate * m_hat / (sqrt(v_hat) + epsilon), with gradients times gradient_scale. */
void adam_step(struct adam *adam, float *parameters, const float *gradients, double gradient_scale,
               double learning_rate);

#endif
