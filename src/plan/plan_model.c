#include "plan/plan_model.h"

#include <math.h>

const char *const plan_stage_names[PLAN_STAGES] = {"rollout", "exchange", "update"};

const char *const plan_mode_names[] = {"in step", "pipelined", "asynchronous"};

int plan_actors(int ranks, int learners, bool colocated) { return ranks == 1 || colocated ? ranks : ranks - learners; }

struct plan_layout plan_layout_of(const struct plan_costs *costs, int ranks, int learners, bool colocated,
                                  int32_t envs_per_actor) {
  int32_t actors = plan_actors(ranks, learners, colocated);
  int32_t num_envs = envs_per_actor > 0 ? envs_per_actor * actors : costs->num_envs;
  return (struct plan_layout){.ranks = ranks, .learners = learners, .colocated = colocated, .num_envs = num_envs};
}

double plan_rollout_seconds(const struct plan_costs *costs, double envs) {
  const struct plan_point *point = costs->rollout, *last = point + costs->n_points - 1;
  if (envs <= point->envs) return point->seconds;
  while (point < last && envs > point->envs) point++;
  if (envs >= last->envs) return last->seconds * envs / last->envs;
  const struct plan_point *before = point - 1;
  double share = (envs - before->envs) / (point->envs - before->envs);
  return before->seconds + share * (point->seconds - before->seconds);
}

/* rounds in which a tree reaches n */
static double tree_rounds(int n) { return n > 1 ? ceil(log2(n)) : 0; }

static int divide_up(int a, int b) { return (a + b - 1) / b; }

/* seconds of a rollout while other actors are busy, and of its gradient where actors compute it */
static double acting_seconds(const struct plan_costs *costs, double envs) {
  return costs->crowding * (plan_rollout_seconds(costs, envs) + costs->alone_gradient * envs / costs->num_envs);
}

static double mean_acting_seconds(const struct plan_costs *costs, const struct plan_prediction *prediction) {
  return acting_seconds(costs, (double)prediction->layout.num_envs / prediction->actors);
}

/* Seconds of the rollouts of a node's actors. Where each has a core, the one with the most environments decides; the
 * learner sleeps meanwhile, so an actor can use its core, too. Where there are more actors than cores, they compute one
 * after the other, in rounds; long rollouts share the cores evenly, except for a time slice. */
static double rollout_seconds(const struct plan_costs *costs, const struct plan_cluster *cluster,
                              const struct plan_prediction *prediction) {
  const struct plan_layout *layout = &prediction->layout;
  if (layout->ranks == 1) return (costs->alone_rollout + costs->alone_gradient) * layout->num_envs / costs->num_envs;
  double longest = acting_seconds(costs, prediction->envs), mean = mean_acting_seconds(costs, prediction);
  int cores = cluster->cores_per_node, on_node = divide_up(prediction->actors, prediction->nodes);
  double in_rounds = divide_up(on_node, cores) * costs->busy * longest;
  double shared = on_node * costs->busy * mean / cores + costs->time_slice;
  return fmax(longest, fmin(in_rounds, shared));
}

/* seconds of a command, which passes down a tree of nodes, then a tree of the ranks of a node */
static double command_seconds(const struct plan_costs *costs, const struct plan_cluster *cluster,
                              const struct plan_prediction *prediction) {
  const struct plan_link *network = &cluster->network, *node = &costs->node;
  const int ranks = prediction->layout.ranks;
  /* learners have the policy already */
  const double bytes = prediction->layout.colocated ? 0 : costs->command_bytes;
  double seconds = tree_rounds(prediction->nodes) * (network->latency + 2 * network->overhead + bytes * network->gap);
  int local = ranks < cluster->ranks_per_node ? ranks : cluster->ranks_per_node;
  if (local > 1) seconds += node->latency + tree_rounds(local) * (2 * node->overhead + bytes * node->gap);
  return seconds;
}

/* the number of nodes that have learners */
static int learner_nodes(const struct plan_cluster *cluster, const struct plan_prediction *prediction) {
  return divide_up(prediction->layout.learners, cluster->ranks_per_node);
}

/* Seconds in which the rollout reaches the learner that leads: from the actors of its node one by one, from each other
 * node in one message; where actors learn, nothing moves on its node. From there it goes to the other nodes that have
 * learners. */
static double gather_seconds(const struct plan_costs *costs, const struct plan_cluster *cluster,
                             const struct plan_prediction *prediction) {
  const struct plan_link *network = &cluster->network, *node = &costs->node;
  int nodes = prediction->nodes, copies = learner_nodes(cluster, prediction);
  double bytes = costs->rollout_bytes * prediction->layout.num_envs / costs->num_envs;
  double here = nodes > 1 ? 1.0 / nodes : 1.0, on_node = (double)prediction->actors / nodes;
  double moved = prediction->layout.colocated && costs->mode == PLAN_LOCKSTEP ? 0 : here * bytes;
  double seconds = node->latency + on_node * node->overhead + moved * node->gap;
  if (nodes == 1) return seconds;
  double collect = on_node > 1 ? node->latency + on_node * node->overhead + here * bytes * node->gap : 0;
  double spread = tree_rounds(copies) * (network->latency + 2 * network->overhead + bytes * network->gap);
  return collect + network->latency + (nodes - 1) * network->overhead + (1 - here) * bytes * network->gap + seconds +
         spread;
}

/* Seconds for which the learner of an asynchronous run is busy with messages: one from each actor, and a command after
 * each update, which actors read at their next look. No rank waits until a message arrives. */
static double message_seconds(const struct plan_costs *costs, const struct plan_cluster *cluster,
                              const struct plan_prediction *prediction) {
  const struct plan_link *network = &cluster->network, *node = &costs->node;
  const double growth = (double)prediction->layout.num_envs / costs->num_envs, here = 1.0 / prediction->nodes;
  const double actors = prediction->actors, bytes = growth * costs->rollout_bytes;
  /* within a node data are copied through memory, without a message */
  const double copy = costs->gradient_bytes > 0 ? costs->share / costs->gradient_bytes : 0;
  const double commands = growth * costs->optimizer_steps;
  double seconds = here * (actors * node->overhead + bytes * copy) + commands * costs->command_bytes * copy;
  if (prediction->nodes == 1) return seconds;
  const double remote_actors = (1 - here) * actors;
  return seconds + remote_actors * network->overhead + (1 - here) * bytes * network->gap +
         commands * remote_actors * (network->overhead + costs->command_bytes * network->gap);
}

/* Seconds of an update by several learners: as many of them as there are micro-batches divide the work, except the
 * optimizer steps; before each step all meet, read what the others of their node have summed, and get the sums of the
 * other nodes. */
static double update_seconds(const struct plan_costs *costs, const struct plan_cluster *cluster,
                             const struct plan_prediction *prediction) {
  const struct plan_link *network = &cluster->network;
  const struct plan_layout *layout = &prediction->layout;
  const double growth = (double)layout->num_envs / costs->num_envs;
  if (layout->learners == 1 || layout->ranks == 1) return costs->update * growth;
  const int nodes = learner_nodes(cluster, prediction);
  const double sharing = fmin(layout->learners, costs->micro_batches);
  const double on_node = fmin(sharing, (double)layout->learners / nodes), bytes = costs->gradient_bytes;
  double own = costs->optimizer_steps * costs->own_step, shared = fmax(0, costs->update - own);
  double in_turn = fmax(1, (double)layout->learners / nodes / cluster->cores_per_node); /* learners that take turns on a
                                                                                           core */
  double sum = on_node > 1 ? 0.5 * on_node * costs->meet + (on_node - 1) * costs->share : 0;
  if (nodes > 1) sum += (nodes - 1) * (2 * network->overhead + bytes * network->gap) + network->latency;
  return growth * (in_turn * (own + shared / sharing) + costs->optimizer_steps * sum);
}

/* the stages take place one after another, or the rollout at the same time as the update, as far as there are cores for
 * both */
static double iteration_seconds(const struct plan_costs *costs, const struct plan_cluster *cluster,
                                const struct plan_prediction *prediction) {
  const double *stage = prediction->stage;
  const struct plan_layout *layout = &prediction->layout;
  bool overlaps = costs->mode != PLAN_LOCKSTEP && layout->ranks > 1 && !layout->colocated;
  if (!overlaps) return stage[PLAN_ROLLOUT] + stage[PLAN_EXCHANGE] + stage[PLAN_UPDATE];
  double actors = stage[PLAN_ROLLOUT], learner = stage[PLAN_UPDATE] + stage[PLAN_EXCHANGE];
  /* where actors wait for commands, the exchange takes their time, too */
  if (costs->mode == PLAN_PIPELINED) actors += stage[PLAN_EXCHANGE];
  double mean = mean_acting_seconds(costs, prediction);
  double rollouts = (double)prediction->actors / prediction->nodes * costs->busy * mean;
  double work = (rollouts + stage[PLAN_UPDATE]) / cluster->cores_per_node;
  return fmax(fmax(actors, learner), work);
}

struct plan_prediction plan_predict(const struct plan_costs *costs, const struct plan_cluster *cluster,
                                    const struct plan_layout *layout) {
  struct plan_prediction prediction = {.layout = *layout};
  prediction.actors = plan_actors(layout->ranks, layout->learners, layout->colocated);
  prediction.nodes = divide_up(layout->ranks, cluster->ranks_per_node);
  prediction.envs = divide_up(layout->num_envs, prediction.actors);
  double *stage = prediction.stage;
  stage[PLAN_ROLLOUT] = rollout_seconds(costs, cluster, &prediction);
  if (layout->ranks > 1 && costs->mode == PLAN_ASYNCHRONOUS)
    stage[PLAN_EXCHANGE] = message_seconds(costs, cluster, &prediction);
  else if (layout->ranks > 1)
    stage[PLAN_EXCHANGE] = command_seconds(costs, cluster, &prediction) + gather_seconds(costs, cluster, &prediction);
  stage[PLAN_UPDATE] = update_seconds(costs, cluster, &prediction);
  for (int i = 0; i < PLAN_STAGES; i++)
    if (stage[i] > stage[prediction.bottleneck]) prediction.bottleneck = (enum plan_stage)i;
  prediction.seconds = iteration_seconds(costs, cluster, &prediction);
  prediction.steps_per_second = costs->steps * layout->num_envs / costs->num_envs / prediction.seconds;
  return prediction;
}

struct plan_choice plan_choice_of(const struct plan_costs *costs, int max_ranks, int32_t envs_per_actor) {
  bool has_one_learner = costs->mode == PLAN_ASYNCHRONOUS;
  return (struct plan_choice){.max_ranks = max_ranks,
                              .envs_per_actor = envs_per_actor,
                              .max_learners = has_one_learner ? 1 : PLAN_MAX_LEARNERS,
                              .may_colocate = !has_one_learner};
}

/* replaces `best` by a layout that is faster and has environments for all actors */
static void offer(const struct plan_costs *costs, const struct plan_cluster *cluster, const struct plan_layout *layout,
                  struct plan_prediction *best) {
  if (layout->num_envs < plan_actors(layout->ranks, layout->learners, layout->colocated)) return;
  struct plan_prediction prediction = plan_predict(costs, cluster, layout);
  if (prediction.steps_per_second > best->steps_per_second) *best = prediction;
}

struct plan_prediction plan_best(const struct plan_costs *costs, const struct plan_cluster *cluster,
                                 const struct plan_choice *choice) {
  struct plan_prediction best = {.steps_per_second = 0};
  for (int ranks = choice->all_ranks ? choice->max_ranks : 1; ranks <= choice->max_ranks; ranks++) {
    const int most = ranks == 1 ? 1 : ranks - 1 < choice->max_learners ? ranks - 1 : choice->max_learners;
    for (int learners = 1; learners <= most; learners++) {
      const struct plan_layout layout = plan_layout_of(costs, ranks, learners, false, choice->envs_per_actor);
      offer(costs, cluster, &layout, &best);
    }
    if (ranks == 1 || !choice->may_colocate || ranks > PLAN_MAX_LEARNERS) continue;
    const struct plan_layout layout = plan_layout_of(costs, ranks, ranks, true, choice->envs_per_actor);
    offer(costs, cluster, &layout, &best);
  }
  return best;
}

int plan_rows(int max_ranks, int rows[PLAN_MAX_POINTS]) {
  int n = 0;
  for (int ranks = 1; ranks < max_ranks; ranks = ranks < 4 ? ranks + 1 : 2 * ranks) rows[n++] = ranks;
  rows[n++] = max_ranks;
  return n;
}
