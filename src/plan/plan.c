#include "plan/plan.h"

#include "base/format.h"
#include "base/terminal.h"
#include "math/blas.h"
#include "plan/plan_measure.h"
#include "store/json.h"

#include <stdio.h>
#include <string.h>

/* everything that is printed */
struct plan {
  const struct plan_request *request;
  struct run_config config;
  struct plan_cluster cluster;
  struct plan_costs costs;
  bool measured_exchange;
  int n_rows;
  struct plan_prediction rows[PLAN_MAX_POINTS];
  struct plan_prediction best; /* of all layouts */
};

/* --- the plan --- */

static muster_status read_config(struct comm *comm, const struct plan_request *request, struct run_config *config) {
  if (comm_size(comm) > comm_local_size(comm))
    return status_error(MUSTER_ERROR_USAGE, "it measures within one host: start all of its %d ranks there",
                        comm_size(comm));
  if (comm_size(comm) > 1 && comm_oversubscribed(comm))
    return status_error(MUSTER_ERROR_USAGE,
                        "%d ranks on %d cores wait for each other in turn, which tells nothing of messages: "
                        "expects at most one rank for each core",
                        comm_size(comm), comm_local_cores(comm));
  if (request->config_path == NULL && request->n_sets > 0)
    return status_error(MUSTER_ERROR_USAGE, "--set changes a config: give --config FILE");
  if (comm_rank(comm) != 0) return MUSTER_OK;
  if (request->config_path == NULL) return run_config_parse("defaults", "seed: 1", config);
  /* the ranks of this job measure; the layout is for the numbers of ranks that are planned */
  MUSTER_TRY(run_config_load(request->config_path, request->sets, request->n_sets, 1, config));
  const int actors = comm_size(comm) - 1;
  if (config->env.num_envs >= actors) return MUSTER_OK;
  return status_error(MUSTER_ERROR_USAGE, "env.num_envs: %lld cannot be split over %d actors here; expects at least %d",
                      (long long)config->env.num_envs, actors, actors);
}

/* the layout that the config asks for at this number of ranks */
static struct plan_layout config_layout(const struct plan *plan, int ranks) {
  const struct run_config *config = &plan->config;
  bool colocated = config->ranks.colocate && ranks > 1;
  int learners = run_config_learners(config, ranks), most = colocated || ranks == 1 ? ranks : ranks - 1;
  if (learners > most) learners = most;
  return plan_layout_of(&plan->costs, ranks, learners, colocated, plan->request->envs_per_actor);
}

static void predict(struct plan *plan) {
  const struct plan_request *request = plan->request;
  int rows[PLAN_MAX_POINTS], n = plan_rows(request->ranks, rows);
  for (int i = 0; i < n; i++) {
    const struct plan_layout layout = config_layout(plan, rows[i]);
    if (layout.num_envs < plan_actors(layout.ranks, layout.learners, layout.colocated)) break;
    plan->rows[plan->n_rows++] = plan_predict(&plan->costs, &plan->cluster, &layout);
  }
  const struct plan_choice choice = plan_choice_of(&plan->costs, request->ranks, request->envs_per_actor);
  plan->best = plan_best(&plan->costs, &plan->cluster, &choice);
}

/* --- for people --- */

static void print_measured(const struct plan *plan) {
  const struct plan_costs *costs = &plan->costs;
  const struct plan_link *node = &costs->node, *network = &plan->cluster.network;
  printf("%s, %s (%s), %d environment%s, %.0f step%s in an iteration\n\n", plan->config.env.name,
         plan->config.algorithm_name, plan_mode_names[costs->mode], costs->num_envs, plural(costs->num_envs),
         costs->steps, plural(costs->steps));
  printf("measured here, one core    rollout of all environments %.4g ms (%.4g us a step), update %.4g ms\n",
         1e3 * costs->alone_rollout, 1e6 * costs->alone_rollout / costs->steps, 1e3 * costs->update);
  printf(
      "                           a core computes in %.0f %% of a rollout; %.3g us of each step of the optimizer are "
      "not shared\n",
      100 * costs->busy, 1e6 * costs->own_step);
  printf("%s   L %.3g us, o %.3g us, G %.3g ns/byte; all cores of a node at once: %.2f times as long\n",
         plan->measured_exchange ? "measured here, within node" : "assumed, within a node    ", 1e6 * node->latency,
         1e6 * node->overhead, 1e9 * node->gap, costs->crowding);
  printf("assumed, between nodes     L %.3g us, o %.3g us, G %.3g ns/byte; nodes of %d core%s and %d rank%s\n",
         1e6 * network->latency, 1e6 * network->overhead, 1e9 * network->gap, plan->cluster.cores_per_node,
         plural(plan->cluster.cores_per_node), plan->cluster.ranks_per_node, plural(plan->cluster.ranks_per_node));
  printf(
      "in an iteration            command %.4g kB, rollouts %.4g kB, %.4g step%s of the optimizer, each on up to %.0f "
      "learner%s\n\n",
      1e-3 * costs->command_bytes, 1e-3 * costs->rollout_bytes, costs->optimizer_steps, plural(costs->optimizer_steps),
      costs->micro_batches, plural(costs->micro_batches));
}

static void print_row(const struct plan_prediction *row) {
  char rate[32];
  terminal_format_count(row->steps_per_second, rate, sizeof rate);
  const double *stage = row->stage;
  printf("%6d %6d %8d %7d %7d  %12.4g %12.4g %12.4g  %10s  %s\n", row->layout.ranks, row->nodes, row->layout.learners,
         row->actors, row->envs, stage[PLAN_ROLLOUT], stage[PLAN_EXCHANGE], stage[PLAN_UPDATE], rate,
         plan_stage_names[row->bottleneck]);
}

void plan_describe(const struct plan_layout *layout, int actors, char *text, size_t size) {
  if (layout->ranks == 1)
    snprintf(text, size, "one rank that acts and learns");
  else if (layout->colocated)
    snprintf(text, size, "%d ranks that act and learn in turn", layout->ranks);
  else
    snprintf(text, size, "%d learner%s and %d actor%s", layout->learners, plural(layout->learners), actors,
             plural(actors));
}

static void print_best(const struct plan_prediction *best) {
  char rate[32], layout[80];
  terminal_format_count(best->steps_per_second, rate, sizeof rate);
  plan_describe(&best->layout, best->actors, layout, sizeof layout);
  printf("best  %d rank%s: %s; %s steps/s, most of the time goes into %s\n", best->layout.ranks,
         plural(best->layout.ranks), layout, rate, plan_stage_names[best->bottleneck]);
}

static void print_table(const struct plan *plan) {
  const struct plan_prediction *last = &plan->rows[plan->n_rows - 1];
  print_measured(plan);
  printf("%6s %6s %8s %7s %7s  %12s %12s %12s  %10s  %s\n", "ranks", "nodes", "learners", "actors", "envs", "rollout s",
         "exchange s", "update s", "steps/s", "bottleneck");
  for (int i = 0; i < plan->n_rows; i++) print_row(&plan->rows[i]);
  if (last->layout.ranks < plan->request->ranks)
    printf("more than %d ranks have no environments; --envs-per-actor N plans with so many for each actor\n",
           plan->costs.num_envs + 1);
  printf("\n");
  print_best(&plan->best);
}

/* --- for programs --- */

static void write_link(struct json *json, const char *key, const struct plan_link *link, bool measured) {
  json_open_object(json, key);
  json_bool(json, "measured", measured);
  json_number(json, "latency", link->latency);
  json_number(json, "overhead", link->overhead);
  json_number(json, "gap", link->gap);
  json_close_object(json);
}

static void write_prediction(struct json *json, const char *key, const struct plan_prediction *row) {
  json_open_object(json, key);
  json_int(json, "ranks", row->layout.ranks);
  json_int(json, "learners", row->layout.learners);
  json_bool(json, "colocated", row->layout.colocated);
  json_int(json, "actors", row->actors);
  json_int(json, "nodes", row->nodes);
  json_int(json, "num_envs", row->layout.num_envs);
  for (int i = 0; i < PLAN_STAGES; i++) {
    char name[32];
    snprintf(name, sizeof name, "%s_seconds", plan_stage_names[i]);
    json_number(json, name, row->stage[i]);
  }
  json_number(json, "iteration_seconds", row->seconds);
  json_number(json, "steps_per_second", row->steps_per_second);
  json_string(json, "bottleneck", plan_stage_names[row->bottleneck]);
  json_close_object(json);
}

static void write_costs(struct json *json, const struct plan *plan) {
  const struct plan_costs *costs = &plan->costs;
  json_open_object(json, "costs");
  json_number(json, "steps", costs->steps);
  json_number(json, "rollout_seconds", costs->alone_rollout);
  json_number(json, "update_seconds", costs->update);
  json_number(json, "optimizer_steps", costs->optimizer_steps);
  json_number(json, "command_bytes", costs->command_bytes);
  json_number(json, "rollout_bytes", costs->rollout_bytes);
  json_number(json, "crowding", costs->crowding);
  json_number(json, "busy", costs->busy);
  json_number(json, "gradient_seconds", costs->alone_gradient);
  json_number(json, "own_step_seconds", costs->own_step);
  json_number(json, "meet_seconds", costs->meet);
  json_number(json, "share_seconds", costs->share);
  json_number(json, "micro_batches", costs->micro_batches);
  json_number(json, "time_slice", costs->time_slice);
  json_open_array(json, "actor_rollouts");
  for (int i = 0; i < costs->n_points; i++) {
    json_open_object(json, NULL);
    json_int(json, "envs", costs->rollout[i].envs);
    json_number(json, "seconds", costs->rollout[i].seconds);
    json_close_object(json);
  }
  json_close_array(json);
  write_link(json, "node", &costs->node, plan->measured_exchange);
  write_link(json, "network", &plan->cluster.network, false);
  json_close_object(json);
}

static void print_json(const struct plan *plan) {
  struct json json = json_begin(stdout);
  json_open_object(&json, NULL);
  json_string(&json, "env", plan->config.env.name);
  json_string(&json, "algorithm", plan->config.algorithm_name);
  json_string(&json, "mode", plan_mode_names[plan->costs.mode]);
  json_int(&json, "num_envs", plan->costs.num_envs);
  json_int(&json, "cores_per_node", plan->cluster.cores_per_node);
  json_int(&json, "ranks_per_node", plan->cluster.ranks_per_node);
  write_costs(&json, plan);
  json_open_array(&json, "rows");
  for (int i = 0; i < plan->n_rows; i++) write_prediction(&json, NULL, &plan->rows[i]);
  json_close_array(&json);
  write_prediction(&json, "best", &plan->best);
  json_close_object(&json);
}

muster_status plan_run(struct comm *comm, const struct plan_request *request, bool *together) {
  struct plan plan = {.request = request, .measured_exchange = comm_size(comm) > 1};
  muster_status status = read_config(comm, request, &plan.config);
  bool knows = muster_status_message(status)[0] != '\0', speaks;
  *together = true;
  if (comm_agree_exit_code(comm, status_exit_code(status), knows, &speaks) != 0) {
    if (speaks || status == MUSTER_OK) return status;
    muster_status_clear(&status);
    return MUSTER_OK;
  }
  *together = false;
  MUSTER_TRY(comm_broadcast(comm, &plan.config, sizeof plan.config, 0));
  blas_set_threads((int)plan.config.ranks.blas_threads);
  MUSTER_TRY(plan_measure(comm, &plan.config, request, true, &plan.costs));
  *together = true;
  if (comm_rank(comm) != 0) return MUSTER_OK;
  plan.cluster = request->cluster;
  if (plan.cluster.cores_per_node == 0) plan.cluster.cores_per_node = comm_local_cores(comm);
  if (plan.cluster.ranks_per_node == 0) plan.cluster.ranks_per_node = plan.cluster.cores_per_node;
  predict(&plan);
  if (request->json)
    print_json(&plan);
  else
    print_table(&plan);
  return MUSTER_OK;
}

/* --- a layout for a run --- */

/* the layout that is chosen, and the default one */
static void print_choice(const struct plan_costs *costs, const struct plan_prediction *best,
                         const struct plan_prediction *plain) {
  char layout[80], rate[32], plain_rate[32];
  plan_describe(&best->layout, best->actors, layout, sizeof layout);
  terminal_format_count(best->steps_per_second, rate, sizeof rate);
  terminal_format_count(plain->steps_per_second, plain_rate, sizeof plain_rate);
  printf("layout  %s: %s steps/s expected", layout, rate);
  if (best->layout.learners != plain->layout.learners || best->layout.colocated != plain->layout.colocated)
    printf(", with one learner %s", plain_rate);
  printf(
      "\n        measured: a rollout of all environments %.3g ms, an update %.3g ms, in up to %.0f parts; most of the "
      "time goes into %s\n\n",
      1e3 * costs->alone_rollout, 1e3 * (costs->update + costs->alone_gradient), costs->micro_batches,
      plan_stage_names[best->bottleneck]);
  fflush(stdout);
}

muster_status plan_choose_layout(struct comm *comm, struct run_config *config) {
  struct plan_request request = {.effort = PLAN_BRIEF, .ranks = comm_size(comm)};
  struct plan_cluster cluster = {comm_local_cores(comm), comm_local_size(comm), PLAN_NETWORK};
  bool exchanges = comm_size(comm) == comm_local_size(comm) && !comm_oversubscribed(comm);
  struct plan_costs costs;
  MUSTER_TRY(plan_measure(comm, config, &request, !comm_any(comm, !exchanges), &costs));
  struct plan_choice choice = plan_choice_of(&costs, request.ranks, 0);
  choice.all_ranks = true;
  struct plan_prediction best = plan_best(&costs, &cluster, &choice);
  const struct plan_layout plain = plan_layout_of(&costs, request.ranks, 1, false, 0);
  /* the first rank's choice holds for all: with different numbers of cores they might choose differently */
  MUSTER_TRY(comm_broadcast(comm, &best, sizeof best, 0));
  config->ranks.learners = best.layout.learners;
  config->ranks.colocate = best.layout.colocated;
  if (comm_rank(comm) != 0) return MUSTER_OK;
  const struct plan_prediction other = plan_predict(&costs, &cluster, &plain);
  print_choice(&costs, &best, &other);
  return MUSTER_OK;
}
