/* What the ranks of a run send each other in each iteration, sent in the same way: the learner's command with the
 * parameters, and the gathering of the rollout. Each is followed by an empty message in the other direction, so that
 * rank 0's clock covers the whole exchange. The limit is to send the same bytes between plain buffers by plain MPI
 * calls. */
#include "bench/parts.h"
#include "bench/transport_bench.h"
#include "comm/ping.h"

#include <stdio.h>

struct exchange_case {
  int num_envs, n_steps, hidden;
};

struct comparison {
  struct transport_bench ranks;
  struct ping *token;          /* empty messages */
  struct ping *gather, *order; /* plain messages of the same sizes */
};

/* --- what is timed --- */

static muster_status run_gather(void *context) {
  struct comparison *comparison = context;
  MUSTER_TRY(ping_out(comparison->token));
  MUSTER_TRY(gather_begin(comparison->ranks.transport.rollout_gather));
  return gather_end(comparison->ranks.transport.rollout_gather);
}

static muster_status run_command_(void *context) {
  struct comparison *comparison = context;
  MUSTER_TRY(transport_broadcast_command(&comparison->ranks.transport));
  return ping_back(comparison->token);
}

static muster_status run_ping(void *context) {
  struct ping *ping = context;
  MUSTER_TRY(ping_out(ping));
  return ping_back(ping);
}

/* --- set-up --- */

static muster_status create_comparison(struct comm *comm, const struct exchange_case *which,
                                       struct comparison *comparison) {
  char text[256];
  struct run_config config;
  snprintf(text, sizeof text,
           "env: {name: CartPole-v1, num_envs: %d}\nalgorithm: {n_steps: %d, batch_size: %d}\n"
           "policy: {hidden_sizes: [%d, %d]}\n",
           which->num_envs, which->n_steps, which->n_steps, which->hidden, which->hidden);
  MUSTER_TRY(run_config_parse("muster bench", text, &config));
  struct transport_bench *ranks = &comparison->ranks;
  MUSTER_TRY(transport_bench_create(comm, &config, ranks));

  // the actors' rollouts differ by one environment at most: rank 0's total, shared out evenly
  size_t actors = (size_t)ranks->run.topology.actors;
  MUSTER_TRY(ping_create(comm, 0, 0, &comparison->token));
  MUSTER_TRY(ping_create(comm, 0, ranks->gather_bytes / actors, &comparison->gather));
  return ping_create(comm, ranks->command_bytes, 0, &comparison->order);
}

static void release_comparison(struct comparison *comparison) {
  ping_destroy(&comparison->token);
  ping_destroy(&comparison->gather);
  ping_destroy(&comparison->order);
  transport_bench_release(&comparison->ranks);
}

/* --- the part --- */

static muster_status measure(struct bench *bench, const struct exchange_case *which, struct comparison *comparison) {
  struct bench_work gather = {.run = run_gather, .context = comparison},
                    order = {.run = run_command_, .context = comparison};
  struct bench_work bare_gather = {.run = run_ping, .context = comparison->gather};
  struct bench_work bare_command = {.run = run_ping, .context = comparison->order};
  struct bench_work *works[] = {&bare_gather, &gather, &bare_command, &order};
  MUSTER_TRY(bench_measure(bench, works, 4));

  char name[64];
  double bytes = (double)comparison->ranks.gather_bytes;
  snprintf(name, sizeof name, "exchange/gather/%dx%d", which->num_envs, which->n_steps);
  MUSTER_TRY(bench_add(bench, &unit_us, bench_per_item(&gather, 1.0), bench_per_item(&bare_gather, 1.0), "%s", name));
  MUSTER_TRY(bench_add(bench, &unit_gigabytes, bench_per_item(&gather, bytes), bench_per_item(&bare_gather, bytes),
                       "%s/bandwidth", name));
  bytes = (double)comparison->ranks.command_bytes;
  snprintf(name, sizeof name, "exchange/order/%dx%d", which->hidden, which->hidden);
  MUSTER_TRY(bench_add(bench, &unit_us, bench_per_item(&order, 1.0), bench_per_item(&bare_command, 1.0), "%s", name));
  return bench_add(bench, &unit_gigabytes, bench_per_item(&order, bytes), bench_per_item(&bare_command, bytes),
                   "%s/bandwidth", name);
}

muster_status bench_exchange(struct bench *bench) {
  static const struct exchange_case cases[] = {{8, 32, 32}, {512, 64, 64}, {4096, 64, 256}};
  for (int i = 0; i < (bench->quick ? 2 : 3); i++) {
    struct exchange_case which = cases[i];
    if (which.num_envs < comm_size(bench->comm)) which.num_envs = comm_size(bench->comm);
    struct comparison comparison = {0};
    muster_status status = create_comparison(bench->comm, &which, &comparison);
    if (status == MUSTER_OK) status = measure(bench, &which, &comparison);
    release_comparison(&comparison);
    MUSTER_TRY(status);
  }
  return MUSTER_OK;
}
