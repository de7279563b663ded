#include "train/dry_run.h"

#include "base/format.h"
#include "base/shown.h"
#include "base/terminal.h"

#include <stdlib.h>

static void print_training(const struct run *run, const struct learner *learner) {
  const struct run_config *config = &run->config;
  const int64_t n_envs = config->env.num_envs, n_steps = (int64_t)run->needs.n_steps,
                total = config->general.total_steps;
  const bool fills_batch = run->needs.asynchronous == ASYNCHRONOUS_TRAJECTORIES;
  const int64_t each = (fills_batch ? (int64_t)run->needs.batch : n_envs) * n_steps;
  char steps[32], wanted[32];
  terminal_format_count((double)each, steps, sizeof steps);
  terminal_format_count((double)total, wanted, sizeof wanted);
  printf("algorithm    %s\n", config->algorithm_name);
  const char *at_most = run->needs.whole_episodes ? "at most " : "";
  shown_print(stdout, "environment  %s: %lld environment%s, %s%lld step%s each in a rollout\n", config->env.name,
              (long long)n_envs, plural((double)n_envs), at_most, (long long)n_steps, plural((double)n_steps));
  printf("steps        %s in iterations of %s%s\n", wanted, at_most, steps);
  printf("parameters   %zu, of them %zu of the policy\n", learner->model.parameters.count, learner->model.policy_count);
}

/* what a rank takes */
struct share {
  size_t arena, replay; /* bytes; those of the replay are in the arena, too */
};

/* the memory of the replay in each learner; the leading one may have more of it than the others */
static void print_replay(const struct run *run, const struct topology *topology, const struct share *shares) {
  char steps[32];
  if (run->needs.replay == 0) return;
  terminal_format_count((double)run->needs.replay, steps, sizeof steps);
  size_t others = 0;
  int learners = 0;
  for (int rank = 0; rank < topology->ranks; rank++) {
    learners += shares[rank].replay > 0;
    if (rank != topology->learner && shares[rank].replay > others) others = shares[rank].replay;
  }
  const double mine = 1e-6 * (double)shares[topology->learner].replay, theirs = 1e-6 * (double)others;
  if (learners == 1)
    printf("replay       %s steps, %.1f MB in the learner\n", steps, mine);
  else
    printf("replay       %s steps, %.1f MB in the leading learner, %.1f MB at most in each of the others\n", steps,
           mine, theirs);
}

/* the memory of the run's arrays: the most of an actor and of a host; MPI, libraries and environments need more */
static void print_memory(const struct placement *placement, const struct share *shares) {
  const struct topology *topology = &placement->topology;
  size_t actor = 0, host = 0, *on_host = calloc((size_t)placement->n_hosts, sizeof *on_host);
  if (on_host == NULL) return;
  int fullest = 0;
  for (int rank = 0; rank < topology->ranks; rank++) {
    if (rank != topology->learner && shares[rank].arena > actor) actor = shares[rank].arena;
    size_t *sum = &on_host[placement->hosts[rank]];
    *sum += shares[rank].arena;
    if (*sum <= host) continue;
    host = *sum;
    fullest = rank;
  }
  free(on_host);
  printf("memory       learner %.1f MB", 1e-6 * (double)shares[topology->learner].arena);
  if (topology->ranks > 1)
    printf(", each actor %.1f MB at most, %s %.1f MB", 1e-6 * (double)actor, placement->places[fullest].host,
           1e-6 * (double)host);
  printf("; libraries and the environments' own come on top\n");
}

muster_status dry_run(struct run *run, const struct placement *placement, const struct learner *learner,
                      const struct run_folder *folder) {
  const struct replay_log *log = learner->replay_files.log;
  const struct share mine = {arena_bytes(run->arena), log != NULL ? log->replay->bytes : 0};
  struct share *shares = calloc((size_t)placement->topology.ranks, sizeof *shares);
  if (shares == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: %d ranks", placement->topology.ranks);
  muster_status status = comm_gather(run->comm, &mine, sizeof mine, shares);
  if (status == MUSTER_OK && placement->topology.leads) {
    placement_write_map(placement, stdout);
    fputc('\n', stdout);
    print_training(run, learner);
    shown_print(stdout, "run folder   %s%s\n", folder->path,
                folder->resumes ? ", whose run would go on" : ", which would be made");
    print_replay(run, &placement->topology, shares);
    print_memory(placement, shares);
    printf("\na dry run: nothing was trained or written\n");
    fflush(stdout);
    placement_write_warnings(placement, &run->config.ranks, stderr);
  }
  free(shares);
  return status;
}
