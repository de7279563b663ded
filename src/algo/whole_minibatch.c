#include "algo/whole_minibatch.h"

#include "algo/batch_sums.h"

#include <string.h>

/* a tile of steps and what follows them are rows of one pass */
enum { NOW_AND_NEXT = 2 };

struct whole_minibatch {
  struct batch_sums sums;
  float *next_log_probs;               /* [batch_size] of the actions that follow this member's steps */
  const float *values[CRITICS_MAX];    /* [rows, value_ld] of its steps and what follows */
  struct critic_losses *critic_losses; /* of each of its tiles */
  struct actor_losses *actor_losses;
  float *d_net; /* [batch_size, d_net_ld] */
};

static size_t most_columns(const struct model *model) {
  size_t most = model->obs_dim + model->head.elements;
  for (size_t i = 0; i < model->networks; i++)
    if (network_widest(&model->network[i].network) > most) most = network_widest(&model->network[i].network);
  return most;
}

static size_t rest_of(size_t all, size_t done, size_t most) { return all - done < most ? all - done : most; }

/* the first row of a pass over both that belongs to the tile which begins with this step of the member's */
static size_t row_of(size_t step) { return NOW_AND_NEXT * step; }

/* begins a pass of networks that have been updated so often */
static struct layer_batch *begin_pass(struct critic_learning *learning, size_t rows_each, int64_t updates) {
  return batch_sums_begin(&learning->whole->sums, rows_each, updates >= learning->renorm_warmup_steps);
}

/* the first meeting that has failed, which is said once */
static muster_status take_status(struct whole_minibatch *whole) {
  muster_status status = whole->sums.status;
  whole->sums.status = MUSTER_OK;
  return status;
}

/* --- the critics --- */

/* a tile of steps and what follows them, from number `at` of the block on, becomes the rows of the pass from row on */
static void append_tile(struct critic_learning *learning, size_t row, size_t at, size_t rows) {
  const struct replay_tile *tile = &learning->base.tile;
  struct model *model = learning->base.model;
  const size_t obs_bytes = learning->base.rollout->obs_bytes, elements = model->head.elements;
  const char *now = (const char *)tile->step.observation + at * obs_bytes;
  const char *next = (const char *)tile->next.observation + at * obs_bytes;
  critic_learning_scale_actions(learning, rows, (const float *)tile->step.action + at * elements);
  model_append_with_actions(model, row, rows, now, obs_bytes, learning->unit_actions);
  critic_learning_scale_actions(learning, rows, learning->actions + at * elements);
  model_append_with_actions(model, row + rows, rows, next, obs_bytes, learning->unit_actions);
}

/* fills the pass with this member's steps, and with what follows, where the policy chooses the actions */
static void fill_pass(struct critic_learning *learning) {
  struct whole_minibatch *whole = learning->whole;
  struct replay_learning *base = &learning->base;
  const size_t steps = whole->sums.count;
  if (steps == 0) model_append_with_actions(base->model, 0, 0, NULL, 0, NULL);
  for (size_t done = 0, rows; done < steps; done += rows) {
    const size_t first = whole->sums.first + done;
    rows = rest_of(steps, done, BLOCK_ROWS);
    replay_learning_gather(base, first, rows);
    critic_learning_keep_inputs(learning, first, rows);
    critic_learning_act(learning, learning->next_policy, CRITIC_NOISE_NEXT, first, rows, base->tile.next.observation);
    memcpy(whole->next_log_probs + done, base->model->head.log_probs, rows * sizeof *whole->next_log_probs);
    for (size_t at = 0; at < rows; at += TILE) append_tile(learning, row_of(done + at), at, rest_of(rows, at, TILE));
  }
}

/* the losses of a tile of steps, by the values of all critics; `step`: the first one's number among this member's */
static void find_losses(struct critic_learning *learning, size_t step, size_t rows) {
  struct whole_minibatch *whole = learning->whole;
  struct replay_learning *base = &learning->base;
  const size_t first = whole->sums.first + step, now = row_of(step) * learning->value_ld;
  struct critic_block block = {.weights = base->weights + first,
                               .errors = replay_learning_errors(base, first),
                               .inverse_n = 1.0f / (float)base->settings.batch_size};
  struct critic_losses *losses = &whole->critic_losses[step / TILE];
  replay_learning_gather(base, first, rows);
  memset(block.errors, 0, rows * sizeof *block.errors);
  memset(losses, 0, sizeof *losses);
  learning->n_run = learning->n_critics;
  learning->next_log_probs = whole->next_log_probs + step;
  for (size_t i = 0; i < learning->n_critics; i++)
    learning->values[i] = whole->values[i] + now + rows * learning->value_ld;
  learning->rules->weigh_next(learning, rows);
  for (size_t i = 0; i < learning->n_critics; i++) {
    block.values = whole->values[i] + now;
    block.d_values = learning->d_values[i] + now;
    critic_learning_find_loss(learning, &block, 0, rows, losses);
  }
}

/* one pass of each critic, forward; the losses; and backward through all layers' outputs */
static muster_status run_critics(struct critic_learning *learning) {
  struct whole_minibatch *whole = learning->whole;
  struct model *model = learning->base.model;
  const size_t steps = whole->sums.count, rows = linear_padded_rows(row_of(steps));
  model_set_batch(model, begin_pass(learning, NOW_AND_NEXT, learning->base.updates));
  critic_learning_set_random(learning, false, row_of(whole->sums.first));
  critic_learning_run(learning, learning->critic, learning->n_critics);
  memcpy(whole->values, learning->values, sizeof whole->values);
  for (size_t i = 0; i < learning->n_critics; i++)
    memset(learning->d_values[i], 0, rows * learning->value_ld * sizeof *learning->d_values[i]);
  for (size_t done = 0; done < steps; done += TILE) find_losses(learning, done, rest_of(steps, done, TILE));
  for (size_t i = 0; i < learning->n_critics; i++) model_backward_rows(learning->critic[i], learning->d_values[i]);
  model_set_batch(model, NULL);
  return take_status(whole);
}

/* the gradients of the critics' parameters from a block of steps, in groups, and the sums of their losses */
static void add_critics(void *context, size_t first, const struct linear_groups *groups, float *gradient,
                        double *terms) {
  struct critic_learning *learning = context;
  const struct whole_minibatch *whole = learning->whole;
  struct critic_losses *losses = (struct critic_losses *)terms;
  struct linear_groups both = *groups;
  size_t step = first - whole->sums.first;
  for (size_t i = 0; i < groups->count; i++) both.rows[i] = NOW_AND_NEXT * groups->rows[i];
  for (size_t i = 0; i < learning->n_critics; i++)
    model_sum_gradients(learning->critic[i], learning->d_values[i], row_of(step), &both, gradient);
  for (size_t i = 0; i < groups->count; step += groups->rows[i++])
    for (size_t done = 0; done < groups->rows[i]; done += TILE) {
      losses[i].loss += whole->critic_losses[(step + done) / TILE].loss;
      losses[i].value += whole->critic_losses[(step + done) / TILE].value;
    }
}

static muster_status sum_critics(struct critic_learning *learning, float *gradient, struct critic_losses *losses) {
  fill_pass(learning);
  MUSTER_TRY(run_critics(learning));
  return gradient_sum_make_of_groups(&learning->critics_sum, (size_t)learning->base.settings.batch_size, add_critics,
                                     learning, gradient, (double *)losses);
}

/* --- the policy --- */

/* the losses of a block of this member's steps, from number `step` on, and their gradients by the policy's outputs */
static void improve_block(struct critic_learning *learning, size_t step, size_t rows) {
  struct whole_minibatch *whole = learning->whole;
  const size_t first = whole->sums.first + step;
  struct actor_losses *losses = &whole->actor_losses[step / TILE];
  struct linear_groups tiles = {0};
  for (size_t done = 0; done < rows; done += TILE) tiles.rows[tiles.count++] = rest_of(rows, done, TILE);
  memset(losses, 0, tiles.count * sizeof *losses);
  critic_learning_set_random(learning, true, first);
  learning->rules->improve(learning, first, &tiles, learning->observations + first * learning->base.rollout->obs_bytes,
                           NULL, losses);
}

/* one pass of the policy, forward; the losses; and backward through all layers' outputs */
static muster_status run_actor(struct critic_learning *learning) {
  struct whole_minibatch *whole = learning->whole;
  struct model *model = learning->base.model;
  const size_t steps = whole->sums.count, obs_bytes = learning->base.rollout->obs_bytes;
  struct layer_batch *batch = begin_pass(learning, 1, learning->base.updates / learning->policy_delay);
  size_t ld;
  model_set_batch(model, batch);
  model_take(model, steps, learning->observations + whole->sums.first * obs_bytes, obs_bytes);
  const float *net = model_forward(model, model->policy, &ld);
  model_set_batch(model, NULL);
  learning->net_ld = ld;
  for (size_t done = 0, rows; done < steps; done += rows) {
    rows = rest_of(steps, done, BLOCK_ROWS);
    learning->net = net + done * ld;
    learning->d_net = whole->d_net + done * learning->d_net_ld;
    improve_block(learning, done, rows);
  }
  learning->net = NULL;
  learning->d_net = whole->d_net;
  model_backward_rows(model->policy, whole->d_net);
  return take_status(whole);
}

static void add_actor(void *context, size_t first, const struct linear_groups *groups, float *gradient, double *terms) {
  struct critic_learning *learning = context;
  const struct whole_minibatch *whole = learning->whole;
  const struct model *model = learning->base.model;
  struct actor_losses *losses = (struct actor_losses *)terms;
  size_t step = first - whole->sums.first;
  model_sum_gradients(model->policy, whole->d_net, step, groups, gradient);
  /* what the policy has besides its network tells how it explores, and is not learned */
  memset(gradient + model->own_offset, 0, model->head.own_count * sizeof *gradient);
  for (size_t i = 0; i < groups->count; step += groups->rows[i++])
    for (size_t done = 0; done < groups->rows[i]; done += TILE) {
      losses[i].loss += whole->actor_losses[(step + done) / TILE].loss;
      losses[i].log_prob += whole->actor_losses[(step + done) / TILE].log_prob;
    }
}

static muster_status sum_actor(struct critic_learning *learning, float *gradient, struct actor_losses *losses) {
  MUSTER_TRY(run_actor(learning));
  return gradient_sum_make_of_groups(&learning->actor_sum, (size_t)learning->base.settings.batch_size, add_actor,
                                     learning, gradient, (double *)losses);
}

muster_status whole_minibatch_create(const struct algorithm_context *context, struct critic_learning *learning) {
  static const struct critic_passes passes = {sum_critics, sum_actor};
  const size_t batch = (size_t)learning->base.settings.batch_size, tiles = (batch + TILE - 1) / TILE;
  struct arena *arena = context->arena;
  struct whole_minibatch *whole;
  MUSTER_TRY(ARENA_TAKE(arena, 1, "a minibatch", &whole));
  /* a layer makes two sums of each column at once */
  MUSTER_TRY(batch_sums_create(context->group, batch, 2 * most_columns(context->model), arena, &whole->sums));
  MUSTER_TRY(ARENA_TAKE(arena, batch, "log-probabilities", &whole->next_log_probs));
  MUSTER_TRY(ARENA_TAKE(arena, tiles, "sums of losses", &whole->critic_losses));
  MUSTER_TRY(ARENA_TAKE(arena, tiles, "sums of losses", &whole->actor_losses));
  /* gradients are summed from blocks of so many rows of a pass */
  learning->critics_sum.most_rows = BLOCK_ROWS / NOW_AND_NEXT;
  whole->d_net = learning->d_net;
  learning->whole = whole;
  learning->passes = &passes;
  return MUSTER_OK;
}
