/* The model behind muster plan: its equations in small cases, and what must hold in any case. */
#include "plan/plan_model.h"
#include "support/check.h"

#include <math.h>

#define NEAR(a, b) CU_ASSERT_DOUBLE_EQUAL((a), (b), 1e-12 * fabs(b))

/* round numbers that show which is which in a sum */
static const struct plan_costs costs = {
    .num_envs = 64,
    .steps = 6400,
    .alone_rollout = 9e-3,
    .update = 20e-3,
    .optimizer_steps = 10,
    .gradient_bytes = 1e5,
    .command_bytes = 1e4,
    .rollout_bytes = 1e6,
    .micro_batches = 8,
    .own_step = 1e-4,
    .crowding = 1,
    .busy = 1,
    .time_slice = 3e-3,
    .n_points = 3,
    .rollout = {{1, 1e-3}, {16, 3e-3}, {64, 8e-3}},
    .node = {20e-6, 2e-6, 1e-10},
    .meet = 1e-6,
    .share = 5e-6,
};
static const struct plan_cluster cluster = {16, 16, {5e-6, 1e-6, 2e-10}};

static struct plan_prediction predict(int ranks, int learners) {
  const struct plan_layout layout = plan_layout_of(&costs, ranks, learners, false, 0);
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

/* more actors than cores: short rollouts follow each other in rounds, long ones share the cores except for a time
 * slice */
static void test_more_ranks_than_cores(void) {
  const struct plan_cluster one_node = {2, 6, cluster.network};
  struct plan_layout layout = plan_layout_of(&costs, 6, 1, false, 0);
  struct plan_costs quick = costs, slow = costs;
  for (int i = 0; i < costs.n_points; i++) {
    quick.rollout[i].seconds *= 0.1;
    slow.rollout[i].seconds *= 10;
  }
  /* five actors on two cores, with 13 environments at most */
  NEAR(plan_predict(&quick, &one_node, &layout).stage[PLAN_ROLLOUT], 3 * plan_rollout_seconds(&quick, 13));
  NEAR(plan_predict(&slow, &one_node, &layout).stage[PLAN_ROLLOUT], 2.5 * plan_rollout_seconds(&slow, 64.0 / 5) + 3e-3);
  /* as many actors as cores: the learner sleeps meanwhile */
  layout = plan_layout_of(&costs, 3, 1, false, 0);
  NEAR(plan_predict(&costs, &one_node, &layout).stage[PLAN_ROLLOUT], plan_rollout_seconds(&costs, 32));
}

/* four learners on one node: they share everything except the optimizer's steps, and read three gradients before each
 * step; learners beyond the number of micro-batches have nothing to do */
static void test_several_learners(void) {
  struct plan_prediction four = predict(12, 4);
  double sum = 2 * 1e-6 + 3 * 5e-6;
  CU_ASSERT_EQUAL(four.actors, 8);
  NEAR(four.stage[PLAN_UPDATE], 10 * 1e-4 + (20e-3 - 10 * 1e-4) / 4 + 10 * sum);
  struct plan_prediction ten = predict(14, 10);
  NEAR(ten.stage[PLAN_UPDATE], 10 * 1e-4 + (20e-3 - 10 * 1e-4) / 8 + 10 * (4 * 1e-6 + 7 * 5e-6));
  /* on two nodes the sums of one node cross to the other, and so does the batch */
  const struct plan_cluster pairs = {2, 2, cluster.network};
  const struct plan_layout layout = plan_layout_of(&costs, 6, 4, false, 0);
  struct plan_prediction two_nodes = plan_predict(&costs, &pairs, &layout);
  double across = (2 * 1e-6 + 1e5 * 2e-10) + 5e-6;
  NEAR(two_nodes.stage[PLAN_UPDATE], 10 * 1e-4 + (20e-3 - 10 * 1e-4) / 4 + 10 * (1e-6 + 5e-6 + across));
}

/* all ranks act and learn: no policy in a command, no rollouts to gather */
static void test_colocated(void) {
  const struct plan_layout layout = plan_layout_of(&costs, 4, 4, true, 0);
  struct plan_prediction four = plan_predict(&costs, &cluster, &layout);
  CU_ASSERT_TRUE(four.actors == 4 && four.envs == 16);
  NEAR(four.stage[PLAN_ROLLOUT], 3e-3);
  NEAR(four.stage[PLAN_EXCHANGE], (20e-6 + 2 * 2 * 2e-6) + (20e-6 + 4 * 2e-6));
  NEAR(four.seconds, four.stage[PLAN_ROLLOUT] + four.stage[PLAN_EXCHANGE] + four.stage[PLAN_UPDATE]);
}

/* where actors do not wait for the update, the longer of the two decides, or the cores do */
static void test_overlap(void) {
  struct plan_costs pipelined = costs, asynchronous = costs;
  pipelined.mode = PLAN_PIPELINED;
  asynchronous.mode = PLAN_ASYNCHRONOUS;
  const struct plan_layout layout = plan_layout_of(&costs, 5, 1, false, 0);
  struct plan_prediction five = plan_predict(&pipelined, &cluster, &layout);
  NEAR(five.seconds, five.stage[PLAN_UPDATE] + five.stage[PLAN_EXCHANGE]);
  pipelined.update = asynchronous.update = 1e-3;
  five = plan_predict(&pipelined, &cluster, &layout);
  NEAR(five.seconds, five.stage[PLAN_ROLLOUT] + five.stage[PLAN_EXCHANGE]);
  five = plan_predict(&asynchronous, &cluster, &layout);
  NEAR(five.seconds, 3e-3);
  const struct plan_cluster two_cores = {2, 16, cluster.network};
  five = plan_predict(&asynchronous, &two_cores, &layout);
  NEAR(five.seconds, fmax(five.stage[PLAN_ROLLOUT], (4 * 3e-3 + 1e-3) / 2));
}

/* simulators that sleep share a core: more actors than cores are as fast as few */
static void test_sleeping(void) {
  struct plan_costs sleeping = costs;
  sleeping.busy = 0.01;
  const struct plan_cluster two_cores = {2, 16, cluster.network};
  const struct plan_layout layout = plan_layout_of(&costs, 9, 1, false, 0);
  NEAR(plan_predict(&sleeping, &two_cores, &layout).stage[PLAN_ROLLOUT], plan_rollout_seconds(&costs, 8));
}

/* gradients that actors compute take time of the actors, not of the learner */
static void test_gradients(void) {
  struct plan_costs gradients = costs;
  gradients.mode = PLAN_ASYNCHRONOUS;
  gradients.alone_gradient = 16e-3;
  const struct plan_layout layout = plan_layout_of(&costs, 5, 1, false, 0);
  NEAR(plan_predict(&gradients, &cluster, &layout).stage[PLAN_ROLLOUT], 3e-3 + 4e-3);
}

/* a fixed number of environments for each actor: the work grows with the ranks, and so does the update on one
 * learner */
static void test_growing(void) {
  struct plan_layout layout = plan_layout_of(&costs, 129, 1, false, 16);
  CU_ASSERT_EQUAL(layout.num_envs, 128 * 16);
  struct plan_prediction grown = plan_predict(&costs, &cluster, &layout);
  NEAR(grown.stage[PLAN_ROLLOUT], 3e-3);
  NEAR(grown.stage[PLAN_UPDATE], 32 * 20e-3);
  NEAR(grown.steps_per_second, 32 * 6400 / grown.seconds);
}

/* the best is no worse than any, and has environments for all actors */
static void test_best(void) {
  struct plan_choice choice = plan_choice_of(&costs, 10000, 0);
  CU_ASSERT_TRUE(choice.max_learners == PLAN_MAX_LEARNERS && choice.may_colocate && !choice.all_ranks);
  struct plan_prediction any = plan_best(&costs, &cluster, &choice);
  choice.max_learners = 1;
  choice.may_colocate = false;
  struct plan_prediction best = plan_best(&costs, &cluster, &choice);
  CU_ASSERT_TRUE(best.actors <= costs.num_envs);
  for (int ranks = 1; ranks <= 65; ranks++) CU_ASSERT_TRUE(best.steps_per_second >= predict(ranks, 1).steps_per_second);
  CU_ASSERT_TRUE(any.steps_per_second >= best.steps_per_second);
  choice.max_ranks = 1;
  CU_ASSERT_EQUAL(plan_best(&costs, &cluster, &choice).layout.ranks, 1);
  choice = plan_choice_of(&costs, 7, 0);
  choice.all_ranks = true;
  CU_ASSERT_EQUAL(plan_best(&costs, &cluster, &choice).layout.ranks, 7);
}

static const struct check_case cases[] = {
    {"rollouts between the points", test_rollout_seconds},
    {"one rank", test_one_rank},
    {"one node", test_one_node},
    {"two nodes", test_two_nodes},
    {"more ranks than cores", test_more_ranks_than_cores},
    {"several learners", test_several_learners},
    {"acting and learning in turn", test_colocated},
    {"rollouts during the update", test_overlap},
    {"simulators that sleep", test_sleeping},
    {"gradients of actors", test_gradients},
    {"environments for each actor", test_growing},
    {"the best", test_best},
};

CHECK_MAIN("plan_model", cases)
