/* What the ranks of a run send each other in each iteration, as they send it: the learner's order with the parameters,
 * and the gathering of the rollout. Each goes one way; an empty message goes the other, so that rank 0's clock sees all
 * of it. The limit is the same bytes between plain buffers by plain MPI calls. */
#include "bench/parts.h"
#include "comm/ping.h"
#include "run/worker.h"

#include <stdio.h>

struct exchange_case {
  int num_envs, n_steps, hidden;
};

struct exchanging {
  struct worker worker;
  struct model model;          /* of an actor, for the size of its parameters */
  struct ping *token;          /* empty messages */
  struct ping *gather, *order; /* bare messages of as many bytes */
  double gather_bytes, order_bytes;
};

/* --- what is timed --- */

static muster_status run_gather(void *context) {
  struct exchanging *exchanging = context;
  MUSTER_TRY(ping_out(exchanging->token));
  MUSTER_TRY(exchange_gather_begin(exchanging->worker.rollout_exchange));
  return exchange_gather_end(exchanging->worker.rollout_exchange);
}

static muster_status run_order(void *context) {
  struct exchanging *exchanging = context;
  MUSTER_TRY(worker_broadcast_order(&exchanging->worker));
  return ping_back(exchanging->token);
}

static muster_status run_ping(void *context) {
  struct ping *ping = context;
  MUSTER_TRY(ping_out(ping));
  return ping_back(ping);
}

/* --- set-up --- */

static muster_status create_pings(struct comm *comm, struct exchanging *exchanging) {
  struct worker *worker = &exchanging->worker;

  // the actors' rollouts differ by one environment at most: rank 0's total, shared out evenly
  size_t bytes[2] = {exchange_bytes(worker->rollout_exchange),
                     sizeof(struct order) + worker->order_count * sizeof(float)};
  MUSTER_TRY(comm_broadcast(comm, bytes, sizeof bytes, 0));
  exchanging->gather_bytes = (double)bytes[0];
  exchanging->order_bytes = (double)bytes[1];
  MUSTER_TRY(ping_create(comm, 0, 0, &exchanging->token));
  MUSTER_TRY(ping_create(comm, 0, bytes[0] / (size_t)worker->topology.actors, &exchanging->gather));
  return ping_create(comm, bytes[1], 0, &exchanging->order);
}

static muster_status create_exchanging(struct comm *comm, const struct exchange_case *which,
                                       struct exchanging *exchanging) {
  char text[256];
  struct run_config *config = &exchanging->worker.config;
  snprintf(text, sizeof text,
           "env: {name: CartPole-v1, num_envs: %d}\nalgorithm: {n_steps: %d, batch_size: %d}\n"
           "policy: {hidden_sizes: [%d, %d]}\n",
           which->num_envs, which->n_steps, which->n_steps, which->hidden, which->hidden);
  MUSTER_TRY(run_config_parse("muster bench", text, config));
  const struct run_config copy = *config;
  MUSTER_TRY(worker_create(&exchanging->worker, &copy, NULL, "", comm));
  const muster_env_spec *spec = env_pool_spec(exchanging->worker.pool);
  MUSTER_TRY(model_create(&copy.policy, &spec->observation, &spec->action, MODEL_ACTOR, exchanging->worker.arena,
                          &exchanging->model));
  MUSTER_TRY(worker_connect(&exchanging->worker, &exchanging->model));
  return create_pings(comm, exchanging);
}

static void release_exchanging(struct exchanging *exchanging) {
  ping_destroy(&exchanging->token);
  ping_destroy(&exchanging->gather);
  ping_destroy(&exchanging->order);
  worker_release(&exchanging->worker);
}

/* --- the part --- */

static muster_status measure(struct bench *bench, const struct exchange_case *which, struct exchanging *exchanging) {
  struct bench_work gather = {.run = run_gather, .context = exchanging},
                    order = {.run = run_order, .context = exchanging};
  struct bench_work bare_gather = {.run = run_ping, .context = exchanging->gather};
  struct bench_work bare_order = {.run = run_ping, .context = exchanging->order};
  struct bench_work *works[] = {&bare_gather, &gather, &bare_order, &order};
  MUSTER_TRY(bench_measure(bench, works, 4));

  char name[64];
  double bytes = exchanging->gather_bytes;
  snprintf(name, sizeof name, "exchange/gather/%dx%d", which->num_envs, which->n_steps);
  MUSTER_TRY(bench_add(bench, &unit_us, bench_per_item(&gather, 1.0), bench_per_item(&bare_gather, 1.0), "%s", name));
  MUSTER_TRY(bench_add(bench, &unit_gigabytes, bench_per_item(&gather, bytes), bench_per_item(&bare_gather, bytes),
                       "%s/bandwidth", name));
  bytes = exchanging->order_bytes;
  snprintf(name, sizeof name, "exchange/order/%dx%d", which->hidden, which->hidden);
  MUSTER_TRY(bench_add(bench, &unit_us, bench_per_item(&order, 1.0), bench_per_item(&bare_order, 1.0), "%s", name));
  return bench_add(bench, &unit_gigabytes, bench_per_item(&order, bytes), bench_per_item(&bare_order, bytes),
                   "%s/bandwidth", name);
}

muster_status bench_exchange(struct bench *bench) {
  static const struct exchange_case cases[] = {{8, 32, 32}, {512, 64, 64}, {4096, 64, 256}};
  for (int i = 0; i < (bench->quick ? 2 : 3); i++) {
    struct exchange_case which = cases[i];
    if (which.num_envs < comm_size(bench->comm)) which.num_envs = comm_size(bench->comm);
    struct exchanging exchanging = {0};
    muster_status status = create_exchanging(bench->comm, &which, &exchanging);
    if (status == MUSTER_OK) status = measure(bench, &which, &exchanging);
    release_exchanging(&exchanging);
    MUSTER_TRY(status);
  }
  return MUSTER_OK;
}
