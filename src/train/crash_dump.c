#include "train/crash_dump.h"

#include "runs/folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NAME(c_type, id, ...) "rollout/" #id,
#define FINAL_NAME(c_type, id, ...) "rollout/final_" #id,
static const char *const names[] = {STEP_FIELDS(NAME) FINAL_FIELDS(FINAL_NAME)};

static muster_status write_tensors(struct checkpoint_writer *writer, const struct run *run, int64_t iteration,
                                   const struct trajectory *rollout, const struct model *model,
                                   const struct tensor *further, int n, const char *reason) {
  struct tensor arrays[TRAJECTORY_TENSORS];
  trajectory_list_tensors(rollout, names, false, arrays);
  MUSTER_TRY(checkpoint_write_text(writer, "about/reason", reason));
  MUSTER_TRY(checkpoint_write_int(writer, "about/rank", run->topology.rank));
  MUSTER_TRY(checkpoint_write_int(writer, "about/iteration", iteration));
  MUSTER_TRY(checkpoint_write_int(writer, "about/first_environment", (int64_t)rollout->first_env));
  for (int i = 0; i < TRAJECTORY_TENSORS; i++) MUSTER_TRY(checkpoint_write_tensor(writer, &arrays[i]));
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
    log_warn(&run->logger, "no crash dump: %s", muster_status_message(status));
  muster_status_clear(&status);
}
