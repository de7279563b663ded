#include "nn/distribution.h"

#include "base/nearest.h"
#include "base/registry.h"
#include "nn/layer.h"

#include <math.h>
#include <string.h>

/* The registry: one line for each distribution, the table that its file defines. Where a config names none, the first
 * one for the kind of actions is taken. */
#define DISTRIBUTIONS(ENTRY)                                                                                           \
  ENTRY(distribution_categorical)                                                                                      \
  ENTRY(distribution_deterministic)                                                                                    \
  ENTRY(distribution_epsilon_greedy)                                                                                   \
  ENTRY(distribution_epsilon_greedy_atoms)                                                                             \
  ENTRY(distribution_epsilon_greedy_quantiles)                                                                         \
  ENTRY(distribution_exploring_categorical)                                                                            \
  ENTRY(distribution_gaussian)                                                                                         \
  ENTRY(distribution_multi_categorical)                                                                                \
  ENTRY(distribution_squashed_gaussian)

#define DECLARE(table) extern const struct distribution table;
#define LIST(table) &table,

DISTRIBUTIONS(DECLARE)

static const struct distribution *const distributions[] = {DISTRIBUTIONS(LIST) NULL};

const struct distribution *const *distribution_list(void) { return distributions; }

const char *distribution_lacks(const struct distribution *distribution) {
  if (distribution->name == NULL) return "name";
  if (distribution->summary == NULL) return "summary";
  if (distribution->shape == NULL) return "shape";
  if (distribution->sample == NULL) return "sample";
  if (distribution->mode == NULL) return "mode";
  if (distribution->evaluate == NULL && !distribution->is_requested) return "evaluate";
  if (distribution->gradient == NULL && !distribution->is_requested) return "gradient";
  bool has_smooth_actions = distribution->action_kind == MUSTER_SPACE_BOX;
  if (has_smooth_actions) return distribution->pathwise == NULL ? "pathwise" : NULL;
  return distribution->probabilities == NULL ? "probabilities" : NULL;
}

static muster_status check_whole(const struct distribution *distribution) {
  return registry_check_entry("distribution", distribution->name, distribution_lacks(distribution));
}

muster_status distribution_check_list(const struct distribution *const *list) {
  for (; *list != NULL; list++) MUSTER_TRY(check_whole(*list));
  return MUSTER_OK;
}

muster_status distribution_check(const char *name) {
  struct nearest nearest = nearest_start(name);
  if (name[0] == '\0') return MUSTER_OK;
  for (const struct distribution *const *entry = distributions; *entry != NULL; entry++) {
    if (strcmp((*entry)->name, name) == 0) return MUSTER_OK;
    nearest_offer(&nearest, (*entry)->name);
  }
  return status_error(MUSTER_ERROR_USAGE, "expects the name of a distribution, or null: %s",
                      nearest_advise(&nearest).text);
}

const char *space_kind_name(muster_space_kind kind) {
  static const char *const names[] = {"?", "Box", "Box uint8", "Discrete", "MultiDiscrete"};
  return names[kind];
}

/* the error for actions that the distribution is not for which an algorithm requests */
static muster_status refuse_actions(const char *requested, muster_space_kind kind) {
  const struct distribution *const *entry = distributions;
  while (*entry != NULL && strcmp((*entry)->name, requested) != 0) entry++;
  if (*entry == NULL) return status_error(MUSTER_ERROR_INTERNAL, "there is no distribution %s", requested);
  return status_error(MUSTER_ERROR_USAGE,
                      "algorithm.name: is for %s actions, and those of this environment are %s; expects an algorithm "
                      "for these: see `muster algos`",
                      space_kind_name((*entry)->action_kind), space_kind_name(kind));
}

static bool has_name(const struct distribution *distribution, const char *name) {
  return strcmp(distribution->name, name) == 0;
}

static bool fits(const struct distribution *distribution, const muster_space *action, const char *requested) {
  if (distribution->action_kind != action->kind) return false;
  return requested[0] != '\0' ? has_name(distribution, requested) : !distribution->is_requested;
}

/* `requested`, `name`: "": none */
static muster_status find_distribution(const muster_space *action, const char *requested, const char *name,
                                       const struct distribution **out) {
  struct nearest fitting = nearest_start(name);
  for (const struct distribution *const *entry = distributions; *entry != NULL; entry++) {
    if (!fits(*entry, action, requested)) continue;
    nearest_offer(&fitting, (*entry)->name);
    if (name[0] != '\0' && !has_name(*entry, name)) continue;
    *out = *entry;
    return check_whole(*entry);
  }
  if (fitting.name != NULL)
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.distribution: not for actions of this kind and this algorithm; expects null or %s",
                        fitting.names);
  if (requested[0] != '\0') return refuse_actions(requested, action->kind);
  return status_error(MUSTER_ERROR_USAGE,
                      "no policy for this kind of action space: Discrete, MultiDiscrete and Box (float32) actions are "
                      "supported");
}

/* the bounds of a Box, where all are finite */
static muster_status take_bounds(const muster_space *action, struct arena *arena, struct policy_head *head) {
  if (action->low == NULL || action->high == NULL) return MUSTER_OK;
  for (size_t i = 0; i < head->elements; i++)
    if (!isfinite(action->low[i]) || !isfinite(action->high[i])) return MUSTER_OK;
  MUSTER_TRY(ARENA_TAKE(arena, head->elements, "bounds of actions", &head->centre));
  MUSTER_TRY(ARENA_TAKE(arena, head->elements, "bounds of actions", &head->half_width));
  for (size_t i = 0; i < head->elements; i++) {
    head->centre[i] = 0.5f * action->low[i] + 0.5f * action->high[i];
    head->half_width[i] = 0.5f * action->high[i] - 0.5f * action->low[i];
  }
  return MUSTER_OK;
}

/* whether a policy for Discrete actions is asked for what only Box actions can have */
static muster_status check_request_for_choices(const struct policy_request *request) {
  if (request->noise.kind != ACTION_NOISE_NONE)
    return status_error(MUSTER_ERROR_USAGE, "algorithm.action_noise: is for Box actions, and those of this environment "
                                            "are Discrete; expects none");
  if (request->critic_atoms > 1)
    return status_error(MUSTER_ERROR_USAGE, "algorithm.quantiles: is for Box actions, and those of this environment "
                                            "are Discrete; expects null");
  return MUSTER_OK;
}

static muster_status allocate_results(size_t tiles, struct arena *arena, struct policy_head *head) {
  MUSTER_TRY(ARENA_TAKE(arena, tiles * TILE, "log-probabilities", &head->log_probs));
  MUSTER_TRY(ARENA_TAKE(arena, tiles * TILE, "entropies", &head->entropies));
  MUSTER_TRY(ARENA_TAKE(arena, tiles * head->workspace_floats, "distribution workspace", &head->workspaces));
  policy_head_choose_tile(head, 0);
  return MUSTER_OK;
}

muster_status policy_head_create(const muster_space *action, const struct policy_request *request, const char *name,
                                 bool state_dependent, struct arena *arena, struct policy_head *head) {
  *head = (struct policy_head){.elements = muster_space_elements(action),
                               .atoms = request->atoms > 0 ? (size_t)request->atoms : 1,
                               .low = request->low,
                               .high = request->high,
                               .exploration_alpha = request->exploration_alpha,
                               .noise = request->noise};
  const bool is_other = action->kind == MUSTER_SPACE_DISCRETE && request->discrete[0] != '\0';
  MUSTER_TRY(
      find_distribution(action, is_other ? request->discrete : request->distribution, name, &head->distribution));
  if (is_other) MUSTER_TRY(check_request_for_choices(request));
  if (action->kind != MUSTER_SPACE_BOX) {
    MUSTER_TRY(ARENA_TAKE(arena, head->elements, "choices of actions", &head->counts));
    memcpy(head->counts, action->counts, head->elements * sizeof *head->counts);
    for (size_t i = 0; i < head->elements; i++) head->choices += (size_t)head->counts[i];
  }
  if (action->kind == MUSTER_SPACE_BOX) MUSTER_TRY(take_bounds(action, arena, head));
  if (head->distribution->needs_bounds && head->centre == NULL)
    return status_error(MUSTER_ERROR_USAGE, "algorithm.name: it acts within bounds, and those of the actions are not "
                                            "all finite");
  head->distribution->shape(head, state_dependent);
  return allocate_results(request->blocks ? BLOCK_ROWS / TILE : 1, arena, head);
}

void policy_head_choose_tile(struct policy_head *head, size_t tile) {
  head->log_prob = head->log_probs + tile * TILE;
  head->entropy = head->entropies + tile * TILE;
  head->workspace = head->workspaces + tile * head->workspace_floats;
}
