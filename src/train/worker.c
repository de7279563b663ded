#include "train/worker.h"

#include "comm/watchdog.h"
#include "train/evaluator.h"

#include <math.h>
#include <string.h>

static muster_status create_pool(struct worker *worker) {
  const struct run_config *config = &worker->config;
  const struct env_source_request request = run_config_env_source(config);
  MUSTER_TRY(env_source_open(&request, &worker->env));
  muster_env_setting settings[OPTION_MAP_MAX + 1];
  run_config_env_settings(config, settings);
  struct env_range range = topology_envs(&worker->topology, worker->topology.rank);
  if (range.count == 0) range.count = 1;
  MUSTER_TRY(env_pool_create(worker->env.type, settings, (uint64_t)config->general.seed, range.first, range.count,
                             &worker->pool));
  struct env_wrappers wrappers = run_config_env_wrappers(config);
  wrappers.group_size = worker->plan.group_size;
  MUSTER_TRY(env_pool_wrap(worker->pool, &wrappers));
  if (config->run.on_nan == ON_NAN_SKIP) env_pool_tolerate_faults(worker->pool);
  return MUSTER_OK;
}

/* --- the group, as algorithms know it --- */

static muster_status share_memory(void *group, size_t bytes, void **memory) {
  return group_share(group, bytes, memory);
}

static muster_status gather_memory(void *group, void *memory, const size_t *offsets) {
  return group_gather(group, memory, offsets);
}

static muster_status create_group(struct worker *worker) {
  const struct topology *topology = &worker->topology;
  if (topology->learners == 1) return MUSTER_OK;
  MUSTER_TRY(group_create(worker->comm, topology->group, topology->learners, &worker->group));
  if (worker->group == NULL) return MUSTER_OK;
  worker->learners = (struct learner_group){.size = (size_t)group_ranks(worker->group),
                                            .index = (size_t)group_rank(worker->group),
                                            .context = worker->group,
                                            .share = share_memory,
                                            .gather = gather_memory};
  return MUSTER_OK;
}

/* --- rollout and batch --- */

static muster_status take_batch(struct worker *worker, struct arena *arena) {
  MUSTER_TRY(ARENA_TAKE(arena, 1, "the batch's head", &worker->batch_head));
  return trajectory_create(env_pool_spec(worker->pool), worker->schedule->batch_envs(worker), worker->plan.n_steps,
                           arena, &worker->whole);
}

/* the batch of a group lies in memory that those of a node share: all take the same pieces of it */
static muster_status share_batch(struct worker *worker) {
  struct arena *measured;
  void *memory;
  MUSTER_TRY(arena_create(&measured));
  muster_status status = take_batch(worker, measured);
  const size_t room = arena_room(measured);
  arena_destroy(&measured);
  if (status == MUSTER_OK) status = group_share(worker->group, room, &memory);
  if (status == MUSTER_OK) status = arena_create_in(memory, room, &worker->shared);
  return status == MUSTER_OK ? take_batch(worker, worker->shared) : status;
}

static muster_status create_batch(struct worker *worker) {
  if (!worker->topology.learns) return MUSTER_OK;
  MUSTER_TRY(worker->group != NULL ? share_batch(worker) : take_batch(worker, worker->arena));
  worker->batch = &worker->whole;
  if (!worker->topology.leads) return MUSTER_OK;
  return ARENA_TAKE(worker->arena, (size_t)worker->config.env.num_envs * worker->env_state_bytes, "environment states",
                    &worker->batch_env_states);
}

static muster_status create_rollout(struct worker *worker) {
  const struct topology *topology = &worker->topology;
  if (!topology->acts) return MUSTER_OK;
  const struct env_range range = topology_envs(topology, topology->rank);
  const size_t first = (size_t)range.first, count = (size_t)range.count;
  struct arena *arena = worker->arena;
  worker->rollout = &worker->own;
  if (worker->batch_env_states != NULL)
    worker->env_states = worker->batch_env_states + first * worker->env_state_bytes;
  else
    MUSTER_TRY(ARENA_TAKE(arena, count * worker->env_state_bytes, "environment states", &worker->env_states));
  worker->is_in_place = topology->learns && worker->schedule->rolls_out_in_place;
  if (!worker->is_in_place) {
    MUSTER_TRY(trajectory_create(env_pool_spec(worker->pool), count, worker->plan.n_steps, arena, worker->rollout));
    worker->rollout->first_env = first;
    return MUSTER_OK;
  }
  if (topology->ranks > 1) return trajectory_view(worker->batch, first, count, arena, worker->rollout);
  worker->rollout = worker->batch;
  return MUSTER_OK;
}

muster_status worker_create(struct worker *worker, const struct run_config *config, const struct topology *placed,
                            const char *run_folder, struct comm *comm) {
  *worker = (struct worker){.config = *config, .comm = comm, .run_folder = run_folder};
  stages_start(&worker->stages, NULL, 0);
  int32_t num_envs = (int32_t)config->env.num_envs;
  worker->topology = placed != NULL ? *placed : topology_create(comm_size(comm), comm_rank(comm), num_envs);
  const struct topology *topology = &worker->topology;
  worker->logger = (struct logger){LOG_INFO, topology->learns ? "learner" : "actor", topology->rank};
  MUSTER_TRY(arena_create(&worker->arena));
  const struct algorithm_type *algorithm;
  MUSTER_TRY(algorithm_find(config->algorithm_name, &algorithm));
  worker->plan = algorithm->plan(config->algorithm);
  worker->schedule = schedule_of(&worker->config);
  MUSTER_TRY(comm_agree(comm, create_pool(worker)));
  MUSTER_TRY(create_group(worker));
  worker->env_state_bytes = env_pool_state_bytes(worker->pool);
  MUSTER_TRY(create_batch(worker));
  return create_rollout(worker);
}

muster_status worker_share_batch(struct worker *worker) {
  struct batch_head *head = worker->batch_head;
  struct final_observations *final_observations = &worker->batch->final_observations;
  if (worker->group == NULL) return MUSTER_OK;
  if (worker->topology.leads) head->final_observations = final_observations->count;
  MUSTER_TRY(group_broadcast(worker->group, head, sizeof *head));
  final_observations->count = head->final_observations;
  if (!group_spans_nodes(worker->group)) return MUSTER_OK;
  /* last observations lie behind everything else, and only those that are there are sent */
  char *rest = (char *)(head + 1);
  return group_broadcast(worker->group, rest, (size_t)(trajectory_end(worker->batch) - rest));
}

/* --- exchanges --- */

/* what a rank exchanges: the whole batch on the rank that leads, its own rows on one that acts */
static struct trajectory *exchanged(struct worker *worker) {
  bool whole = worker->topology.leads || worker->rollout == NULL;
  return whole ? worker->batch : worker->rollout;
}

/* the arrays that a rollout has in this run */
static int list_fields(const struct trajectory *rollout, struct gather_field fields[STEP_FIELD_COUNT]) {
  int n = 0;
  for (int i = 0; i < STEP_FIELD_COUNT; i++)
    if (trajectory_env_bytes(rollout, i) > 0)
      fields[n++] = (struct gather_field){rollout->array[i], trajectory_env_bytes(rollout, i)};
  return n;
}

size_t worker_rollout_bytes(const struct worker *worker, size_t n_envs) {
  const struct trajectory *rollout = worker->batch != NULL ? worker->batch : worker->rollout;
  size_t bytes = 0;
  for (int i = 0; i < STEP_FIELD_COUNT; i++) bytes += n_envs * trajectory_env_bytes(rollout, i);
  return bytes;
}

/* the learner's list of final observations collects those of all; another rank's has its own, or none */
static struct gather_list list_finals(struct worker *worker, struct gather_field fields[FINAL_FIELD_COUNT]) {
  struct trajectory *finals = worker->topology.leads ? worker->batch : &worker->own;
  void *arrays[FINAL_FIELD_COUNT];
  trajectory_list_finals(finals, arrays);
  for (int i = 0; i < FINAL_FIELD_COUNT; i++)
    fields[i] = (struct gather_field){arrays[i], trajectory_final_bytes(exchanged(worker), i)};
  return (struct gather_list){.count = &finals->final_observations.count,
                              .capacity = finals->final_observations.capacity,
                              .n_fields = FINAL_FIELD_COUNT,
                              .field = fields};
}

/* how many actors end a rollout when they are done: their share, rounded up but for what doubles add to a product */
static int actors_needed(const struct worker *worker) {
  return (int)ceil(worker->config.loop.straggler_fraction * worker->topology.actors - 1e-9);
}

/* the order, for this model's policy; NULL: for none */
static muster_status take_command(struct worker *worker, const struct model *model, size_t *command_bytes) {
  if (model != NULL) {
    const bool takes_all = worker->schedule->actors_compute_gradients;
    worker->command_parameters = takes_all ? model->parameters.count : model->policy_count;
    worker->command_floats = worker->command_parameters + model->encoder.statistics_count;
  }
  *command_bytes = sizeof(struct command) + worker->command_floats * sizeof(float);
  return arena_take(worker->arena, 1, *command_bytes, "the parameters' message", (void **)&worker->command);
}

muster_status worker_connect_rollouts(struct worker *worker, size_t command_bytes) {
  MUSTER_TRY(broadcast_create(worker->comm, worker->command, command_bytes, worker->topology.learner,
                              &worker->command_broadcast));
  struct gather_field fields[STEP_FIELD_COUNT], final_fields[FINAL_FIELD_COUNT];
  const int n_fields = list_fields(exchanged(worker), fields);
  const struct gather_list list = list_finals(worker, final_fields);
  const enum gather_rows which = worker->schedule->rolls_out_in_place ? GATHER_IN_PLACE : GATHER_ALL;
  MUSTER_TRY(gather_create(worker->comm, &worker->topology, which, fields, n_fields, &list, &worker->rollout_gather));
  return preemption_create(worker->comm, &worker->topology, actors_needed(worker), &worker->preemption);
}

muster_status worker_connect(struct worker *worker, const struct model *model) {
  size_t command_bytes;
  bool is_needed = topology_has_pure_actors(&worker->topology) || !worker->schedule->rolls_out_in_place;
  MUSTER_TRY(comm_agree(worker->comm, take_command(worker, is_needed ? model : NULL, &command_bytes)));
  MUSTER_TRY(evaluator_create(worker, &worker->evaluator));
  MUSTER_TRY(worker->schedule->connect(worker, model, command_bytes));
  const struct gather_field states[] = {
      {worker->topology.leads ? worker->batch_env_states : worker->env_states, worker->env_state_bytes}};
  return gather_create(worker->comm, &worker->topology, GATHER_ALL, states, 1, NULL, &worker->state_gather);
}

void worker_start_clock(struct worker *worker) {
  stages_start(&worker->stages, worker->trace.events, worker->trace.capacity);
  comm_set_stages(worker->comm, &worker->stages);
  if (worker->group != NULL) group_set_stages(worker->group, &worker->stages);
}

/* a near rank can tell the message from the wait before it (comm_set_stages()) */
static void enter_broadcast(struct worker *worker) {
  watchdog_enter(worker->comm, WATCH_WAIT, worker->command->iteration + 1);
  bool is_near = comm_is_near(worker->comm, worker->topology.learner);
  stages_enter(&worker->stages, is_near ? STAGE_BROADCAST : STAGE_WAIT);
}

muster_status worker_broadcast_command(struct worker *worker) {
  enter_broadcast(worker);
  if (worker->topology.leads) stages_mark(&worker->stages, EVENT_COMMAND);
  /* the leading rank has the rollout before this order, which it tells the others by it */
  if (worker->topology.leads) MUSTER_TRY(preemption_end_rollout(worker->preemption));
  MUSTER_TRY(broadcast_run(worker->command_broadcast));
  if (!worker->topology.leads) MUSTER_TRY(preemption_end_rollout(worker->preemption));
  /* it has come: what is done with it is no wait, on a far rank either */
  stages_enter(&worker->stages, STAGE_BROADCAST);
  if (!worker->topology.leads && !command_is_of_evaluation(worker->command))
    stages_mark(&worker->stages, EVENT_COMMAND);
  return MUSTER_OK;
}

muster_status worker_broadcast_evaluation(struct worker *worker) {
  enter_broadcast(worker);
  MUSTER_TRY(broadcast_run(worker->command_broadcast));
  stages_enter(&worker->stages, STAGE_EVALUATION);
  return MUSTER_OK;
}

void worker_release(struct worker *worker) {
  if (worker->comm != NULL) comm_set_stages(worker->comm, NULL);
  evaluator_destroy(&worker->evaluator);
  broadcast_destroy(&worker->command_broadcast);
  preemption_destroy(&worker->preemption);
  gather_destroy(&worker->rollout_gather);
  gather_destroy(&worker->state_gather);
  channel_destroy(&worker->channel);
  env_pool_destroy(&worker->pool);
  env_source_close(&worker->env);
  arena_destroy(&worker->shared);
  group_destroy(&worker->group);
  arena_destroy(&worker->arena);
}
