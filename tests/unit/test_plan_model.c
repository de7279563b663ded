/* The model behind muster plan: its equations on small cases, and what must hold of any. */
#include "bench/plan_model.h"
#include "support/check.h"

#include <math.h>

#define NEAR(a, b) CU_ASSERT_DOUBLE_EQUAL((a), (b), 1e-12 * fabs(b))

/* round numbers that tell which is which in a sum */
static const struct plan_costs costs = {
    .num_envs = 64,
    .steps = 6400,
    .alone_rollout = 9e-3,
    .update = 20e-3,
    .optimizer_steps = 10,
    .gradient_bytes = 1e5,
    .order_bytes = 1e4,
    .rollout_bytes = 1e6,
    .crowding = 1,
    .time_slice = 3e-3,
    .n_points = 3,
    .rollout = {{1, 1e-3}, {16, 3e-3}, {64, 8e-3}},
    .node = {20e-6, 2e-6, 1e-10},
};
static const struct plan_cluster cluster = {16, 16, {5e-6, 1e-6, 2e-10}};

static struct plan_prediction predict(int ranks, int learners) {
  const struct plan_layout layout = plan_layout_of(&costs, ranks, learners, 0);
  return plan_predict(&costs, &cluster, &layout);
}

static void test_rollout_seconds(void) {
  NEAR(plan_rollout_seconds(&costs, 1), 1e-3);
  NEAR(plan_rollout_seconds(&costs, 16), 3e-3);
  NEAR(plan_rollout_seconds(&costs, 64), 8e-3);
  NEAR(plan_rollout_seconds(&costs, 0.5), 1e-3);
  NEAR(plan_rollout_seconds(&costs, 40), 5.5e-3);
  NEAR(plan_rollout_seconds(&costs, 128), 16e-3);
}

static void test_one_rank(void) {
  struct plan_prediction alone = predict(1, 1);
  NEAR(alone.stage[PLAN_ROLLOUT], 9e-3);
  CU_ASSERT_EQUAL(alone.stage[PLAN_EXCHANGE], 0);
  NEAR(alone.seconds, 29e-3);
  NEAR(alone.steps_per_second, 6400 / 29e-3);
  CU_ASSERT_EQUAL(alone.bottleneck, PLAN_UPDATE);
  CU_ASSERT_TRUE(alone.actors == 1 && alone.nodes == 1 && alone.envs == 64);
}

/* a learner and four actors on a node: a tree of three rounds, then four rollouts one by one */
static void test_one_node(void) {
  struct plan_prediction five = predict(5, 1);
  NEAR(five.stage[PLAN_ROLLOUT], 3e-3);
  NEAR(five.stage[PLAN_EXCHANGE], (20e-6 + 3 * (2 * 2e-6 + 1e4 * 1e-10)) + (20e-6 + 4 * 2e-6 + 1e6 * 1e-10));
  NEAR(five.stage[PLAN_UPDATE], 20e-3);
  CU_ASSERT_TRUE(five.actors == 4 && five.envs == 16 && five.nodes == 1);
}

/* two nodes of 16 ranks: half of the rollout crosses over, in one message */
static void test_two_nodes(void) {
  struct plan_prediction two = predict(32, 1);
  CU_ASSERT_TRUE(two.nodes == 2 && two.actors == 31 && two.envs == 3);
  double order = (5e-6 + 2 * 1e-6 + 1e4 * 2e-10) + (20e-6 + 4 * (2 * 2e-6 + 1e4 * 1e-10));
  double node = 20e-6 + 15.5 * 2e-6 + 0.5e6 * 1e-10, across = 5e-6 + 1e-6 + 0.5e6 * 2e-10;
  NEAR(two.stage[PLAN_EXCHANGE], order + 2 * node + across);
}

/* more actors than cores: short rollouts follow each other in rounds, long ones share the cores but for a time slice */
static void test_more_ranks_than_cores(void) {
  const struct plan_cluster one_node = {2, 6, cluster.network};
  struct plan_layout layout = plan_layout_of(&costs, 6, 1, 0);
  struct plan_costs quick = costs, slow = costs;
  for (int i = 0; i < costs.n_points; i++) {
    quick.rollout[i].seconds *= 0.1;
    slow.rollout[i].seconds *= 10;
  }
  /* five actors on two cores, with 13 environments at most */
  NEAR(plan_predict(&quick, &one_node, &layout).stage[PLAN_ROLLOUT], 3 * plan_rollout_seconds(&quick, 13));
  NEAR(plan_predict(&slow, &one_node, &layout).stage[PLAN_ROLLOUT], 2.5 * plan_rollout_seconds(&slow, 64.0 / 5) + 3e-3);
  /* as many actors as cores: the learner sleeps */
  layout = plan_layout_of(&costs, 3, 1, 0);
  NEAR(plan_predict(&costs, &one_node, &layout).stage[PLAN_ROLLOUT], plan_rollout_seconds(&costs, 32));
}

static void test_several_learners(void) {
  struct plan_prediction four = predict(12, 4);
  double sum = 2 * 2 * (5e-6 + 2 * 1e-6) + 2 * 0.75 * 1e5 * 2e-10;
  CU_ASSERT_EQUAL(four.actors, 8);
  NEAR(four.stage[PLAN_UPDATE], 5e-3 + 10 * sum);
}

/* so many environments for each actor: the work grows with the ranks, and so does the update on one learner */
static void test_growing(void) {
  struct plan_layout layout = plan_layout_of(&costs, 129, 1, 16);
  CU_ASSERT_EQUAL(layout.num_envs, 128 * 16);
  struct plan_prediction grown = plan_predict(&costs, &cluster, &layout);
  NEAR(grown.stage[PLAN_ROLLOUT], 3e-3);
  NEAR(grown.stage[PLAN_UPDATE], 32 * 20e-3);
  NEAR(grown.steps_per_second, 32 * 6400 / grown.seconds);
}

/* the best is no worse than any, and has environments for all actors */
static void test_best(void) {
  struct plan_prediction best = plan_best(&costs, &cluster, 10000, 0, 1);
  CU_ASSERT_TRUE(best.actors <= costs.num_envs);
  for (int ranks = 1; ranks <= 65; ranks++) CU_ASSERT_TRUE(best.steps_per_second >= predict(ranks, 1).steps_per_second);
  CU_ASSERT_TRUE(plan_best(&costs, &cluster, 10000, 0, 64).steps_per_second >= best.steps_per_second);
  CU_ASSERT_EQUAL(plan_best(&costs, &cluster, 1, 0, 64).layout.ranks, 1);
}

static const struct check_case cases[] = {
    {"rollouts between the points", test_rollout_seconds},
    {"one rank", test_one_rank},
    {"one node", test_one_node},
    {"two nodes", test_two_nodes},
    {"more ranks than cores", test_more_ranks_than_cores},
    {"several learners", test_several_learners},
    {"environments for each actor", test_growing},
    {"the best", test_best},
};

CHECK_MAIN("plan_model", cases)
