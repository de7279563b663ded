#include "policy/export.h"

#include "env/bounds.h"
#include "muster/version.h"
#include "store/onnx.h"
#include "store/output.h"

#include <stdio.h>
#include <string.h>

/* rows of a space's values, as an input or output of the graph */
static struct onnx_array rows_of(const muster_space *space, const char *name) {
  struct onnx_array rows = {.name = name, .type = ONNX_INT64, .rank = 1 + space->rank, .shape = {ONNX_BATCH}};
  if (space->kind == MUSTER_SPACE_BOX) rows.type = ONNX_FLOAT;
  if (space->kind == MUSTER_SPACE_BOX_U8) rows.type = ONNX_UINT8;
  for (int i = 0; i < space->rank; i++) rows.shape[1 + i] = space->shape[i];
  return rows;
}

/* an input where the environment masks actions, which may be left out where nobody knows; else a constant, since
 * runtimes warn of inputs that may be left out */
static const char *add_mask(const struct muster_policy *policy, struct onnx *graph, uint8_t *ones) {
  const size_t choices = policy->model.head.choices;
  const struct onnx_array rows = {"action_mask", ONNX_BOOL, 2, {ONNX_BATCH, (int64_t)choices}};
  const struct onnx_array all = {NULL, ONNX_BOOL, 2, {1, (int64_t)choices}};
  memset(ones, 1, choices);
  switch (policy->masks) {
  case POLICY_MASKS_ACTIONS: return onnx_input(graph, &rows, "which choices are allowed");
  case POLICY_MASKS_UNKNOWN:
    return onnx_optional_input(graph, &rows, "which choices are allowed; all are where it is left out", ones);
  default: return onnx_constant(graph, &all, ones);
  }
}

static const char *add_noise(const struct muster_policy *policy, struct onnx *graph) {
  const struct policy_head *head = &policy->model.head;
  const size_t numbers = head->distribution->noise_numbers > 0 ? head->distribution->noise_numbers : head->elements;
  const struct onnx_array rows = {"noise", ONNX_FLOAT, 2, {ONNX_BATCH, (int64_t)numbers}};
  const bool is_normal = head->distribution->noise == DISTRIBUTION_NOISE_NORMAL;
  return onnx_input(graph, &rows,
                    is_normal ? "independent standard normal numbers" : "independent uniform numbers in [0, 1)");
}

/* --- actions within their bounds, as action_bounds_apply() --- */

static const char *cut(struct onnx *graph, const char *x, const char *low, const char *high) {
  return onnx_node(graph, "Max", ONNX_LIST(onnx_node(graph, "Min", ONNX_LIST(x, high), NULL), low), NULL);
}

static const char *bound(const struct muster_policy *policy, struct onnx *graph, const char *x) {
  const size_t n = policy->model.head.elements;
  const char *low = onnx_vector(graph, n, policy->action.low), *high = onnx_vector(graph, n, policy->action.high);
  if (policy->config.env.action_bounds == ACTION_BOUNDS_RESCALE) {
    const char *one = onnx_number(graph, 1), *half = onnx_number(graph, 0.5f);
    x = cut(graph, x, onnx_number(graph, -1), one);
    const char *share =
        onnx_node(graph, "Mul", ONNX_LIST(onnx_node(graph, "Add", ONNX_LIST(x, one), NULL), half), NULL);
    const char *rest = onnx_node(graph, "Sub", ONNX_LIST(one, share), NULL);
    x = onnx_node(graph, "Add",
                  ONNX_LIST(onnx_node(graph, "Mul", ONNX_LIST(rest, low), NULL),
                            onnx_node(graph, "Mul", ONNX_LIST(share, high), NULL)),
                  NULL);
  }
  return cut(graph, x, low, high);
}

/* --- the graph --- */

static void add_action(const struct muster_policy *policy, const struct action_onnx *io) {
  const struct policy_head *head = &policy->model.head;
  struct onnx *graph = io->graph;
  if (head->distribution->onnx == NULL) {
    onnx_fail(graph, status_error(MUSTER_ERROR_USAGE, "the distribution %s cannot be exported to ONNX",
                                  head->distribution->name));
    return;
  }
  const char *action = head->distribution->onnx(head, io);
  if (policy->bounds_actions) action = bound(policy, graph, action);
  const struct onnx_array rows = rows_of(&policy->action, "action");
  onnx_output(graph, &rows, "what the policy does", onnx_shape(graph, action, rows.rank, rows.shape));
}

static void add_policy(const struct muster_policy *policy, bool stochastic, struct onnx *graph, uint8_t *ones) {
  const struct model *model = &policy->model;
  const struct onnx_array rows = rows_of(&policy->observation, "obs");
  const char *observations = onnx_input(graph, &rows, "observations as the environment gives them");
  struct action_onnx io = {.graph = graph};
  if (model->head.choices > 0) io.mask = add_mask(policy, graph, ones);
  if (stochastic) io.noise = add_noise(policy, graph);
  const float *values = model->parameters.values;
  const char *x = encoder_onnx(&model->encoder, graph, observations);
  x = network_onnx(&model->trunk->network, values, graph, x);
  io.net = network_onnx(&model->policy->network, values, graph, x);
  add_action(policy, &io);
}

static void add_metadata(const struct muster_policy *policy, const struct policy_export_request *request,
                         struct onnx *graph) {
  char number[32];
  onnx_metadata(graph, "muster_version", MUSTER_VERSION);
  onnx_metadata(graph, "environment", policy->config.env.name);
  onnx_metadata(graph, "algorithm", policy->config.algorithm_name);
  onnx_metadata(graph, "distribution", policy->model.head.distribution->name);
  onnx_metadata(graph, "actions", request->stochastic ? "stochastic" : "deterministic");
  snprintf(number, sizeof number, "%lld", (long long)policy->total_steps);
  onnx_metadata(graph, "total_steps", number);
  snprintf(number, sizeof number, "%lld", (long long)policy->config.general.seed);
  onnx_metadata(graph, "seed", number);
  onnx_metadata(graph, "digest", request->digest);
}

muster_status policy_export(const struct muster_policy *policy, const struct policy_export_request *request,
                            uint8_t **bytes, size_t *size) {
  const size_t choices = policy->model.head.choices;
  uint8_t *ones;
  struct onnx *graph;
  MUSTER_TRY(ARENA_TAKE(policy->arena, choices > 0 ? choices : 1, "masks", &ones));
  MUSTER_TRY(onnx_create(&graph));
  add_policy(policy, request->stochastic, graph, ones);
  add_metadata(policy, request, graph);
  char doc[256];
  snprintf(doc, sizeof doc, "A trained policy (file %s).", OUTPUT_MARK);
  muster_status status = onnx_pack(graph, doc, bytes, size);
  onnx_destroy(&graph);
  return status;
}
