/* Asynchronous, with a replay (Ape-X, Horgan et al. 2018): the learner puts the trajectories of actors into the replay
 * in the order in which they come, and learns from steps that are drawn from it. How many updates there are for so many
 * steps is kept by a rate limiter (experience/rate_limiter.h). Nobody polls: a message that may not come in yet is left
 * in its slot, so that its actor gets no credit and sleeps; a learner that may not update sleeps until a message comes.
 *
 * A turn takes what has come, and makes as many updates as follow a rollout in step, both as far as the limiter lets
 * it; then it gives a command with the new policy. Before a checkpoint all that is under way comes in, whatever the
 * limiter says, which then makes up for it. */
#include "train/asynchronous.h"

/* --- taking messages --- */

/* the trajectories of a message go into the replay */
static muster_status insert(struct learner *learner) {
  struct asynchronous_learner *async = learner->schedule_data;
  const struct trajectory *batch = &learner->gathering->batch;
  const double progress = learner_progress_remaining(learner, learner->run->config.general.total_steps);
  int64_t in_step;
  MUSTER_TRY(algorithm_take_rollout(learner->type, learner->algorithm, progress, &in_step));
  normalizer_observe(&learner->normalizer, batch);
  rate_limiter_insert(&async->limiter, trajectory_steps(batch));
  async->taken += (int64_t)batch->n_envs;
  return MUSTER_OK;
}

static muster_status take_into_replay(struct learner *learner, const struct held_message *taken) {
  const struct trajectory *batch = &learner->gathering->batch;
  int64_t version;
  MUSTER_TRY(asynchronous_take_rollout(learner, taken, &version));
  if (batch->n_envs > 0) {
    asynchronous_count_lag(learner, version, (int64_t)batch->n_envs);
    MUSTER_TRY(insert(learner));
  }
  asynchronous_empty_batch(learner);
  phases_go_on(learner->run->phases, PHASE_STATISTICS);
  return MUSTER_OK;
}

/* Finds the next message, and holds it; waits for one only where there is nothing else to do. */
static muster_status find_message(struct learner *learner, bool *is_found) {
  struct asynchronous_learner *async = learner->schedule_data;
  struct rate_limiter *limiter = &async->limiter;
  *is_found = async->n_held > 0;
  if (*is_found) return MUSTER_OK;
  MUSTER_TRY(channel_has_next(learner->transport->channel, is_found));
  const bool waits = !*is_found && async->taken == 0 && !rate_limiter_allows_update(limiter);
  if (!*is_found && !waits) return MUSTER_OK;
  limiter->waits_for_steps += waits && limiter->inserts > limiter->min_size;
  MUSTER_TRY(asynchronous_next_message(learner, &async->held[0]));
  async->n_held = 1;
  *is_found = true;
  return MUSTER_OK;
}

/* whether the limiter lets the oldest message in; the first time that it does not, its wait is counted */
static bool is_admitted(struct learner *learner) {
  struct asynchronous_learner *async = learner->schedule_data;
  struct held_message *held = &async->held[0];
  const int64_t envs = topology_envs(&learner->run->topology, held->rank).count;
  if (rate_limiter_admits(&async->limiter, envs * (int64_t)learner->run->needs.n_steps)) return true;
  async->limiter.waits_for_updates += !held->is_noted;
  held->is_noted = true;
  return false;
}

/* The learner has a look at signals and checkpoints between turns: so one takes what all environments make in two
 * rollouts, at most. */
static muster_status take_what_has_come(struct learner *learner) {
  struct asynchronous_learner *async = learner->schedule_data;
  if (learner->run->repeated != NULL) return asynchronous_repeat(learner);
  while (async->taken < 2 * learner->run->config.env.num_envs) {
    bool is_found;
    MUSTER_TRY(find_message(learner, &is_found));
    if (!is_found || !is_admitted(learner)) break;
    struct held_message taken;
    MUSTER_TRY(asynchronous_first_message(learner, &taken));
    MUSTER_TRY(take_into_replay(learner, &taken));
  }
  return MUSTER_OK;
}

/* --- updates --- */

static muster_status take_turn(struct learner *learner) {
  struct phases *phases = learner->run->phases;
  MUSTER_TRY(take_what_has_come(learner));
  MUSTER_TRY(asynchronous_flush_row(learner));
  stages_mark(&phases->clock, EVENT_ROLLOUT);
  phases_enter(phases, PHASE_UPDATE, learner->iteration + 1);
  MUSTER_TRY(asynchronous_learn(learner));
  asynchronous_of(learner)->taken = 0;
  return MUSTER_OK;
}

/* as many updates as a turn may have */
static muster_status update(struct learner *learner) {
  struct rate_limiter *limiter = &asynchronous_of(learner)->limiter;
  for (int64_t i = 0; i < limiter->updates_at_once && rate_limiter_allows_update(limiter); i++) {
    rate_limiter_update(limiter);
    MUSTER_TRY(learner_make_update(learner));
  }
  return MUSTER_OK;
}

/* --- the schedule --- */

static const struct sent sent_to_replay = {.learn_from_next = take_turn, .take = take_into_replay};

static muster_status prepare_learner(struct learner *learner) {
  const struct run *run = learner->run;
  MUSTER_TRY(asynchronous_prepare_learner(learner, &sent_to_replay));
  const int64_t rollout_steps = run->config.env.num_envs * (int64_t)run->needs.n_steps;
  asynchronous_of(learner)->limiter = rate_limiter_create(&run->needs.limits, rollout_steps);
  learner->limiter = &asynchronous_of(learner)->limiter;
  return MUSTER_OK;
}

/* the trajectories of a message: at most those of all environments */
static size_t batch_of_message(const struct run *run) { return (size_t)run->config.env.num_envs; }

const struct schedule schedule_asynchronous_replay = {
    .name = "asynchronous",
    .records_schedule = true,
    .reports_policy_lag = true,
    .limits_rates = true,
    .next_command_ends_evaluation = true,
    .batch_envs = batch_of_message,
    .connect = asynchronous_connect,
    .prepare_learner = prepare_learner,
    .prepare_actor = schedule_no_actor,
    .lead = asynchronous_lead,
    .follow = asynchronous_follow,
    .act = asynchronous_act,
    .begin_rollout = asynchronous_begin_rollout,
    .before_step = asynchronous_before_step,
    .update = update,
    .iterate = asynchronous_iterate,
    .play_slice = asynchronous_play_slice,
    .end_evaluation = asynchronous_end_evaluation,
    .state = asynchronous_state,
    .restore_counts = asynchronous_restore_counts,
    .restored = asynchronous_restored,
    .give_up_rollouts = asynchronous_give_up_rollouts,
};
