#include "train/dry_run.h"

#include "base/shown.h"
#include "base/terminal.h"

#include <stdlib.h>

static void print_training(const struct run *run, const struct learner *learner) {
  const struct run_config *config = &run->config;
  const struct trajectory *rollout = &learner->gathering->batch;
  int64_t each = (int64_t)(rollout->n_envs * rollout->n_steps), total = config->general.total_steps;
  char steps[32], wanted[32];
  terminal_format_count((double)each, steps, sizeof steps);
  terminal_format_count((double)total, wanted, sizeof wanted);
  printf("algorithm    %s\n", config->algorithm_name);
  const char *at_most = run->needs.whole_episodes ? "at most " : "";
  shown_print(stdout, "environment  %s: %zu environments, %s%zu steps each in a rollout\n", config->env.name,
              rollout->n_envs, at_most, rollout->n_steps);
  printf("steps        %s in iterations of %s%s\n", wanted, at_most, steps);
  printf("parameters   %zu, of them %zu of the policy\n", learner->model.parameters.count, learner->model.policy_count);
}

/* the memory of the run's arrays: the most of an actor and of a host; MPI, libraries and environments need more */
static void print_memory(const struct placement *placement, const size_t *bytes) {
  const struct topology *topology = &placement->topology;
  size_t actor = 0, host = 0, *on_host = calloc((size_t)placement->n_hosts, sizeof *on_host);
  if (on_host == NULL) return;
  int fullest = 0;
  for (int rank = 0; rank < topology->ranks; rank++) {
    if (rank != topology->learner && bytes[rank] > actor) actor = bytes[rank];
    size_t *sum = &on_host[placement->hosts[rank]];
    *sum += bytes[rank];
    if (*sum <= host) continue;
    host = *sum;
    fullest = rank;
  }
  free(on_host);
  printf("memory       learner %.1f MB", 1e-6 * (double)bytes[topology->learner]);
  if (topology->ranks > 1)
    printf(", each actor %.1f MB at most, %s %.1f MB", 1e-6 * (double)actor, placement->places[fullest].host,
           1e-6 * (double)host);
  printf("; libraries and the environments' own come on top\n");
}

muster_status dry_run(struct run *run, const struct placement *placement, const struct learner *learner,
                      const struct run_folder *folder) {
  const size_t mine = arena_bytes(run->arena);
  size_t *bytes = calloc((size_t)placement->topology.ranks, sizeof *bytes);
  if (bytes == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: %d ranks", placement->topology.ranks);
  muster_status status = comm_gather(run->comm, &mine, sizeof mine, bytes);
  if (status == MUSTER_OK && placement->topology.leads) {
    placement_write_map(placement, stdout);
    fputc('\n', stdout);
    print_training(run, learner);
    shown_print(stdout, "run folder   %s%s\n", folder->path,
                folder->resumes ? ", whose run would go on" : ", which would be made");
    print_memory(placement, bytes);
    printf("\na dry run: nothing was trained or written\n");
    fflush(stdout);
    placement_write_warnings(placement, &run->config.ranks, stderr);
  }
  free(bytes);
  return status;
}
