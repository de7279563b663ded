#include "bench/plan_model.h"

#include <math.h>

const char *const plan_stage_names[PLAN_STAGES] = {"rollout", "exchange", "update"};

int plan_actors(int ranks, int learners) { return ranks == 1 ? 1 : ranks - learners; }

struct plan_layout plan_layout_of(const struct plan_costs *costs, int ranks, int learners, int32_t envs_per_actor) {
  int32_t num_envs = envs_per_actor > 0 ? envs_per_actor * (int32_t)plan_actors(ranks, learners) : costs->num_envs;
  return (struct plan_layout){.ranks = ranks, .learners = learners, .num_envs = num_envs};
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

/* rounds of a tree over so many */
static double tree_rounds(int n) { return n > 1 ? ceil(log2(n)) : 0; }

static int divide_up(int a, int b) { return (a + b - 1) / b; }

/* The actors of a node. Where each has a core, the one with most environments decides; the learner sleeps meanwhile, so
 * that its core counts. More of them follow each other, in rounds; long rollouts share the cores evenly, but for a time
 * slice. */
static double rollout_seconds(const struct plan_costs *costs, const struct plan_cluster *cluster,
                              const struct plan_prediction *prediction) {
  const struct plan_layout *layout = &prediction->layout;
  if (layout->ranks == 1) return costs->alone_rollout * layout->num_envs / costs->num_envs;
  double longest = costs->crowding * plan_rollout_seconds(costs, prediction->envs);
  double mean = costs->crowding * plan_rollout_seconds(costs, (double)layout->num_envs / prediction->actors);
  int cores = cluster->cores_per_node, beside = divide_up(prediction->actors, prediction->nodes);
  double in_rounds = divide_up(beside, cores) * longest, shared = beside * mean / cores + costs->time_slice;
  return fmax(longest, fmin(in_rounds, shared));
}

/* an order down the tree of nodes, then of the ranks of a node */
static double order_seconds(const struct plan_costs *costs, const struct plan_cluster *cluster, int nodes, int ranks) {
  const struct plan_link *far = &cluster->network, *near = &costs->node;
  double seconds = tree_rounds(nodes) * (far->latency + 2 * far->overhead + costs->order_bytes * far->gap);
  int local = ranks < cluster->ranks_per_node ? ranks : cluster->ranks_per_node;
  if (local > 1) seconds += near->latency + tree_rounds(local) * (2 * near->overhead + costs->order_bytes * near->gap);
  return seconds;
}

/* the rollout to a learner: from the actors of its node one by one, from each other node in one message */
static double gather_seconds(const struct plan_costs *costs, const struct plan_cluster *cluster,
                             const struct plan_prediction *prediction) {
  const struct plan_link *far = &cluster->network, *near = &costs->node;
  int learners = prediction->layout.learners, nodes = prediction->nodes;
  double bytes = costs->rollout_bytes * prediction->layout.num_envs / costs->num_envs / learners;
  double here = nodes > 1 ? 1.0 / nodes : 1.0, on_node = (double)prediction->actors / nodes;
  double seconds = near->latency + on_node * near->overhead + here * bytes * near->gap;
  if (nodes == 1) return seconds;
  double collect = on_node > 1 ? near->latency + on_node * near->overhead + here * bytes * near->gap : 0;
  return collect + far->latency + (nodes - 1) * far->overhead + (1 - here) * bytes * far->gap + seconds;
}

/* one learner's part of the update, and the sums of gradients where there are several */
static double update_seconds(const struct plan_costs *costs, const struct plan_cluster *cluster,
                             const struct plan_layout *layout) {
  const struct plan_link *far = &cluster->network;
  double growth = (double)layout->num_envs / costs->num_envs, learners = layout->learners;
  double seconds = costs->update * growth / learners;
  if (layout->learners == 1) return seconds;
  double sum = 2 * tree_rounds(layout->learners) * (far->latency + 2 * far->overhead) +
               2 * (learners - 1) / learners * costs->gradient_bytes * far->gap;
  return seconds + costs->optimizer_steps * growth * sum;
}

struct plan_prediction plan_predict(const struct plan_costs *costs, const struct plan_cluster *cluster,
                                    const struct plan_layout *layout) {
  struct plan_prediction prediction = {.layout = *layout};
  prediction.actors = plan_actors(layout->ranks, layout->learners);
  prediction.nodes = divide_up(layout->ranks, cluster->ranks_per_node);
  prediction.envs = divide_up(layout->num_envs, prediction.actors);
  double *stage = prediction.stage;
  stage[PLAN_ROLLOUT] = rollout_seconds(costs, cluster, &prediction);
  if (layout->ranks > 1)
    stage[PLAN_EXCHANGE] =
        order_seconds(costs, cluster, prediction.nodes, layout->ranks) + gather_seconds(costs, cluster, &prediction);
  stage[PLAN_UPDATE] = update_seconds(costs, cluster, layout);
  for (int i = 0; i < PLAN_STAGES; i++) {
    prediction.seconds += stage[i];
    if (stage[i] > stage[prediction.bottleneck]) prediction.bottleneck = (enum plan_stage)i;
  }
  prediction.steps_per_second = costs->steps * layout->num_envs / costs->num_envs / prediction.seconds;
  return prediction;
}

struct plan_prediction plan_best(const struct plan_costs *costs, const struct plan_cluster *cluster, int max_ranks,
                                 int32_t envs_per_actor, int max_learners) {
  const struct plan_layout alone = plan_layout_of(costs, 1, 1, envs_per_actor);
  struct plan_prediction best = plan_predict(costs, cluster, &alone);
  for (int ranks = 2; ranks <= max_ranks; ranks++)
    for (int learners = 1; learners <= max_learners && learners < ranks; learners++) {
      const struct plan_layout layout = plan_layout_of(costs, ranks, learners, envs_per_actor);
      if (layout.num_envs < plan_actors(ranks, learners)) continue;
      struct plan_prediction prediction = plan_predict(costs, cluster, &layout);
      if (prediction.steps_per_second > best.steps_per_second) best = prediction;
    }
  return best;
}
