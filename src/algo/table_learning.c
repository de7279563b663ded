#include "algo/table_learning.h"

#include "base/random.h"

#include <math.h>
#include <string.h>

const char *const table_trace_names[] = {"none", "accumulating", "replacing", NULL};

/* --- table_learning_base: what all of them do --- */

static muster_status check_options(const struct document *document, const void *object, int64_t num_envs) {
  const struct table_learning_settings *settings = object;
  if (settings->train_freq > INT32_MAX / num_envs)
    return document_error(document, "algorithm.train_freq",
                          "makes rollouts of %lld steps with num_envs %lld; expects at most %d",
                          (long long)(settings->train_freq * num_envs), (long long)num_envs, INT32_MAX);
  if (settings->trace != TRACE_NONE && settings->n_steps > 1)
    return document_error(document, "algorithm.n_steps",
                          "with traces every reward reaches the steps before it; expects 1, or algorithm.trace: none");
  return MUSTER_OK;
}

static struct rollout_needs list_needs(const void *object) {
  const struct table_learning_settings *settings = object;
  const size_t policy = sizeof(float), trace = sizeof(double) + sizeof(int32_t);
  return (struct rollout_needs){.n_steps = (size_t)settings->train_freq,
                                .pair_bytes = policy + sizeof(double),
                                .row_pair_bytes = settings->trace != TRACE_NONE ? trace : 0,
                                .is_brief = true};
}

static const struct model_network_spec *list_networks(const void *options) {
  (void)options;
  return model_no_critic;
}

static double discount(const void *object) { return ((const struct table_learning_settings *)object)->gamma; }

void table_learning_request(const void *options, struct policy_request *request) {
  (void)options;
  strcpy(request->distribution, "EpsilonGreedy");
  request->table = true;
}

static void set_exploration(struct table_learning *learning, double progress_remaining) {
  learning->exploration_rate = exploration_rate(&learning->settings.exploration, progress_remaining);
  exploration_set(learning->model, learning->exploration_rate);
}

/* what is begun in each row: at first no episode */
static muster_status create_rows(struct table_learning *learning, struct arena *arena) {
  const size_t rows = learning->rows, held = rows * (size_t)learning->settings.n_steps;
  const struct trajectory *rollout = learning->rollout;
  MUSTER_TRY(ARENA_TAKE(arena, rows, "open states", &learning->open_state));
  MUSTER_TRY(ARENA_TAKE(arena, rows, "open states", &learning->waits));
  MUSTER_TRY(ARENA_TAKE(arena, rows, "windows of steps", &learning->first));
  MUSTER_TRY(ARENA_TAKE(arena, rows, "windows of steps", &learning->held));
  MUSTER_TRY(ARENA_TAKE(arena, held, "windows of steps", &learning->window_pair));
  MUSTER_TRY(ARENA_TAKE(arena, held, "windows of steps", &learning->window_reward));
  MUSTER_TRY(ARENA_TAKE(arena, rollout->n_envs * rollout->n_steps, "last observations", &learning->final));
  for (size_t row = 0; row < rows; row++) learning->open_state[row] = -1;
  if (learning->settings.trace == TRACE_NONE) return MUSTER_OK;
  MUSTER_TRY(ARENA_TAKE(arena, rows * learning->pairs, "traces", &learning->trace));
  MUSTER_TRY(ARENA_TAKE(arena, rows * learning->pairs, "traces", &learning->traced));
  return ARENA_TAKE(arena, rows, "traces", &learning->traces);
}

static int toss_coin(const struct table_learning *learning);
static size_t choose_by_policy(const struct table_learning *learning, const struct table_next *next);

static muster_status create(const struct algorithm_context *context, void *algorithm) {
  struct table_learning *learning = algorithm;
  const struct table_learning_settings *settings = context->options;
  struct model *model = context->model;
  learning->settings = *settings;
  learning->model = model;
  learning->stages = context->stages;
  learning->rollout = context->rollout;
  learning->seed = context->seed;
  learning->rows = context->rollout->n_rows;
  learning->states = (size_t)model->encoder.counts[0];
  learning->actions = model->head.choices;
  learning->pairs = learning->states * learning->actions;
  if (learning->pairs > INT32_MAX)
    return status_error(MUSTER_ERROR_USAGE,
                        "algorithm.name: a table of %zu observations and %zu actions is too large; expects dqn",
                        learning->states, learning->actions);
  learning->policy = model->parameters.values + model->policy->first;
  learning->tables = 1;
  learning->choose_table = toss_coin;
  learning->choose_action = choose_by_policy;
  MUSTER_TRY(ARENA_TAKE(context->arena, learning->pairs, "a table of values", &learning->table[0]));
  for (size_t pair = 0; pair < learning->pairs; pair++) {
    learning->table[0][pair] = settings->initial_value;
    learning->policy[pair] = (float)settings->initial_value;
  }
  set_exploration(learning, 1.0);
  return create_rows(learning, context->arena);
}

muster_status table_learning_add_table(struct table_learning *learning, struct arena *arena) {
  MUSTER_TRY(ARENA_TAKE(arena, learning->pairs, "a table of values", &learning->table[1]));
  memcpy(learning->table[1], learning->table[0], learning->pairs * sizeof *learning->table[1]);
  learning->tables = 2;
  return MUSTER_OK;
}

static int list_state(void *algorithm, struct tensor *list) {
  static const char *const names[TABLE_LEARNING_TABLES] = {"algorithm/table", "algorithm/second_table"};
  struct table_learning *l = algorithm;
  const size_t rows = l->rows, pairs = l->pairs, steps = (size_t)l->settings.n_steps;
  const struct tensor_range pair = RANGE(0, (double)pairs - 1);
  int n = 0;
  for (int i = 0; i < l->tables; i++)
    list[n++] = (struct tensor){names[i], TENSOR_F64, 2, {l->states, l->actions}, l->table[i], RANGE_FINITE};
  list[n++] = (struct tensor){"algorithm/updates", TENSOR_I64, 0, {0}, &l->updates, RANGE_COUNT};
  list[n++] = (struct tensor){"algorithm/exploration_rate", TENSOR_F64, 0, {0}, &l->exploration_rate, RANGE(0, 1)};
  list[n++] =
      (struct tensor){"algorithm/open_state", TENSOR_I32, 1, {rows}, l->open_state, RANGE(-1, (double)l->states - 1)};
  list[n++] = (struct tensor){"algorithm/waits", TENSOR_U8, 1, {rows}, l->waits, RANGE(0, 1)};
  list[n++] = (struct tensor){"algorithm/window/first", TENSOR_I32, 1, {rows}, l->first, RANGE(0, (double)steps - 1)};
  list[n++] = (struct tensor){"algorithm/window/held", TENSOR_I32, 1, {rows}, l->held, RANGE(0, (double)steps)};
  list[n++] = (struct tensor){"algorithm/window/pair", TENSOR_I32, 2, {rows, steps}, l->window_pair, pair};
  list[n++] = (struct tensor){"algorithm/window/reward", TENSOR_F64, 2, {rows, steps}, l->window_reward, RANGE_FINITE};
  if (l->settings.trace == TRACE_NONE) return n;
  list[n++] = (struct tensor){"algorithm/trace/value", TENSOR_F64, 2, {rows, pairs}, l->trace, RANGE_FINITE};
  list[n++] = (struct tensor){"algorithm/trace/pair", TENSOR_I32, 2, {rows, pairs}, l->traced, pair};
  list[n++] = (struct tensor){"algorithm/trace/count", TENSOR_I32, 1, {rows}, l->traces, RANGE(0, (double)pairs)};
  return n;
}

/* learning is one update for each rollout, whose rewards must be numbers */
static muster_status take_rollout(void *algorithm, double progress_remaining, int64_t *updates) {
  (void)progress_remaining;
  const struct trajectory *rollout = ((struct table_learning *)algorithm)->rollout;
  for (size_t row = 0; row < rollout->n_rows; row++)
    for (size_t t = 0; t < (size_t)rollout->length[row]; t++)
      if (!isfinite(rollout->reward[row * rollout->n_steps + t]))
        return status_error(MUSTER_ERROR_NUMERIC, "the reward of step %zu of environment %zu is not finite", t,
                            rollout->first_env + row / rollout->agents);
  *updates = 1;
  return MUSTER_OK;
}

static int list_intermediates(void *algorithm, struct tensor *list) {
  struct table_learning *learning = algorithm;
  list[0] = (struct tensor){"algorithm/table",  TENSOR_F64, 2, {learning->states, learning->actions},
                            learning->table[0], RANGE_NONE};
  return 1;
}

const struct algorithm_base table_learning_base = {
    .name = "table learning",
    .options_size = sizeof(struct table_learning_settings),
    .size = sizeof(struct table_learning),
    .check = check_options,
    .needs = list_needs,
    .networks = list_networks,
    .discount = discount,
    .create = create,
    .state = list_state,
    .take_rollout = take_rollout,
    .intermediates = list_intermediates,
};

/* --- chances --- */

/* what words are drawn for: the index of their stream */
enum { DRAW_TABLE, DRAW_ACTION };

static void draw(const struct table_learning *learning, uint32_t index, uint32_t words[4]) {
  const uint64_t number = (uint64_t)learning->updates;
  random_words(learning->seed, RANDOM_TABLE, index, (uint32_t)number, (uint32_t)(number >> 32), words);
}

static int toss_coin(const struct table_learning *learning) {
  uint32_t words[4];
  if (learning->tables == 1) return 0;
  draw(learning, DRAW_TABLE, words);
  return (int)(words[0] >> 31);
}

/* the action that the policy would take after a truncated step, where nobody acts */
static size_t choose_by_policy(const struct table_learning *learning, const struct table_next *next) {
  const float *values = learning->policy + next->state * learning->actions;
  uint32_t words[4];
  size_t best = learning->actions, allowed = 0;
  draw(learning, DRAW_ACTION, words);
  for (size_t a = 0; a < learning->actions; a++) {
    if (next->mask != NULL && next->mask[a] == 0) continue;
    if (allowed++ == 0 || values[a] > values[best]) best = a;
  }
  if (random_unit_float(words[0]) >= (float)learning->exploration_rate) return best;
  size_t place = (size_t)(((uint64_t)words[1] * allowed) >> 32), a = 0;
  while ((next->mask != NULL && next->mask[a] == 0) || place-- > 0) a++;
  return a;
}

/* --- values --- */

size_t table_greedy(const struct table_learning *learning, const double *values, const uint8_t *mask) {
  size_t best = learning->actions;
  for (size_t a = 0; a < learning->actions; a++)
    if ((mask == NULL || mask[a] != 0) && (best == learning->actions || values[a] > values[best])) best = a;
  return best < learning->actions ? best : 0;
}

static void set_value(struct table_learning *learning, size_t pair, double value) {
  learning->table[learning->turn][pair] = value;
  if (learning->tables > 1) value = 0.5 * (learning->table[0][pair] + learning->table[1][pair]);
  learning->policy[pair] = (float)value;
}

/* what of a window's return is still to come */
static double value_after(struct table_learning *learning, const struct table_next *next, uint8_t ended) {
  return (ended & ENV_TERMINATED) != 0 ? 0.0 : learning->value(learning, next);
}

/* counts an update by which a value goes towards its target; error where that is not finite */
static muster_status note_error(struct table_learning *learning, size_t pair, double error) {
  if (!isfinite(error))
    return status_error(MUSTER_ERROR_NUMERIC,
                        "the value of action %zu at observation %zu is not finite: a smaller learning_rate may help",
                        pair % learning->actions, pair / learning->actions);
  learning->updates++;
  learning->sum_error += fabs(error);
  learning->sum_value += learning->table[learning->turn][pair];
  return MUSTER_OK;
}

/* --- learning from windows of steps --- */

/* the oldest step of a row's window goes towards the return of the window, and is taken out */
static muster_status learn_oldest(struct table_learning *learning, size_t row, const struct table_next *next,
                                  uint8_t ended) {
  const size_t size = (size_t)learning->settings.n_steps, held = (size_t)learning->held[row];
  size_t at = (size_t)learning->first[row];
  const size_t pair = (size_t)learning->window_pair[row * size + at];
  double target = 0, factor = 1;
  learning->turn = learning->choose_table(learning);
  for (size_t k = 0; k < held; k++) {
    target += factor * learning->window_reward[row * size + at];
    factor *= learning->settings.gamma;
    at = at + 1 < size ? at + 1 : 0;
  }
  target += factor * value_after(learning, next, ended);
  const double value = learning->table[learning->turn][pair], error = target - value;
  MUSTER_TRY(note_error(learning, pair, error));
  set_value(learning, pair, value + learning->learning_rate * error);
  learning->held[row]--;
  learning->first[row] = (size_t)learning->first[row] + 1 < size ? learning->first[row] + 1 : 0;
  return MUSTER_OK;
}

/* a full window is learned from; where the episode ends, also those that will never be full, the oldest one first */
static muster_status learn_windows(struct table_learning *learning, size_t row, const struct table_next *next,
                                   uint8_t ended) {
  while (learning->held[row] == learning->settings.n_steps || (ended != 0 && learning->held[row] > 0))
    MUSTER_TRY(learn_oldest(learning, row, next, ended));
  return MUSTER_OK;
}

/* --- learning by traces --- */

/* what is smaller moves no value any more */
#define LEAST_TRACE 1e-20

static void clear_traces(struct table_learning *learning, size_t row) {
  double *trace = learning->trace + row * learning->pairs;
  const int32_t *traced = learning->traced + row * learning->pairs;
  for (int32_t i = 0; i < learning->traces[row]; i++) trace[traced[i]] = 0;
  learning->traces[row] = 0;
}

static void visit(struct table_learning *learning, size_t row, size_t pair) {
  double *trace = learning->trace + row * learning->pairs;
  if (trace[pair] == 0) learning->traced[row * learning->pairs + (size_t)learning->traces[row]++] = (int32_t)pair;
  trace[pair] = learning->settings.trace == TRACE_REPLACING ? 1 : trace[pair] + 1;
}

/* all traces of a row fall; those that are too small are taken from the list */
static void decay_traces(struct table_learning *learning, size_t row) {
  double *trace = learning->trace + row * learning->pairs;
  int32_t *traced = learning->traced + row * learning->pairs;
  const double factor = learning->settings.gamma * learning->settings.lambda;
  for (int32_t i = 0; i < learning->traces[row];) {
    trace[traced[i]] *= factor;
    if (trace[traced[i]] >= LEAST_TRACE) {
      i++;
      continue;
    }
    trace[traced[i]] = 0;
    traced[i] = traced[--learning->traces[row]];
  }
}

/* whether the action that comes next is greedy; one that is as good as the greedy one is */
static bool goes_on_greedily(const struct table_learning *learning, const struct table_next *next) {
  const double *values = table_values(learning, 0, next->state);
  return values[next->action] >= values[table_greedy(learning, values, next->mask)];
}

/* the one step of a row's window moves all values that have a trace */
static muster_status learn_traced(struct table_learning *learning, size_t row, const struct table_next *next,
                                  uint8_t ended) {
  const size_t pair = (size_t)learning->window_pair[row];
  const double *trace = learning->trace + row * learning->pairs, gamma = learning->settings.gamma;
  const int32_t *traced = learning->traced + row * learning->pairs;
  const bool goes_on = ended == 0 && (!learning->cuts_traces || goes_on_greedily(learning, next));
  const double target = learning->window_reward[row] + gamma * value_after(learning, next, ended);
  const double error = target - learning->table[0][pair];
  MUSTER_TRY(note_error(learning, pair, error));
  visit(learning, row, pair);
  for (int32_t i = 0; i < learning->traces[row]; i++) {
    const size_t moved = (size_t)traced[i];
    set_value(learning, moved, learning->table[0][moved] + learning->learning_rate * error * trace[moved]);
  }
  learning->held[row] = 0;
  if (goes_on)
    decay_traces(learning, row);
  else
    clear_traces(learning, row);
  return MUSTER_OK;
}

/* --- from steps to updates --- */

/* what comes after a row's last step is known now */
static muster_status learn(struct table_learning *learning, size_t row, const struct table_next *next, uint8_t ended) {
  learning->waits[row] = 0;
  if (learning->trace == NULL) return learn_windows(learning, row, next, ended);
  if (learning->held[row] > 0) return learn_traced(learning, row, next, ended);
  if (ended != 0) clear_traces(learning, row);
  return MUSTER_OK;
}

/* learns what is left of an episode, of which no more is known than the state after its last step */
static muster_status learn_end(struct table_learning *learning, size_t row, size_t state, const uint8_t *mask,
                               uint8_t ended) {
  struct table_next next = {.state = state, .mask = mask};
  if (learning->awaits_action && (ended & ENV_TERMINATED) == 0) next.action = learning->choose_action(learning, &next);
  learning->open_state[row] = -1;
  return learn(learning, row, &next, ended);
}

static void hold(struct table_learning *learning, size_t row, const struct table_step *step) {
  const size_t size = (size_t)learning->settings.n_steps;
  size_t at = (size_t)(learning->first[row] + learning->held[row]++);
  if (at >= size) at -= size;
  learning->window_pair[row * size + at] = (int32_t)(step->state * learning->actions + step->action);
  learning->window_reward[row * size + at] = step->reward;
}

muster_status table_learning_take_step(struct table_learning *learning, size_t row, const struct table_step *step) {
  /* where a rollout was lost, the episode ends as a truncated one does */
  if (learning->open_state[row] >= 0 && learning->open_state[row] != (int32_t)step->state)
    MUSTER_TRY(learn_end(learning, row, (size_t)learning->open_state[row], NULL, ENV_TRUNCATED));
  if (learning->waits[row] != 0)
    MUSTER_TRY(learn(learning, row, &(struct table_next){step->state, step->action, step->mask}, 0));

  hold(learning, row, step);
  if (step->ended != 0) return learn_end(learning, row, step->next_state, step->next_mask, step->ended);
  learning->open_state[row] = (int32_t)step->next_state;
  learning->waits[row] = learning->awaits_action;
  if (learning->awaits_action) return MUSTER_OK;
  return learn(learning, row, &(struct table_next){step->next_state, 0, step->next_mask}, 0);
}

/* --- an update --- */

/* notes where the true last observations of truncated episodes are */
static void find_last_observations(struct table_learning *learning) {
  const struct trajectory *rollout = learning->rollout;
  const struct final_observations *finals = &rollout->final_observations;
  for (int32_t i = 0; i < finals->count; i++) {
    const size_t env = (size_t)finals->environment[i] - rollout->first_env;
    learning->final[env * rollout->n_steps + (size_t)finals->step[i]] = i;
  }
}

/* what comes after step t of a row; of a truncated episode the state in which it was cut */
static struct table_next find_next(const struct table_learning *learning, size_t row, size_t t, uint8_t ended) {
  const struct trajectory *rollout = learning->rollout;
  const size_t env = row / rollout->agents, agent = row % rollout->agents;
  const struct final_observations *finals = &rollout->final_observations;
  const int32_t *observations = ended == ENV_TRUNCATED ? finals->observation : rollout->observation;
  const uint8_t *masks = ended == ENV_TRUNCATED ? finals->mask : rollout->mask;
  /* of a rollout that was cut short, what comes after it is where it would have ended */
  const size_t next = t + 1 < (size_t)rollout->length[row] ? t + 1 : rollout->n_steps;
  const size_t at = ended == ENV_TRUNCATED
                        ? (size_t)learning->final[env * rollout->n_steps + t] * rollout->agents + agent
                        : row * (rollout->n_steps + 1) + next;
  return (struct table_next){.state = (size_t)observations[at],
                             .mask = rollout->mask_bytes > 0 ? masks + at * rollout->mask_bytes : NULL};
}

static muster_status learn_step(struct table_learning *learning, size_t row, size_t t) {
  const struct trajectory *rollout = learning->rollout;
  const size_t at = row * rollout->n_steps + t, entry = row * (rollout->n_steps + 1) + t;
  const uint8_t ended = rollout->ended[row / rollout->agents * rollout->n_steps + t];
  const uint8_t *mask = rollout->mask_bytes > 0 ? rollout->mask + entry * rollout->mask_bytes : NULL;
  const struct table_next next = find_next(learning, row, t, ended);
  const struct table_step step = {
      .state = (size_t)((const int32_t *)rollout->observation)[entry],
      .action = (size_t)((const int32_t *)rollout->action)[at],
      .mask = mask,
      .reward = rollout->reward[at],
      .ended = ended,
      .next_state = next.state,
      .next_mask = next.mask,
  };
  return table_learning_take_step(learning, row, &step);
}

enum {
  METRIC_TD_ERROR,
  METRIC_VALUE,
  METRIC_LEARNING_RATE,
  METRIC_N_UPDATES,
  METRIC_EXPLORATION_RATE,
};

const char *const table_learning_metrics[] = {
    "train/td_error", "train/q_value", "train/learning_rate", "train/n_updates", "rollout/exploration_rate", NULL};

muster_status table_learning_update(void *algorithm, double progress_remaining, double *metrics) {
  struct table_learning *learning = algorithm;
  const int64_t before = learning->updates;
  stages_enter(learning->stages, STAGE_UPDATE);
  learning->learning_rate = option_schedule_value(&learning->settings.learning_rate, progress_remaining);
  learning->sum_error = learning->sum_value = 0;
  find_last_observations(learning);
  for (size_t t = 0; t < learning->rollout->n_steps; t++)
    for (size_t row = 0; row < learning->rows; row++)
      if (t < (size_t)learning->rollout->length[row]) MUSTER_TRY(learn_step(learning, row, t));

  const int64_t made = learning->updates - before;
  metrics[METRIC_TD_ERROR] = made > 0 ? learning->sum_error / (double)made : NAN;
  metrics[METRIC_VALUE] = made > 0 ? learning->sum_value / (double)made : NAN;
  metrics[METRIC_LEARNING_RATE] = learning->learning_rate;
  metrics[METRIC_N_UPDATES] = (double)learning->updates;
  metrics[METRIC_EXPLORATION_RATE] = learning->exploration_rate;
  set_exploration(learning, progress_remaining);
  return MUSTER_OK;
}
