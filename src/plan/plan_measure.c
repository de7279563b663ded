/* Measures rollouts and the update on one core, then the exchange between the ranks of this node, in the same cycles as
 * in a run, so that ranks also sleep and wake up as in a run. */
#include "plan/plan_measure.h"

#include "algo/a2c.h"
#include "algo/micro_batches.h"
#include "base/clock.h"
#include "base/statistics.h"
#include "bench/single_rank.h"
#include "bench/transport_bench.h"
#include "comm/broadcast.h"
#include "math/vector.h"
#include "train/learner.h"

#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- samples: every call is timed by itself, and the median counts --- */

#define MAX_SAMPLES 2000

struct samples {
  int n;
  double seconds[MAX_SAMPLES];
};

static void add_sample(struct samples *samples, double seconds) {
  if (samples->n < MAX_SAMPLES) samples->seconds[samples->n++] = seconds;
}

/* sorts the samples */
static double median(struct samples *samples) { return statistics_median((size_t)samples->n, samples->seconds); }

/* how often something is timed: at least `fewest` times, then until `seconds` are over */
struct effort {
  int fewest, cycles;
  double seconds;
};

/* --- rollouts of an actor, alone on its core --- */

/* The same environments and networks in a run whose actors wait, so that rollouts and messages can be timed one by one;
 * replaces an asynchronous algorithm by a2c. */
static struct run_config in_step(const struct run_config *config) {
  struct run_config lockstep = *config;
  lockstep.loop = (struct loop_options){.straggler_fraction = 1};
  lockstep.ranks.learners = 0;
  lockstep.ranks.colocate = false;
  if (schedule_of(&lockstep) == &schedule_in_step) return lockstep;
  snprintf(lockstep.algorithm_name, sizeof lockstep.algorithm_name, "a2c");
  memset(lockstep.algorithm, 0, sizeof lockstep.algorithm);
  ((struct a2c_options *)lockstep.algorithm)->settings.n_steps =
      (int64_t)algorithm_needs(run_config_algorithm(config), config->algorithm).n_steps;
  return lockstep;
}

struct acting {
  struct single_rank single;
  struct model model;
  struct actor actor;
  struct samples samples;
};

static muster_status create_acting(const struct run_config *config, int32_t envs, struct acting *acting) {
  struct run_config few = in_step(config);
  few.env.num_envs = envs;
  struct single_rank *single = &acting->single;
  struct run *run = &single->run;
  MUSTER_TRY(single_rank_create_for(&few, single));
  const muster_env_spec *spec = env_pool_spec(run->pool);
  MUSTER_TRY(model_create(&few.policy, &spec->observation, &spec->action, NULL, run->arena, &acting->model));
  MUSTER_TRY(model_initialize(&acting->model, &few.policy, (uint64_t)few.general.seed));
  MUSTER_TRY(normalizer_prepare(&few.normalize, run->arena, &acting->model.encoder));
  model_pack(&acting->model, false);
  MUSTER_TRY(actor_create(&single->gathering, &single->transport, &acting->model, &acting->actor));
  return actor_start_envs(&acting->actor, false);
}

/* adds a number of environments to time; the points stay in ascending order without duplicates */
static void add_point(struct plan_costs *costs, int32_t envs) {
  int at = costs->n_points;
  while (at > 0 && costs->rollout[at - 1].envs >= envs) at--;
  bool is_there = at < costs->n_points && costs->rollout[at].envs == envs;
  if (is_there || costs->n_points == PLAN_MAX_POINTS) return;
  memmove(&costs->rollout[at + 1], &costs->rollout[at], (size_t)(costs->n_points - at) * sizeof costs->rollout[0]);
  costs->rollout[at].envs = envs;
  costs->n_points++;
}

/* adds the environments that an actor has at these numbers of ranks, where actors learn as well and where they do
 * not */
static void add_points(struct plan_costs *costs, const int *ranks, int n_ranks) {
  for (int i = 0; i < n_ranks; i++)
    for (int colocated = 0; colocated < 2; colocated++) {
      int32_t actors = plan_actors(ranks[i], 1, colocated);
      if (actors <= costs->num_envs) add_point(costs, (costs->num_envs + actors - 1) / actors);
    }
}

/* seconds for which this thread has computed */
static double computed_seconds(void) {
  struct timespec time;
  return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0 ? (double)time.tv_sec + 1e-9 * (double)time.tv_nsec : 0;
}

/* one rollout of each in turn, so that other load on the machine affects all of them alike; the first round warms up */
static muster_status time_rollouts(struct acting *acting, int n, const struct effort *effort,
                                   struct plan_costs *costs) {
  double start = clock_seconds(), end = start + effort->seconds, worked = computed_seconds();
  for (int round = 0; round < MAX_SAMPLES && (round <= effort->fewest || clock_seconds() < end); round++)
    for (int i = 0; i < n; i++) {
      acting[i].single.transport.command->iteration++;
      MUSTER_TRY(actor_roll_out(&acting[i].actor));
      if (round > 0) add_sample(&acting[i].samples, acting[i].actor.seconds);
    }
  costs->busy = fmin(1, (computed_seconds() - worked) / (clock_seconds() - start));
  return MUSTER_OK;
}

static muster_status measure_rollouts(const struct run_config *config, const struct effort *effort,
                                      struct plan_costs *costs) {
  struct acting *acting = calloc((size_t)costs->n_points, sizeof *acting);
  if (acting == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  muster_status status = MUSTER_OK;
  for (int i = 0; i < costs->n_points && status == MUSTER_OK; i++)
    status = create_acting(config, costs->rollout[i].envs, &acting[i]);
  if (status == MUSTER_OK) status = time_rollouts(acting, costs->n_points, effort, costs);
  for (int i = 0; i < costs->n_points; i++) {
    if (status == MUSTER_OK) costs->rollout[i].seconds = median(&acting[i].samples);
    single_rank_release(&acting[i].single);
  }
  free(acting);
  return status;
}

/* --- whole iterations on one rank --- */

struct learning {
  struct single_rank single;
  struct learner learner;
  struct actor actor;
  struct samples rollout, update;
};

static muster_status create_learning(const struct run_config *config, struct learning *learning) {
  struct single_rank *single = &learning->single;
  struct run_config alone = *config;
  alone.loop.pipeline = 0;
  alone.ranks.colocate = false;
  MUSTER_TRY(single_rank_begin(&alone, single));
  struct learner *learner = &learning->learner;
  MUSTER_TRY(learner_create(&single->gathering, &single->transport, NULL, learner));
  MUSTER_TRY(actor_create(&single->gathering, &single->transport, &learner->model, &learning->actor));
  MUSTER_TRY(transport_create(&learner->model, &single->gathering, &learning->actor, &single->transport));
  learner->actor = &learning->actor;
  return actor_start_envs(&learning->actor, false);
}

/* reads a counter in the algorithm's state */
static double counter(const struct learner *learner, const char *name) {
  struct tensor state[ALGORITHM_MAX_STATE];
  int n = algorithm_state(learner->type, learner->algorithm, state);
  for (int i = 0; i < n; i++)
    if (strcmp(state[i].name, name) == 0) return (double)*(const int64_t *)state[i].data;
  return 0;
}

/* reads all counts up to now */
struct counts {
  double steps, optimizer_steps, epochs;
};

static struct counts count(const struct learner *learner) {
  return (struct counts){(double)learner->total_steps, counter(learner, "optimizer/steps"),
                         counter(learner, "algorithm/epochs")};
}

static double seconds_between(const struct stages *before, const struct stages *after, enum stage stage) {
  return after->seconds[stage] - before->seconds[stage];
}

static muster_status iterate(struct learning *learning) {
  struct learner *learner = &learning->learner;
  learning->single.transport.command->iteration = learner->iteration;
  return learner->run->schedule->iterate(learner);
}

/* runs iterations until a replay is learned from, in as much time as is measured afterwards */
static muster_status fill_replay(struct learning *learning, const struct effort *effort) {
  const struct learner *learner = &learning->learner;
  const struct rollout_needs *needs = &learner->run->needs;
  const double end = clock_seconds() + effort->seconds;
  while (needs->replay > 0 && learner->total_steps <= needs->warm_up && clock_seconds() < end)
    MUSTER_TRY(iterate(learning));
  return MUSTER_OK;
}

/* runs iterations; the first two warm up, then `from` gets the counts */
static muster_status time_iterations(struct learning *learning, const struct effort *effort, struct counts *from) {
  struct learner *learner = &learning->learner;
  struct stages *stages = &learning->single.run.phases->clock;
  const int warm = 2;
  MUSTER_TRY(fill_replay(learning, effort));
  const double end = clock_seconds() + effort->seconds;
  for (int i = 0; i < MAX_SAMPLES && (i < warm + effort->fewest || clock_seconds() < end); i++) {
    if (i == warm) *from = count(learner);
    stages_total(stages);
    const struct stages before = *stages;
    MUSTER_TRY(iterate(learning));
    if (i < warm) continue;
    stages_total(stages);
    add_sample(&learning->rollout, seconds_between(&before, stages, STAGE_ROLLOUT));
    add_sample(&learning->update,
               seconds_between(&before, stages, STAGE_ADVANTAGES) + seconds_between(&before, stages, STAGE_UPDATE));
  }
  return MUSTER_OK;
}

/* times what each of several learners does by itself in a step of the optimizer: the norm, the step, packing the
 * weights */
static muster_status time_own_step(struct learning *learning, double *seconds) {
  struct model *model = &learning->learner.model;
  const size_t n = model->parameters.count;
  struct samples samples = {.n = 0};
  struct optimizer optimizer;
  MUSTER_TRY(optimizer_create(&optimizer_adam, n, 1e-5, learning->single.run.arena, &optimizer));
  for (int i = 0; i < 50; i++) {
    double start = clock_seconds();
    double norm = sqrt(vector_sum_of_squares(n, model->parameters.gradients));
    optimizer_step(&optimizer, model->parameters.values, model->parameters.gradients, 1.0 / (norm + 1.0), 0.0);
    model_pack(model, true);
    add_sample(&samples, clock_seconds() - start);
  }
  *seconds = median(&samples);
  return MUSTER_OK;
}

/* computes the costs of an iteration from what was timed: a rollout of all environments, with its update or its part of
 * one */
static muster_status sum_up(struct learning *learning, const struct counts *from, struct plan_costs *costs) {
  const struct run *run = &learning->single.run;
  const struct trajectory *batch = &learning->single.gathering.batch;
  const struct model *model = &learning->learner.model;
  const struct counts to = count(&learning->learner);
  const double n = learning->update.n, steps = (to.steps - from->steps) / n;
  const double optimizer_steps = (to.optimizer_steps - from->optimizer_steps) / n;
  const double samples = run->needs.replay > 0 ? optimizer_steps * (double)run->needs.minibatch
                                               : steps * (double)batch->agents * (to.epochs - from->epochs) / n;
  double whole = steps; /* steps of an iteration */
  if (costs->mode == PLAN_ASYNCHRONOUS) whole = (double)costs->num_envs * (double)run->needs.n_steps;
  const double part = whole / steps;
  MUSTER_TRY(time_own_step(learning, &costs->own_step));
  costs->alone_rollout = part * median(&learning->rollout);
  costs->update = part * median(&learning->update);
  costs->steps = whole;
  costs->optimizer_steps = part * optimizer_steps;
  costs->micro_batches = optimizer_steps > 0 ? (double)micro_batches_count((size_t)(samples / optimizer_steps)) : 1;
  if (run->schedule->actors_compute_gradients) {
    /* actors compute the gradient, the learner takes the step */
    double step = costs->optimizer_steps * costs->own_step;
    costs->alone_gradient = fmax(0, costs->update - step);
    costs->update = step;
  }
  costs->gradient_bytes = (double)(model->parameters.count * sizeof(float));
  costs->rollout_bytes = (double)transport_rollout_bytes(batch, (size_t)costs->num_envs);
  costs->command_bytes =
      (double)(sizeof(struct command) + (model->policy_count + model->encoder.statistics_count) * sizeof(float));
  return MUSTER_OK;
}

static muster_status measure_iterations(const struct run_config *config, const struct effort *effort,
                                        struct plan_costs *costs) {
  struct learning *learning = calloc(1, sizeof *learning);
  if (learning == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  muster_status status = create_learning(config, learning);
  struct counts from = {0};
  if (status == MUSTER_OK) status = time_iterations(learning, effort, &from);
  if (status == MUSTER_OK) status = sum_up(learning, &from, costs);
  learner_release(&learning->learner);
  single_rank_release(&learning->single);
  free(learning);
  return status;
}

/* --- cycles of command, rollout, gather and update over the ranks of this node --- */

struct cycle {
  struct transport_bench ranks;
  double learner_first, actor_works, learner_works; /* seconds of busy waiting in place of a run's computations */
  bool rolls_out;                                   /* the actors make real rollouts */
  struct samples whole, gather;                     /* seconds of a cycle, and of its gather */
};

static void spend(double seconds) {
  for (double end = clock_seconds() + seconds; clock_seconds() < end;) continue;
}

static muster_status run_cycle(struct cycle *cycle) {
  double start = clock_seconds();
  struct transport *transport = &cycle->ranks.transport;
  const struct topology *topology = &cycle->ranks.run.topology;
  if (topology->leads) transport->command->iteration++;
  MUSTER_TRY(transport_broadcast_command(transport));
  if (topology->leads) spend(cycle->learner_first);
  if (topology->acts && cycle->rolls_out)
    MUSTER_TRY(actor_roll_out(&cycle->ranks.actor));
  else if (topology->acts)
    spend(cycle->actor_works);
  double gathers = clock_seconds();
  MUSTER_TRY(gather_begin(transport->rollout_gather));
  MUSTER_TRY(gather_end(transport->rollout_gather));
  add_sample(&cycle->gather, clock_seconds() - gathers);
  if (topology->leads) spend(cycle->learner_works);
  add_sample(&cycle->whole, clock_seconds() - start);
  return MUSTER_OK;
}

static muster_status create_cycle(struct comm *comm, const struct run_config *config, struct cycle *cycle) {
  MUSTER_TRY(transport_bench_create(comm, config, &cycle->ranks));
  struct transport_bench *ranks = &cycle->ranks;
  if (!ranks->run.topology.acts) return MUSTER_OK;
  MUSTER_TRY(model_initialize(&ranks->model, &config->policy, (uint64_t)config->general.seed));
  model_pack(&ranks->model, false);
  return actor_start_envs(&ranks->actor, false);
}

/* the same number of cycles on every rank; the first one warms up */
static muster_status time_cycles(struct cycle *cycle, const struct effort *effort) {
  MUSTER_TRY(run_cycle(cycle));
  cycle->whole.n = cycle->gather.n = 0;
  for (int i = 0; i < effort->cycles; i++) MUSTER_TRY(run_cycle(cycle));
  return MUSTER_OK;
}

#define LATE 0.0005  /* seconds that the learner comes late, so that the messages have arrived */
#define ASLEEP 0.003 /* seconds after which a waiting rank has fallen asleep */

/* o and G: the learner's time with messages that have arrived, small ones and those of the run */
static muster_status measure_overhead(const struct effort *effort, struct cycle *small, struct cycle *whole,
                                      struct plan_costs *costs) {
  double seconds[2];
  struct cycle *cycles[] = {small, whole};
  for (int i = 0; i < 2; i++) {
    cycles[i]->learner_first = LATE;
    MUSTER_TRY(time_cycles(cycles[i], effort));
    seconds[i] = median(&cycles[i]->gather);
    cycles[i]->learner_first = 0;
  }
  double bytes = (double)whole->ranks.gather_bytes - (double)small->ranks.gather_bytes;
  costs->node.overhead = seconds[0] / whole->ranks.run.topology.actors;
  costs->node.gap = bytes > 0 ? fmax(0, seconds[1] - seconds[0]) / bytes : 0;
  return MUSTER_OK;
}

/* what the model predicts for the ranks of this job */
static struct plan_prediction predict_here(const struct comm *comm, const struct plan_costs *costs) {
  const struct plan_cluster here = {.cores_per_node = comm_local_cores(comm), .ranks_per_node = comm_size(comm)};
  const struct plan_layout layout = {.ranks = comm_size(comm), .learners = 1, .num_envs = costs->num_envs};
  return plan_predict(costs, &here, &layout);
}

/* L: half of what a cycle in which every rank falls asleep takes beyond the work and beyond what o and G explain, since
 * the command and the gather each have it once. Then the same with real rollouts, to find how much longer they take
 * when they run at the same time. */
static muster_status measure_latency(struct comm *comm, const struct effort *effort, struct cycle *cycle,
                                     struct plan_costs *costs) {
  costs->node.latency = 0;
  cycle->actor_works = cycle->learner_works = ASLEEP;
  MUSTER_TRY(time_cycles(cycle, effort));
  double exchange = median(&cycle->whole) - 2 * ASLEEP;
  costs->node.latency = fmax(0, exchange - predict_here(comm, costs).stage[PLAN_EXCHANGE]) / 2;
  cycle->rolls_out = true;
  MUSTER_TRY(time_cycles(cycle, effort));
  double rollout = median(&cycle->whole) - ASLEEP - exchange;
  costs->crowding = fmax(1, rollout / predict_here(comm, costs).stage[PLAN_ROLLOUT]);
  return MUSTER_OK;
}

/* times a meeting of the learners before a step of the optimizer, and reading and adding another's gradient; medians
 * over cycles */
static muster_status time_meetings(struct group *group, const struct effort *effort, struct plan_costs *costs) {
  const size_t n = (size_t)(costs->gradient_bytes / sizeof(float));
  const int members = group_ranks(group);
  struct samples meet = {.n = 0}, whole = {.n = 0};
  void *memory, *mine;
  MUSTER_TRY(group_share(group, (size_t)members * n * sizeof(float), &memory));
  MUSTER_TRY(group_share(group, (size_t)members * n * sizeof(float), &mine));
  float *gradients = memory, *sum = (float *)mine + (size_t)group_rank(group) * n;
  for (int i = 0; i < 10 * effort->cycles; i++) {
    MUSTER_TRY(group_gather(group, NULL, NULL));
    double start = clock_seconds();
    MUSTER_TRY(group_gather(group, NULL, NULL));
    add_sample(&meet, clock_seconds() - start);
    /* each rank writes its own gradient before each sum, so that the others find it in this core's cache, as in an
     * update */
    memset(gradients + (size_t)group_rank(group) * n, i & 1, n * sizeof(float));
    MUSTER_TRY(group_gather(group, NULL, NULL));
    start = clock_seconds();
    for (int other = 0; other < members; other++)
      if (other != group_rank(group)) vector_add(n, gradients + (size_t)other * n, sum, sum);
    add_sample(&whole, clock_seconds() - start);
  }
  costs->meet = median(&meet) * 2 / members;
  costs->share = median(&whole) / (members - 1);
  return MUSTER_OK;
}

static muster_status measure_meetings(struct comm *comm, const struct effort *effort, struct plan_costs *costs) {
  const int n = comm_size(comm) < LEARNER_GROUP_MAX ? comm_size(comm) : LEARNER_GROUP_MAX;
  int members[LEARNER_GROUP_MAX];
  for (int i = 0; i < n; i++) members[i] = i;
  struct group *group;
  MUSTER_TRY(group_create(comm, members, n, &group));
  muster_status status = group != NULL ? time_meetings(group, effort, costs) : MUSTER_OK;
  group_destroy(&group);
  return status;
}

static muster_status measure_exchange(struct comm *comm, const struct run_config *config, const struct effort *effort,
                                      struct plan_costs *costs) {
  const struct run_config whole = in_step(config);
  struct run_config few = whole;
  few.env.num_envs = comm_size(comm) - 1;
  struct cycle *cycles = calloc(2, sizeof *cycles);
  if (cycles == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  muster_status status = create_cycle(comm, &few, &cycles[0]);
  if (status == MUSTER_OK) status = create_cycle(comm, &whole, &cycles[1]);
  if (status == MUSTER_OK) status = measure_overhead(effort, &cycles[0], &cycles[1], costs);
  if (status == MUSTER_OK) status = measure_latency(comm, effort, &cycles[1], costs);
  if (status == MUSTER_OK) status = measure_meetings(comm, effort, costs);
  for (int i = 0; i < 2; i++) transport_bench_release(&cycles[i].ranks);
  free(cycles);
  return status;
}

/* --- all of it --- */

/* assumed for messages between ranks of a node where this process is alone */
static const struct plan_link assumed_node = {.latency = 20e-6, .overhead = 2e-6, .gap = 1 / 8e9};

/* For how long the kernel leaves a process of this priority its core while another one waits: the interval that it
 * reports (0 for less than a tick of its clock), but at least until the next tick. For ever with SCHED_FIFO. */
static double time_slice(void) {
  struct timespec slice = {0}, tick = {0};
  if (sched_getscheduler(0) == SCHED_FIFO) return INFINITY;
  sched_rr_get_interval(0, &slice);
  clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
  return fmax((double)slice.tv_sec + 1e-9 * (double)slice.tv_nsec, (double)tick.tv_sec + 1e-9 * (double)tick.tv_nsec);
}

/* measures what one core does; the other ranks sleep meanwhile */
static muster_status measure_alone(struct comm *comm, const struct run_config *config,
                                   const struct plan_request *request, const struct effort *effort,
                                   struct plan_costs *costs) {
  int rows[PLAN_MAX_POINTS];
  add_points(costs, rows, plan_rows(request->ranks, rows));
  const int here = comm_size(comm);
  add_points(costs, &here, 1);
  if (request->envs_per_actor > 0) add_point(costs, request->envs_per_actor);
  MUSTER_TRY(measure_iterations(config, effort, costs));
  return measure_rollouts(config, effort, costs);
}

static enum plan_mode mode_of(const struct run_config *config) {
  int mode = 0;
  while (strcmp(plan_mode_names[mode], schedule_of(config)->name) != 0) mode++;
  return (enum plan_mode)mode;
}

muster_status plan_measure(struct comm *comm, const struct run_config *config, const struct plan_request *request,
                           bool exchanges, struct plan_costs *costs) {
  static const struct effort efforts[] = {
      [PLAN_THOROUGH] = {11, 200, 2}, [PLAN_BRIEF] = {3, 50, 0.1}, [PLAN_QUICK] = {3, 5, 0}};
  const struct effort *effort = &efforts[request->effort];
  *costs = (struct plan_costs){.mode = mode_of(config),
                               .num_envs = (int32_t)config->env.num_envs,
                               .crowding = 1,
                               .busy = 1,
                               .time_slice = time_slice(),
                               .node = assumed_node,
                               .meet = 2e-6};
  /* the other ranks sleep until the first one has measured, or has failed: then it sends num_envs = 0 */
  struct broadcast *broadcast;
  MUSTER_TRY(broadcast_create(comm, costs, sizeof *costs, 0, &broadcast));
  muster_status measured = comm_rank(comm) == 0 ? measure_alone(comm, config, request, effort, costs) : MUSTER_OK;
  if (measured != MUSTER_OK) costs->num_envs = 0;
  muster_status status = broadcast_run(broadcast);
  broadcast_destroy(&broadcast);
  if (measured != MUSTER_OK) {
    muster_status_clear(&status);
    return measured;
  }
  if (status == MUSTER_OK) costs->share = costs->gradient_bytes * assumed_node.gap;
  if (status == MUSTER_OK && costs->num_envs == 0) status = status_error(MUSTER_ERROR_COMM, "another rank has failed");
  if (status != MUSTER_OK || comm_size(comm) == 1 || !exchanges) return status;
  return comm_agree(comm, measure_exchange(comm, config, effort, costs));
}
