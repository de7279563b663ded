#include "bench/bench.h"

#include "base/nearest.h"
#include "base/shell.h"
#include "bench/parts.h"
#include "math/blas.h"
#include "math/linear.h"
#include "setup/build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* the registry: one line for each part, in the order in which `all` runs them */
static const struct bench_part {
  const char *name;
  muster_status (*run)(struct bench *bench);
  int min_ranks; /* from 2 on, all ranks take part */
} parts[] = {
    {"math", bench_math, 1},
    {"env", bench_env, 1},
    {"rollout", bench_rollout, 1},
    {"update", bench_update, 1},
    {"off-policy", bench_off_policy, 1},
    {"exchange", bench_exchange, 2},
    {"checkpoint", bench_checkpoint, 1},
    {"variance", bench_variance, 1},
};
#define PARTS (sizeof parts / sizeof *parts)

/* marks the wanted parts */
static muster_status choose_parts(const struct comm *comm, const struct bench_request *request, bool wanted[PARTS]) {
  for (int i = 0; i < request->n_parts; i++) {
    const char *name = request->parts[i];
    bool all = strcmp(name, "all") == 0, found = all;
    struct nearest nearest = nearest_start(name);
    nearest_offer(&nearest, "all");
    for (size_t part = 0; part < PARTS; part++) {
      nearest_offer(&nearest, parts[part].name);
      bool named = strcmp(name, parts[part].name) == 0, possible = comm_size(comm) >= parts[part].min_ranks;
      if (named && !possible)
        return status_error(MUSTER_ERROR_USAGE, "%s needs at least 2 ranks: mpirun -n 2 %s bench %s", name,
                            shell_program().text, name);
      if (all && !possible)
        fprintf(stderr, "muster bench: left out: %s needs at least 2 ranks: mpirun -n 2 %s bench %s\n",
                parts[part].name, shell_program().text, parts[part].name);
      if (named || (all && possible)) wanted[part] = found = true;
    }
    if (!found) return status_error(MUSTER_ERROR_USAGE, "%s: no such part; %s", name, nearest_advise(&nearest).text);
  }
  return MUSTER_OK;
}

static muster_status run_parts(struct bench *bench, const bool wanted[PARTS]) {
  for (size_t i = 0; i < PARTS; i++) {
    bench->collective = parts[i].min_ranks > 1;
    if (!wanted[i] || (comm_rank(bench->comm) != 0 && !bench->collective)) continue;
    if (comm_rank(bench->comm) == 0) fprintf(stderr, "muster bench: %s\n", parts[i].name);
    MUSTER_TRY(parts[i].run(bench));
  }
  return MUSTER_OK;
}

#if defined(__clang__)
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* prints what the figures depend on: kernels, BLAS, compiler and commit */
static void print_setting(void) {
  fprintf(stderr, "muster bench: %s kernels; %s; %s; muster %s\n", linear_selected(), blas_description(), COMPILER,
          run_build_git_hash());
}

muster_status bench_run(struct comm *comm, const struct bench_request *request, bool *together) {
  bool wanted[PARTS] = {false};
  *together = true;
  MUSTER_TRY(choose_parts(comm, request, wanted));
  blas_set_threads(1);
  struct bench bench = {
      .comm = comm,
      .json = request->json,
      .quick = request->quick,
      .repeats = request->quick ? 3 : BENCH_MAX_REPEATS,
      .sample_seconds = request->quick ? 0.0005 : 0.02,
  };
  if (comm_rank(comm) == 0) print_setting();
  muster_status status = run_parts(&bench, wanted);
  *together = status == MUSTER_OK;
  if (status == MUSTER_OK && bench.json && comm_rank(comm) == 0) bench_print_json(&bench);
  free(bench.rows);
  return status;
}
