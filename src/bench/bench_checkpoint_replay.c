/* What it costs to have 65,536 new steps of a replay in a checkpoint: their way into the log, the file of their
 * segment, the checkpoint with the tail, each with digest and fsync, and a look after files that are not needed any
 * more. A step is of the size of HalfCheetah's: 17 floats of observation, 6 of action. The limit is a plain write and
 * fsync of the same number of bytes. */
#include "bench/bare_write.h"
#include "bench/parts.h"
#include "train/replay_files.h"

#include <math.h>
#include <stdio.h>
#include <sys/stat.h>

enum { ENVS = 8, STEPS = 1024, ROLLOUTS = 8, OBSERVATION = 17, ACTION = 6 };

struct logging {
  struct arena *arena;
  struct trajectory rollout;
  struct replay replay;
  struct replay_log log;
  struct run_folder folder;
  struct logger logger;
  struct replay_files files;
  char checkpoint[RUN_PATH_SIZE + 64];
  struct bench_work work;
};

/* --- what is timed --- */

static muster_status write_checkpoint(struct logging *logging) {
  struct checkpoint_writer *writer;
  struct tensor written[REPLAY_STATE];
  replay_state(&logging->replay, written);
  MUSTER_TRY(checkpoint_write_begin(logging->checkpoint, &writer));
  muster_status status = checkpoint_write_tensor(writer, &written[0]);
  if (status == MUSTER_OK) status = replay_files_add(&logging->files, writer);
  if (status == MUSTER_OK) return checkpoint_write_commit(&writer);
  checkpoint_write_abandon(&writer);
  return status;
}

static muster_status run_logging(void *context) {
  struct logging *logging = context;
  for (int i = 0; i < ROLLOUTS; i++) {
    replay_append(&logging->replay, &logging->rollout);
    MUSTER_TRY(replay_log_append(&logging->log, &logging->rollout));
  }
  MUSTER_TRY(replay_files_write(&logging->files));
  MUSTER_TRY(write_checkpoint(logging));
  return replay_files_prune(&logging->files);
}

/* --- set-up --- */

static void fill_rollout(struct trajectory *rollout) {
  const size_t floats = rollout->n_rows * (rollout->n_steps + 1) * OBSERVATION;
  for (size_t i = 0; i < floats; i++) ((float *)rollout->observation)[i] = sinf((float)i);
  for (size_t i = 0; i < rollout->n_rows * rollout->n_steps * ACTION; i++)
    ((float *)rollout->action)[i] = cosf((float)i);
}

static muster_status create_logging(size_t capacity, const char *folder, struct logging *logging) {
  static const muster_env_spec spec = {
      .observation = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {OBSERVATION}},
      .action = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {ACTION}},
      .agents = 1,
  };
  struct run_folder *place = &logging->folder;
  logging->work = (struct bench_work){.run = run_logging, .context = logging};
  logging->logger = (struct logger){.level = LOG_WARN, .role = "bench", .rank = -1};
  snprintf(place->place, sizeof place->place, "%s", folder);
  snprintf(place->checkpoints, sizeof place->checkpoints, "%s/checkpoints", folder);
  snprintf(place->replay, sizeof place->replay, "%s/" RUN_REPLAY_FOLDER, folder);
  checkpoint_path(place->checkpoints, 0, logging->checkpoint, sizeof logging->checkpoint);
  if (mkdir(place->checkpoints, 0777) != 0)
    return status_errno(MUSTER_ERROR_IO, "cannot make '%s'", place->checkpoints);
  MUSTER_TRY(arena_create(&logging->arena));
  MUSTER_TRY(trajectory_create(&spec, ENVS, STEPS, logging->arena, &logging->rollout));
  fill_rollout(&logging->rollout);
  MUSTER_TRY(replay_create(&logging->rollout, capacity, NULL, logging->arena, &logging->replay));
  MUSTER_TRY(replay_log_create(&logging->replay, &logging->rollout, true, logging->arena, &logging->log));
  replay_files_init(&logging->log, place, &logging->logger, &logging->files);
  return MUSTER_OK;
}

static muster_status add_size(const char *path, size_t *bytes) {
  struct stat information;
  if (stat(path, &information) != 0) return status_errno(MUSTER_ERROR_IO, "cannot see '%s'", path);
  *bytes += (size_t)information.st_size;
  return MUSTER_OK;
}

/* as many bytes as the newest segment and the checkpoint have */
static muster_status create_bare(struct logging *logging, const char *folder, struct bare_write *bare) {
  char path[REPLAY_FILE_PATH_SIZE];
  size_t bytes = 0;
  replay_file_path(logging->folder.replay, logging->files.file[logging->files.n - 1].number, path);
  MUSTER_TRY(add_size(path, &bytes));
  MUSTER_TRY(add_size(logging->checkpoint, &bytes));
  return bare_write_create(folder, bytes, logging->arena, bare);
}

/* --- the part --- */

static muster_status measure(struct bench *bench, size_t capacity, struct logging *logging, const char *folder) {
  struct bare_write bare;
  MUSTER_TRY(run_logging(logging));
  MUSTER_TRY(create_bare(logging, folder, &bare));
  struct bench_work *works[] = {&bare.work, &logging->work};
  MUSTER_TRY(bench_measure(bench, works, 2));
  return bench_add(bench, &unit_ms, bench_per_item(&logging->work, 1.0), bench_per_item(&bare.work, 1.0),
                   "checkpoint/replay/%zu/new65536", capacity);
}

static muster_status measure_case(struct bench *bench, size_t capacity) {
  char folder[BENCH_FOLDER_SIZE];
  MUSTER_TRY(bench_folder_make(folder));
  struct logging logging = {0};
  muster_status status = create_logging(capacity, folder, &logging);
  if (status == MUSTER_OK) status = measure(bench, capacity, &logging, folder);
  replay_files_release(&logging.files);
  arena_destroy(&logging.arena);
  return bench_folder_remove(folder, status);
}

muster_status bench_checkpoint_replay(struct bench *bench) {
  static const size_t capacities[] = {100000, 1000000, 4000000};
  for (int i = 0; i < 3; i++) MUSTER_TRY(measure_case(bench, capacities[i]));
  return MUSTER_OK;
}
