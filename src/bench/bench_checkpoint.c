/* Writing a checkpoint as a run does, including the environments' states, as both the newest and the best one, into a
 * new folder in the current one. The limit is a plain write and fsync of the same number of bytes there. */
#include "bench/bare_write.h"
#include "bench/parts.h"
#include "bench/single_rank.h"
#include "train/actor.h"
#include "train/run_checkpoint.h"

#include <stdio.h>
#include <sys/stat.h>

struct checkpoint_case {
  int num_envs, hidden;
};

struct saving {
  struct single_rank single;
  struct run_folder folder;
  struct learner learner;
  struct actor actor;
  struct bench_work work;
};

/* --- what is timed --- */

static muster_status run_save(void *context) {
  struct saving *saving = context;
  actor_save_states(&saving->actor);
  return learner_write_checkpoint(&saving->learner);
}

/* --- set-up --- */

static muster_status create_saving(const struct checkpoint_case *which, const char *folder, struct saving *saving) {
  char config[256], run[64];
  snprintf(config, sizeof config,
           "env: {name: CartPole-v1, num_envs: %d}\nalgorithm: {n_steps: 64, batch_size: 64}\n"
           "policy: {hidden_sizes: [%d, %d]}\n",
           which->num_envs, which->hidden, which->hidden);
  snprintf(run, sizeof run, "%s/run", folder);
  saving->work = (struct bench_work){.run = run_save, .context = saving};
  struct single_rank *single = &saving->single;
  MUSTER_TRY(single_rank_create(config, single));
  MUSTER_TRY(run_folder_prepare(&single->run.config, run, "", false, &saving->folder));
  MUSTER_TRY(learner_create(&single->gathering, &single->transport, &saving->folder, &saving->learner));
  MUSTER_TRY(learner_open_files(&saving->learner));
  MUSTER_TRY(actor_create(&single->gathering, &single->transport, &saving->learner.model, &saving->actor));
  return actor_start_envs(&saving->actor, false);
}

/* a plain file as large as the checkpoint that was just written */
static muster_status create_bare(struct saving *saving, const char *folder, struct bare_write *bare) {
  char path[RUN_PATH_SIZE + 96];
  struct stat information;
  checkpoint_path(saving->folder.checkpoints, saving->learner.total_steps, path, sizeof path);
  if (stat(path, &information) != 0) return status_errno(MUSTER_ERROR_IO, "cannot see '%s'", path);
  return bare_write_create(folder, (size_t)information.st_size, saving->single.run.arena, bare);
}

/* --- the part --- */

static muster_status measure(struct bench *bench, const struct checkpoint_case *which, struct saving *saving,
                             const char *folder) {
  struct bare_write bare;
  MUSTER_TRY(run_save(saving));
  MUSTER_TRY(create_bare(saving, folder, &bare));
  struct bench_work *works[] = {&bare.work, &saving->work};
  MUSTER_TRY(bench_measure(bench, works, 2));
  char name[64];
  double bytes = (double)bare.bytes;
  snprintf(name, sizeof name, "checkpoint/CartPole-v1/%d/%dx%d", which->num_envs, which->hidden, which->hidden);
  MUSTER_TRY(
      bench_add(bench, &unit_ms, bench_per_item(&saving->work, 1.0), bench_per_item(&bare.work, 1.0), "%s", name));
  return bench_add(bench, &unit_megabytes, bench_per_item(&saving->work, bytes), bench_per_item(&bare.work, bytes),
                   "%s/bandwidth", name);
}

static muster_status measure_case(struct bench *bench, const struct checkpoint_case *which) {
  char folder[BENCH_FOLDER_SIZE];
  MUSTER_TRY(bench_folder_make(folder));
  struct saving saving = {0};
  muster_status status = create_saving(which, folder, &saving);
  if (status == MUSTER_OK) status = measure(bench, which, &saving, folder);
  learner_release(&saving.learner);
  run_folder_release(&saving.folder);
  single_rank_release(&saving.single);
  return bench_folder_remove(folder, status);
}

muster_status bench_checkpoint(struct bench *bench) {
  static const struct checkpoint_case cases[] = {{8, 64}, {512, 64}, {512, 256}};
  for (int i = 0; i < 3; i++) MUSTER_TRY(measure_case(bench, &cases[i]));
  return bench_checkpoint_replay(bench);
}
