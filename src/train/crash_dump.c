#include "train/crash_dump.h"

#include "runs/folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static enum tensor_type tensor_type_of(muster_space_kind kind) {
  if (kind == MUSTER_SPACE_BOX) return TENSOR_F32;
  return kind == MUSTER_SPACE_BOX_U8 ? TENSOR_U8 : TENSOR_I32;
}

static muster_status write_tensors(struct checkpoint_writer *writer, const struct run *run, int64_t iteration,
                                   const struct trajectory *rollout, const struct model *model,
                                   const struct tensor *further, int n, const char *reason) {
  const struct final_observations *final_observations = &rollout->final_observations;
  const muster_env_spec *spec = env_pool_spec(run->pool);
  enum tensor_type observation = tensor_type_of(spec->observation.kind), action = tensor_type_of(spec->action.kind);
  size_t envs = rollout->n_envs, agents = rollout->agents, rows = rollout->n_rows, steps = rollout->n_steps;
  size_t elements = muster_space_elements(&spec->observation), count = (size_t)final_observations->count;
  const struct tensor arrays[] = {
      {"rollout/observation", observation, 3, {rows, steps + 1, elements}, rollout->observation, RANGE_NONE},
      {"rollout/mask", TENSOR_U8, 3, {rows, steps + 1, rollout->mask_bytes}, rollout->mask, RANGE_NONE},
      {"rollout/action", action, 3, {rows, steps, muster_space_elements(&spec->action)}, rollout->action, RANGE_NONE},
      {"rollout/log_prob", TENSOR_F32, 2, {rows, steps}, rollout->log_prob, RANGE_NONE},
      {"rollout/reward", TENSOR_F32, 2, {rows, steps}, rollout->reward, RANGE_NONE},
      {"rollout/ended", TENSOR_U8, 2, {envs, steps}, rollout->ended, RANGE_NONE},
      {"rollout/final_environment", TENSOR_I32, 1, {count}, final_observations->environment, RANGE_NONE},
      {"rollout/final_step", TENSOR_I32, 1, {count}, final_observations->step, RANGE_NONE},
      {"rollout/final_observation",
       observation,
       3,
       {count, agents, elements},
       final_observations->observation,
       RANGE_NONE},
  };
  MUSTER_TRY(checkpoint_write_text(writer, "about/reason", reason));
  MUSTER_TRY(checkpoint_write_int(writer, "about/rank", run->topology.rank));
  MUSTER_TRY(checkpoint_write_int(writer, "about/iteration", iteration));
  MUSTER_TRY(checkpoint_write_int(writer, "about/first_environment", (int64_t)rollout->first_env));
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) MUSTER_TRY(checkpoint_write_tensor(writer, &arrays[i]));
  for (int i = 0; i < n; i++) MUSTER_TRY(checkpoint_write_tensor(writer, &further[i]));
  for (int i = 0; i < model->parameters.tensors; i++) {
    struct tensor tensor = parameter_tensor(&model->parameters, &model->parameters.tensor[i]);
    MUSTER_TRY(checkpoint_write_tensor(writer, &tensor));
  }
  return MUSTER_OK;
}

static muster_status write_file(const char *path, const struct run *run, int64_t iteration,
                                const struct trajectory *rollout, const struct model *model,
                                const struct tensor *further, int n, const char *reason) {
  struct checkpoint_writer *writer;
  MUSTER_TRY(checkpoint_write_begin(path, &writer));
  muster_status status = write_tensors(writer, run, iteration, rollout, model, further, n, reason);
  if (status == MUSTER_OK) return checkpoint_write_commit(&writer);
  checkpoint_write_abandon(&writer);
  return status;
}

void crash_dump_write(const struct run *run, int64_t iteration, const struct trajectory *rollout,
                      const struct model *model, const struct tensor *further, int n, const char *reason) {
  char path[RUN_PATH_SIZE + 96];
  snprintf(path, sizeof path, "%s/forensics", run->folder);
  muster_status status = MUSTER_OK;
  if (mkdir(path, 0777) != 0 && errno != EEXIST) status = status_errno(MUSTER_ERROR_IO, "cannot make %s", path);
  snprintf(path, sizeof path, "%s/forensics/rank-%d-iteration-%lld.h5", run->folder, run->topology.rank,
           (long long)iteration);
  if (status == MUSTER_OK) status = write_file(path, run, iteration, rollout, model, further, n, reason);
  if (status == MUSTER_OK)
    log_warn(&run->logger, "the rollout and the parameters before the fault are in %s", path);
  else
    log_warn(&run->logger, "no forensic file: %s", muster_status_message(status));
  muster_status_clear(&status);
}
