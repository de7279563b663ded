/* The batch that a policy gradient learns from: a rollout, the samples of it that count, and what is estimated of them:
 * values, advantages, returns. */
#ifndef ALGO_BATCH_H
#define ALGO_BATCH_H

#include "algo/learner_group.h"
#include "experience/advantage.h"
#include "experience/trajectory.h"
#include "nn/model.h"
#include "store/checkpoint.h"

/* What is estimated of every sample: one line each, as in STEP_FIELDS (experience/fields.h). Minibatches have these
 * arrays, too. */
#define ESTIMATED_FIELDS(FIELD)                                                                                        \
  FIELD(float, values, "value", NUMBER(F32), AGENT, EACH_AND_NEXT, FIELD_LEARNED, RANGE_NONE)                          \
  FIELD(float, advantages, "advantage", NUMBER(F32), AGENT, EACH, FIELD_LEARNED, RANGE_NONE)                           \
  FIELD(float, returns, "return", NUMBER(F32), AGENT, EACH, FIELD_LEARNED, RANGE_NONE)
enum { ESTIMATED_FIELD_COUNT = ESTIMATED_FIELDS(FIELD_COUNT_ONE) };

/* Fills values[n] of n observations, `stride` bytes apart, with these masks of their actions. The model's weights are
 * packed. */
typedef void (*batch_valuation)(struct model *model, size_t n, const void *observations, size_t stride,
                                struct action_mask mask, float *values);

struct batch {
  const struct trajectory *rollout;
  batch_valuation valuation; /* what observations are worth; by the critic for V(s), unless an algorithm sets another */
  size_t capacity;           /* rows * T samples, row-major; sample = row * T + step */
  size_t count;              /* those that count in this rollout */
  uint32_t *sample;          /* [count] which ones, ascending */
  float *bootstrap;          /* [rows, T] values of true last observations; only where truncated */
  float *final_values;       /* [rows * T] values of rollout->final_observations, in their order, agents side by side */
  union {
    struct {
      ESTIMATED_FIELDS(FIELD_MEMBER) /* values [rows, T + 1], advantages [rows, T], returns [rows, T] */
    };
    void *estimated[ESTIMATED_FIELD_COUNT];
  };
  struct field estimated_field[ESTIMATED_FIELD_COUNT]; /* what these arrays hold */

  const struct learner_group *group; /* borrowed; NULL: alone */
  char *shared;                      /* [rows, shared_row_bytes] all that is estimated of a row, shared by the group */
  size_t shared_row_bytes;
};

/* `group`: the learners that estimate advantages together; NULL: one alone. Collective over it. */
MUSTER_CHECKED muster_status batch_create(const struct trajectory *rollout, const struct learner_group *group,
                                          struct arena *arena, struct batch *batch);

/* Which advantage weighs the policy gradient, where there is a critic for V(s). */
enum advantage_estimator {
  ADVANTAGE_GAE,
  ADVANTAGE_TD_RESIDUAL,
  ADVANTAGE_BASELINE,    /* return minus value */
  ADVANTAGE_RETURN_TO_GO /* the return alone; the critic values only what was cut off */
};
extern const char *const advantage_estimator_names[];

/* The masks of the final observations of a rollout, from number `first` on, agents side by side. */
static inline struct action_mask batch_final_mask(const struct trajectory *rollout, size_t first) {
  const size_t bytes = rollout->mask_bytes;
  return (struct action_mask){bytes > 0 ? rollout->final_observations.mask + first * bytes : NULL, bytes};
}

/* Lists the samples that count: the first `length` steps of each row. */
void batch_list_samples(struct batch *batch);

/* One row of the batch for the estimators of experience/advantage.h: the steps of it that count. */
struct advantage_row batch_row(const struct batch *batch, size_t row);

/* Values every observation of the rollout, and the true last ones of truncated episodes. The model's weights must be
 * packed. */
void batch_evaluate(struct batch *batch, struct model *model);

/* The same, then estimates advantages, and returns for the critic to learn. Each learner of a group estimates a part of
 * the rows, and gets the other parts from the others. Collective over the group. */
MUSTER_CHECKED muster_status batch_estimate_advantages(struct batch *batch, struct model *model,
                                                       enum advantage_estimator estimator, double gamma, double lambda);

/* Places final_values as the bootstrap values of the steps where episodes were truncated. */
void batch_place_bootstraps(struct batch *batch);

/* 1 - Var(returns - values) / Var(returns) over the samples that count; NAN when the returns do not vary. */
double batch_explained_variance(const struct batch *batch);

/* Values, advantages and returns as tensors "batch/..."; returns their number. */
int batch_tensors(struct batch *batch, struct tensor *list);

/* Writes which number of a sample is the first that is not finite ("the return of environment 3 at step 17 of the
 * rollout is inf"); an empty text when all are. */
void batch_describe_not_finite(const struct batch *batch, char *text, size_t size);

/* All that is known of a sample: what its step kept, and what is estimated of it. */
#define SAMPLE_FIELD_COUNT (STEP_FIELD_COUNT + ESTIMATED_FIELD_COUNT)

/* How a field's entry of a sample is found: row * row_bytes + step * step_bytes from its array on. */
struct gathered_field {
  int number; /* among all fields of a sample */
  size_t bytes, row_bytes, step_bytes;
  bool of_env; /* rows are environments, and there are several agents in each */
  bool is_number;
};

/* The samples of one tile, gathered by their indices into contiguous rows. */
struct batch_tile {
  size_t rows, padded_rows; /* rows in use; rounded up to LINEAR_ROWS */
  /* [TILE, elements], of the fields that are FIELD_LEARNED: observation, action, mask, log_prob, values, advantages,
   * returns and so on */
  union {
    struct {
      STEP_FIELDS(FIELD_MEMBER) ESTIMATED_FIELDS(FIELD_MEMBER)
    };
    void *array[SAMPLE_FIELD_COUNT];
  };
  int n_gathered; /* such fields */
  struct gathered_field gathered[SAMPLE_FIELD_COUNT];
};

MUSTER_CHECKED muster_status batch_tile_create(const struct batch *batch, struct arena *arena, struct batch_tile *tile);

/* Gathers samples index[0..rows-1], rows <= TILE. Numbers of rows that are not in use are zero. */
void batch_gather(const struct batch *batch, const uint32_t *index, size_t rows, struct batch_tile *tile);

/* The masks of a tile; all is allowed where actions are not masked. */
struct action_mask batch_tile_mask(const struct batch *batch, const struct batch_tile *tile);

#endif
