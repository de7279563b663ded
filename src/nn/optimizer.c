#include "nn/optimizer.h"

#include "math/vector.h"

#include <math.h>

muster_status adam_create(size_t count, double epsilon, struct arena *arena, struct adam *adam) {
  *adam = (struct adam){.count = count, .beta1 = 0.9, .beta2 = 0.999, .epsilon = epsilon};
  MUSTER_TRY(ARENA_TAKE(arena, count, "Adam's first moment", &adam->m));
  return ARENA_TAKE(arena, count, "Adam's second moment", &adam->v);
}

void adam_step(struct adam *adam, float *parameters, const float *gradients, double gradient_scale,
               double learning_rate) {
  adam->steps++;
  double correction1 = 1.0 - pow(adam->beta1, (double)adam->steps);
  double correction2 = 1.0 - pow(adam->beta2, (double)adam->steps);
  vector_adam(adam->count, parameters, gradients, adam->m, adam->v, (float)gradient_scale,
              (float)(learning_rate / correction1), adam->beta1, adam->beta2, (float)adam->epsilon,
              (float)(1.0 / sqrt(correction2)));
}
