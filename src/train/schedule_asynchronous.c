/* Asynchronous: actors send trajectories, which wait in the batch until there are enough for an update, or gradients,
 * each of which is a step of the optimizer. The loop is in asynchronous_learner.c. */
#include "train/asynchronous.h"

#include <string.h>

static muster_status take_into_batch(struct learner *learner, const struct held_message *taken) {
  int64_t version;
  MUSTER_TRY(asynchronous_take_rollout(learner, taken, &version));
  phases_go_on(learner->run->phases, PHASE_STATISTICS);
  return MUSTER_OK;
}

/* --- collecting a batch --- */

/* whether the next message of an actor would be too old after the next update */
static bool is_urgent(const struct learner *learner, int rank) {
  const struct rollout_needs *needs = &learner->run->needs;
  if (!needs->block_on_lag || !topology_rank_acts(&learner->run->topology, rank)) return false;
  return learner->iteration + 1 - asynchronous_of(learner)->under_way[rank] > needs->max_policy_lag;
}

static bool any_is_urgent(const struct learner *learner) {
  for (int rank = 0; rank < learner->run->topology.ranks; rank++)
    if (is_urgent(learner, rank)) return true;
  return false;
}

/* Takes messages until there are enough trajectories. With on_lag: block it then waits for actors whose next message
 * would otherwise be too old; messages of others that come meanwhile are held back for the next update. */
static muster_status collect_batch(struct learner *learner) {
  struct asynchronous_learner *async = learner->schedule_data;
  const int64_t enough = (int64_t)learner->run->needs.batch;
  struct held_message next;
  if (learner->run->repeated != NULL) return asynchronous_repeat(learner);
  while (async->trajectories < enough) {
    MUSTER_TRY(asynchronous_first_message(learner, &next));
    MUSTER_TRY(take_into_batch(learner, &next));
  }
  int held = 0;
  while (any_is_urgent(learner)) {
    if (held < async->n_held) {
      next = async->held[held];
      memmove(async->held + held, async->held + held + 1, (size_t)(--async->n_held - held) * sizeof *async->held);
    } else {
      MUSTER_TRY(asynchronous_next_message(learner, &next));
    }
    if (is_urgent(learner, next.rank)) {
      MUSTER_TRY(take_into_batch(learner, &next));
      continue;
    }
    memmove(async->held + held + 1, async->held + held, (size_t)(async->n_held - held) * sizeof *async->held);
    async->held[held++] = next;
    async->n_held++;
  }
  return MUSTER_OK;
}

/* one update from the next trajectories */
static muster_status learn_from_batch(struct learner *learner) {
  struct asynchronous_learner *async = learner->schedule_data;
  MUSTER_TRY(collect_batch(learner));
  MUSTER_TRY(asynchronous_flush_row(learner));
  stages_mark(&learner->run->phases->clock, EVENT_ROLLOUT);
  phases_enter(learner->run->phases, PHASE_UPDATE, learner->iteration + 1);
  for (int64_t i = 0; i < async->trajectories; i++) asynchronous_count_lag(learner, async->versions[i], 1);
  return asynchronous_learn(learner);
}

/* one step with a gradient */
static muster_status learn_from_gradient(struct learner *learner, const struct held_message *taken) {
  struct asynchronous_learner *async = learner->schedule_data;
  struct parameters *parameters = &learner->model.parameters;
  const struct message *message = taken->message;
  bool has_faults = (message->flags & FLAG_FAULT) != 0;
  memcpy(parameters->gradients, message_gradient(message), parameters->count * sizeof(float));
  memcpy(async->terms, message->terms, sizeof async->terms);
  const int64_t trajectories = topology_envs(&learner->run->topology, taken->rank).count, version = message->version;
  MUSTER_TRY(take_into_batch(learner, taken));
  if (has_faults) return MUSTER_OK;
  MUSTER_TRY(asynchronous_flush_row(learner));
  asynchronous_count_lag(learner, version, trajectories);
  return asynchronous_learn(learner);
}

static muster_status learn_from_next_gradient(struct learner *learner) {
  struct held_message next;
  MUSTER_TRY(asynchronous_first_message(learner, &next));
  return learn_from_gradient(learner, &next);
}

/* --- actors send trajectories, which wait in the batch until there are enough for an update --- */

static const struct sent sent_trajectories = {.learn_from_next = learn_from_batch, .take = take_into_batch};

static muster_status prepare_for_trajectories(struct learner *learner) {
  return asynchronous_prepare_learner(learner, &sent_trajectories);
}

/* the trajectories of an update, and all that actors may have sent or under way */
static size_t batch_of_trajectories(const struct run *run) {
  return run->needs.batch + (CHANNEL_SLOTS + 1) * (size_t)run->config.env.num_envs;
}

const struct schedule schedule_asynchronous = {
    .name = "asynchronous",
    .records_schedule = true,
    .reports_policy_lag = true,
    .next_command_ends_evaluation = true,
    .batch_envs = batch_of_trajectories,
    .connect = asynchronous_connect,
    .prepare_learner = prepare_for_trajectories,
    .prepare_actor = schedule_no_actor,
    .lead = asynchronous_lead,
    .follow = asynchronous_follow,
    .act = asynchronous_act,
    .begin_rollout = asynchronous_begin_rollout,
    .before_step = asynchronous_before_step,
    .update = learner_update_from_batch,
    .iterate = asynchronous_iterate,
    .play_slice = asynchronous_play_slice,
    .end_evaluation = asynchronous_end_evaluation,
    .state = asynchronous_state,
    .restore_counts = asynchronous_restore_counts,
    .restored = asynchronous_restored,
    .give_up_rollouts = asynchronous_give_up_rollouts,
};

/* --- actors send gradients, each of which is a step of the optimizer --- */

static muster_status learn_in_pause(struct learner *learner, const struct held_message *taken) {
  const int64_t before = learner->iteration;
  MUSTER_TRY(learn_from_gradient(learner, taken));
  return asynchronous_end_iteration(learner, before);
}

static const struct sent sent_gradients = {.learn_from_next = learn_from_next_gradient, .take = learn_in_pause};

static muster_status prepare_for_gradients(struct learner *learner) {
  return asynchronous_prepare_learner(learner, &sent_gradients);
}

static size_t batch_of_gradients(const struct run *run) { return (size_t)run->config.env.num_envs; }

static muster_status apply_gradient(struct learner *learner) {
  return learner->type->apply(learner->algorithm, learner->gathering->head->progress_remaining,
                              asynchronous_of(learner)->terms, learner->metrics.mean);
}

const struct schedule schedule_asynchronous_gradients = {
    .name = "asynchronous",
    .actors_compute_gradients = true,
    .reports_policy_lag = true,
    .next_command_ends_evaluation = true,
    .batch_envs = batch_of_gradients,
    .connect = asynchronous_connect,
    .prepare_learner = prepare_for_gradients,
    .prepare_actor = asynchronous_prepare_gradients,
    .lead = asynchronous_lead,
    .follow = asynchronous_follow,
    .act = asynchronous_act,
    .begin_rollout = asynchronous_begin_rollout,
    .before_step = asynchronous_before_step,
    .update = apply_gradient,
    .iterate = asynchronous_iterate,
    .play_slice = asynchronous_play_slice,
    .end_evaluation = asynchronous_end_evaluation,
    .state = asynchronous_state,
    .restore_counts = asynchronous_restore_counts,
    .restored = asynchronous_restored,
    .give_up_rollouts = asynchronous_give_up_rollouts,
};
