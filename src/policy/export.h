/* A trained policy as a graph of ONNX operators, for programs that run such graphs. */
#ifndef POLICY_EXPORT_H
#define POLICY_EXPORT_H

#include "policy/policy.h"

struct policy_export_request {
  bool stochastic;    /* actions are drawn, from random numbers that are an input of the graph */
  const char *digest; /* of the state of learning, as `muster inspect --digest` gives it; written down */
};

/* Makes an ONNX file of the policy, with these inputs and outputs, whose first dimension is the number of rows:
 *
 *   - obs: as the environment gives them; float for Box, uint8 for images, int64 for discrete kinds
 *   - action_mask: bool [rows, choices of all elements together], where the environment masks its discrete actions;
 * where a checkpoint of version 0.1.0 does not tell, it may be left out, and then all are allowed
 *   - noise: float [rows, n], only with `stochastic`; standard normal numbers for Box actions, else uniform ones in [0,
 * 1)
 *   - action: float for Box, within the bounds of the space as in training; else int64
 *
 * `*bytes` is allocated; the caller frees it. Errors: USAGE where a layer or a distribution has no form in ONNX, or the
 * file would be too large for the format. */
MUSTER_CHECKED muster_status policy_export(const struct muster_policy *policy,
                                           const struct policy_export_request *request, uint8_t **bytes, size_t *size);

#endif
