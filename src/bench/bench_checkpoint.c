/* Writing a checkpoint as a run does, including the environments' states, as both the newest and the best one, into a
 * new folder in the current one. The limit is a plain write and fsync of the same number of bytes there. */
#include "bench/parts.h"
#include "bench/single_rank.h"
#include "train/actor.h"
#include "train/run_checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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

struct bare_write {
  char path[64];
  size_t bytes;
  unsigned char *content;
  struct bench_work work;
};

/* --- what is timed --- */

static muster_status run_save(void *context) {
  struct saving *saving = context;
  actor_save_states(&saving->actor);
  return learner_write_checkpoint(&saving->learner);
}

static muster_status run_bare_write(void *context) {
  struct bare_write *bare = context;
  int file = open(bare->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return status_errno(MUSTER_ERROR_IO, "cannot create '%s'", bare->path);
  muster_status status = MUSTER_OK;
  for (size_t done = 0; done < bare->bytes && status == MUSTER_OK;) {
    ssize_t written = write(file, bare->content + done, bare->bytes - done);
    if (written >= 0)
      done += (size_t)written;
    else if (errno != EINTR)
      status = status_errno(MUSTER_ERROR_IO, "cannot write '%s'", bare->path);
  }
  if (status == MUSTER_OK && fsync(file) != 0)
    status = status_errno(MUSTER_ERROR_IO, "cannot bring '%s' to the disk", bare->path);
  if (close(file) != 0 && status == MUSTER_OK) status = status_errno(MUSTER_ERROR_IO, "cannot close '%s'", bare->path);
  return status;
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
  *bare = (struct bare_write){.bytes = (size_t)information.st_size, .work = {.run = run_bare_write, .context = bare}};
  snprintf(bare->path, sizeof bare->path, "%s/bare", folder);
  return ARENA_TAKE(saving->single.run.arena, bare->bytes, "a bare file", &bare->content);
}

static int remove_entry(const char *path, const struct stat *information, int type, struct FTW *place) {
  (void)information, (void)type, (void)place;
  return remove(path);
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
  char folder[] = "muster-bench-XXXXXX";
  if (mkdtemp(folder) == NULL)
    return status_errno(MUSTER_ERROR_IO, "cannot make a folder in the current one to write checkpoints to");
  struct saving saving = {0};
  muster_status status = create_saving(which, folder, &saving);
  if (status == MUSTER_OK) status = measure(bench, which, &saving, folder);
  learner_release(&saving.learner);
  run_folder_release(&saving.folder);
  single_rank_release(&saving.single);
  if (nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0 && status == MUSTER_OK)
    status = status_errno(MUSTER_ERROR_IO, "cannot remove '%s'", folder);
  return status;
}

muster_status bench_checkpoint(struct bench *bench) {
  static const struct checkpoint_case cases[] = {{8, 64}, {512, 64}, {512, 256}};
  for (int i = 0; i < 3; i++) MUSTER_TRY(measure_case(bench, &cases[i]));
  return MUSTER_OK;
}
