/* Parts of A2C that A3C and IMPALA use, too, and that tests compare with PyTorch. */
#ifndef ALGO_A2C_H
#define ALGO_A2C_H

#include "algo/policy_gradient.h"

struct a2c_options {
  struct policy_gradient_settings settings;
  double gae_lambda, lambda; /* lambda: NAN for gae_lambda */
  int estimator;             /* enum advantage_estimator */
};

/* The loss: -mean A log pi + vf_coef * mean (R - V)^2 - ent_coef * mean H. */
extern const struct tile_loss a2c_loss;

#endif
