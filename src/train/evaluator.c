#include "train/evaluator.h"

#include "base/clock.h"
#include "comm/gather.h"
#include "train/interrupt.h"

#include <stdlib.h>
#include <string.h>

/* how long actors play in a slice, unless a signal comes */
#define SLICE_SECONDS 0.5

struct evaluator {
  struct run *run;          /* borrowed */
  struct run_config config; /* of the run, but with the environments of evaluations */
  struct curriculum curriculum;
  muster_env_setting settings[RUN_CONFIG_ENV_SETTINGS];
  struct env_source source;           /* where evaluation.env names another environment; else zero */
  struct topology topology;           /* whose environments are the episodes */
  struct env_range range;             /* this rank's */
  struct evaluated_episode *episodes; /* all on the leading rank, elsewhere this rank's */
  struct evaluated_episode *part;     /* this rank's */
  struct evaluation_player *player;   /* NULL: not needed yet */
  struct gather *gather;              /* where actors wait for the learner */
};

static struct evaluation_request make_request(const struct evaluator *evaluator) {
  const struct run *run = evaluator->run;
  const struct run_config *config = &evaluator->config;
  const muster_env_spec *spec = env_pool_spec(run->pool);
  return (struct evaluation_request){
      .type = evaluator->source.type != NULL ? evaluator->source.type : run->env.type,
      .settings = evaluator->settings,
      .curriculum = &evaluator->curriculum,
      .wrappers = run_config_env_wrappers(config),
      .observation = &spec->observation,
      .action = &spec->action,
      .seed = (uint64_t)config->general.seed,
      .first = evaluator->range.first,
      .episodes = evaluator->range.count,
      .envs = topology_envs(&run->topology, run->topology.rank).count,
      .deterministic = config->evaluation.deterministic,
      .tolerates_faults = config->run.on_nan == ON_NAN_SKIP,
  };
}

/* whether there are such environments for this policy: better known now than at the first evaluation */
static muster_status try_environment(struct evaluator *evaluator) {
  struct evaluation_request request = make_request(evaluator);
  struct evaluated_episode episode;
  struct evaluation_player *player = NULL;
  request.episodes = 1;
  muster_status status = evaluation_player_create(&request, &episode, &player);
  evaluation_player_destroy(&player);
  return status_wrap(status, "evaluation.env");
}

static muster_status open_environment(struct evaluator *evaluator) {
  struct run_config *config = &evaluator->config;
  *config = evaluator->run->config;
  bool is_another = run_config_has_evaluation_env(config);
  MUSTER_TRY(run_config_enter_evaluation(config));
  run_config_env_settings(config, evaluator->settings);
  run_config_curriculum(config, &evaluator->curriculum);
  if (!is_another || !evaluator->run->topology.acts) return MUSTER_OK;
  const struct env_source_request request = run_config_env_source(config);
  MUSTER_TRY(status_wrap(env_source_open(&request, &evaluator->source), "evaluation.env"));
  return try_environment(evaluator);
}

static muster_status prepare(struct evaluator *evaluator) {
  struct run *run = evaluator->run;
  const struct topology *topology = &run->topology;
  const int32_t all = (int32_t)run->config.evaluation.episodes;
  evaluator->topology = *topology;
  evaluator->topology.num_envs = all;
  evaluator->range = topology_envs(&evaluator->topology, topology->rank);
  const size_t kept = (size_t)(topology->leads ? all : evaluator->range.count);
  MUSTER_TRY(ARENA_TAKE(run->arena, kept > 0 ? kept : 1, "evaluation", &evaluator->episodes));
  evaluator->part = evaluator->episodes + (topology->leads ? evaluator->range.first : 0);
  return open_environment(evaluator);
}

muster_status evaluator_create(struct run *run, struct evaluator **out) {
  *out = NULL;
  if (run->config.evaluation.episodes == 0) return MUSTER_OK;
  struct evaluator *evaluator = *out = calloc(1, sizeof *evaluator);
  muster_status status = evaluator == NULL ? status_error(MUSTER_ERROR_MEMORY, "out of memory: evaluation") : MUSTER_OK;
  if (evaluator != NULL) evaluator->run = run;
  if (evaluator != NULL) status = prepare(evaluator);
  return comm_agree(run->comm, status);
}

muster_status evaluator_connect(struct evaluator *evaluator) {
  if (evaluator == NULL) return MUSTER_OK;
  const struct gather_field fields[] = {{evaluator->episodes, sizeof *evaluator->episodes}};
  return gather_create(evaluator->run->comm, &evaluator->topology, GATHER_ALL, fields, 1, NULL, &evaluator->gather);
}

void evaluator_destroy(struct evaluator **handle) {
  struct evaluator *evaluator = *handle;
  if (evaluator == NULL) return;
  gather_destroy(&evaluator->gather);
  evaluation_player_destroy(&evaluator->player);
  env_source_close(&evaluator->source);
  free(evaluator);
  *handle = NULL;
}

/* --- an evaluation --- */

static muster_status begin(struct evaluator *evaluator) {
  struct run *run = evaluator->run;
  if (run->topology.leads)
    memset(evaluator->episodes, 0, (size_t)run->config.evaluation.episodes * sizeof *evaluator->episodes);
  if (evaluator->range.count == 0) return MUSTER_OK;
  const struct evaluation_request request = make_request(evaluator);
  if (evaluator->player == NULL) MUSTER_TRY(evaluation_player_create(&request, evaluator->part, &evaluator->player));
  return evaluation_player_begin(evaluator->player);
}

muster_status evaluator_play(struct evaluator *evaluator, const struct command *command, struct model *model) {
  struct phases *phases = evaluator->run->phases;
  phases_enter(phases, evaluator->range.count > 0 ? PHASE_EVALUATION : PHASE_EPISODES, command->iteration + 1);
  const double until = clock_seconds() + SLICE_SECONDS;
  bool is_done = true;
  if (command->evaluation == EVALUATION_BEGINS) MUSTER_TRY(begin(evaluator));
  if (evaluator->range.count > 0) MUSTER_TRY(evaluation_player_play(evaluator->player, model, until, &is_done));
  phases_go_on(phases, PHASE_EPISODES);
  return MUSTER_OK;
}

muster_status evaluator_gather(struct evaluator *evaluator, int *asked) {
  struct gather *gather = evaluator->gather;
  gather_set_flags(gather, interrupt_pending(), 0);
  MUSTER_TRY(gather_begin(gather));
  MUSTER_TRY(gather_end(gather));
  *asked = gather_flags(gather);
  return MUSTER_OK;
}

size_t evaluator_part_bytes(const struct evaluator *evaluator) {
  return evaluator != NULL ? (size_t)evaluator->range.count * sizeof *evaluator->part : 0;
}

const void *evaluator_part(const struct evaluator *evaluator) { return evaluator->part; }

void evaluator_take_part(struct evaluator *evaluator, int rank, const void *part) {
  const struct env_range range = topology_envs(&evaluator->topology, rank);
  memcpy(evaluator->episodes + range.first, part, (size_t)range.count * sizeof *evaluator->episodes);
}

bool evaluator_is_done(const struct evaluator *evaluator) {
  const int64_t n = evaluator->run->config.evaluation.episodes;
  for (int64_t i = 0; i < n; i++)
    if (evaluator->episodes[i].ended == 0) return false;
  return true;
}

muster_status evaluator_summarize(const struct evaluator *evaluator, struct evaluation *out) {
  return evaluation_summarize(evaluator->episodes, (size_t)evaluator->run->config.evaluation.episodes, out);
}
