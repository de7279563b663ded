#include "train/learner.h"

#include "base/clock.h"
#include "train/replay_restore.h"
#include "train/warm_start.h"

#include <math.h>

/* the model, the normaliser and the algorithm; `start`: what they begin from, NULL: nothing */
static muster_status create_algorithm(struct learner *learner, struct warm_start *start) {
  struct run *run = learner->run;
  const struct run_config *config = &run->config;
  const muster_env_spec *spec = env_pool_spec(run->pool);
  learner->type = run_config_algorithm(config);
  MUSTER_TRY(model_create(&config->policy, &spec->observation, &spec->action,
                          algorithm_networks(learner->type, config->algorithm), run->arena, &learner->model));
  MUSTER_TRY(model_initialize(&learner->model, &config->policy, (uint64_t)config->general.seed));
  MUSTER_TRY(warm_start_load_parameters(start, learner));
  MUSTER_TRY(warm_start_freeze(learner));
  struct encoder *encoder = &learner->model.encoder;
  MUSTER_TRY(normalizer_prepare(&config->normalize, run->arena, encoder));
  const size_t rows = (size_t)config->env.num_envs * learner->gathering->batch.agents;
  MUSTER_TRY(normalizer_create(&config->normalize, encoder, rows, algorithm_discount(learner->type, config->algorithm),
                               run->arena, &learner->normalizer));
  struct algorithm_context context = {
      .options = config->algorithm,
      .model = &learner->model,
      .rollout = &learner->gathering->batch,
      .seed = (uint64_t)config->general.seed,
      .arena = run->arena,
      .stages = &run->phases->clock,
      .group = learner->gathering->group != NULL ? &learner->gathering->learners : NULL,
      .keeps_log = run->topology.leads,
  };
  MUSTER_TRY(algorithm_create(learner->type, &context, &learner->algorithm));
  replay_files_init(algorithm_replay_log(learner->type, learner->algorithm), learner->folder, &run->logger,
                    &learner->replay_files);
  return MUSTER_OK;
}

/* what only the leading rank has: statistics and the report */
static muster_status create_report(struct learner *learner) {
  struct run *run = learner->run;
  struct arena *arena = run->arena;
  MUSTER_TRY(episodes_create((size_t)run->config.env.num_envs, arena, &learner->episodes));
  /* where actors send gradients, the learner does not get their actions; where it has a replay, these are no batch */
  const bool has_batch = !run->schedule->actors_compute_gradients && !run->schedule->limits_rates;
  const struct trajectory *learned_from = has_batch ? &learner->gathering->batch : NULL;
  if (run->config.run.histograms > 0)
    MUSTER_TRY(histograms_create(&learner->model, learned_from, arena, &learner->histograms));
  MUSTER_TRY(run->schedule->prepare_learner(learner));

  report_init(&learner->report, &run->config, learner->type, env_pool_spec(run->pool)->reward_threshold,
              run->schedule->reports_policy_lag, run->schedule->limits_rates, &run->phases->clock);
  learner->checkpoint_clock = clock_seconds();
  return MUSTER_OK;
}

muster_status learner_create(struct gathering *gathering, struct transport *transport, const struct run_folder *folder,
                             struct learner *learner) {
  struct run *run = gathering->run;
  *learner = (struct learner){.run = run,
                              .gathering = gathering,
                              .transport = transport,
                              .folder = folder,
                              .checkpoint_steps = -1,
                              .recorded_rows = -1,
                              .best = {NAN, -1, 0},
                              .evaluated = -1};
  stopping_init(&learner->stopping);
  algorithm_forget_means(&learner->metrics);
  struct warm_start *start = NULL;
  if (run->topology.leads) MUSTER_TRY(warm_start_open(learner, &start));
  muster_status status = create_algorithm(learner, start);
  if (status == MUSTER_OK) status = warm_start_load_state(start, learner);
  warm_start_close(&start);
  MUSTER_TRY(status);
  if (run->topology.leads) MUSTER_TRY(create_report(learner));
  model_pack(&learner->model, true);
  return MUSTER_OK;
}

muster_status learner_open_files(struct learner *learner) {
  struct run *run = learner->run;
  int64_t missing = 0;
  MUSTER_TRY(report_open(&learner->report, learner->folder, run->arena, &missing));
  if (missing > 0)
    log_warn(&run->logger, "%s lacks %lld rows that were in it when the checkpoint was written",
             learner->folder->metrics, (long long)missing);
  /* a checkpoint of before there were such records counts none */
  const bool lacks_record = learner->resumed && learner->recorded_rows < 0;
  if (!run->schedule->records_schedule || lacks_record) return MUSTER_OK;
  return recorded_schedule_open(&run->config, learner->folder->place, learner->recorded_rows, &run->logger,
                                &learner->recorded);
}

muster_status learner_join(struct learner *learner) {
  if (learner->gathering->group == NULL) return MUSTER_OK;
  struct tensor list[LEARNER_MAX_STATE];
  for (int i = learner_state(learner, list) - 1; i >= 0; i--)
    MUSTER_TRY(group_broadcast_part(learner->gathering->group, list[i].data, tensor_bytes(&list[i])));
  MUSTER_TRY(replay_share(&learner->replay_files, learner->resumed, learner->gathering->group));
  normalizer_publish(&learner->normalizer);
  model_pack(&learner->model, true);
  return MUSTER_OK;
}

int learner_state(struct learner *learner, struct tensor list[LEARNER_MAX_STATE]) {
  int n = 0;
  const struct parameters *parameters = &learner->model.parameters;
  for (int i = 0; i < parameters->tensors; i++) list[n++] = parameter_tensor(parameters, &parameters->tensor[i]);
  n += algorithm_state(learner->type, learner->algorithm, list + n);
  return n + normalizer_state(&learner->normalizer, list + n);
}

double learner_progress_remaining(const struct learner *learner, int64_t total_steps) {
  return fmax(0.0, 1.0 - (double)learner->total_steps / (double)total_steps);
}

void learner_release(struct learner *learner) {
  replay_files_release(&learner->replay_files);
  report_close(&learner->report);
  recorded_schedule_close(&learner->recorded);
}
