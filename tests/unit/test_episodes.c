/* Statistics of finished episodes: running sums across rollouts, the window, and its state. */
#include "support/check.h"
#include "train/episodes.h"

#include <math.h>
#include <string.h>

struct fixture {
  struct arena *arena;
  struct episodes episodes;
  struct trajectory rollout;
};

static void setup(struct fixture *f, size_t n_envs, int32_t agents, size_t n_steps) {
  f->arena = NULL;
  CHECK_OK_FATAL(arena_create(&f->arena));
  CHECK_OK_FATAL(episodes_create(n_envs, f->arena, &f->episodes));
  const int32_t choices = 2;
  const muster_env_spec spec = {.observation = {.kind = MUSTER_SPACE_BOX},
                                .action = {.kind = MUSTER_SPACE_DISCRETE, .counts = &choices},
                                .agents = agents};
  CHECK_OK_FATAL(trajectory_create(&spec, n_envs, n_steps, f->arena, &f->rollout));
}

/* before the first episode ends there are no statistics */
static void test_empty(void) {
  struct fixture f;
  setup(&f, 2, 1, 3);
  episodes_add_rollout(&f.episodes, &f.rollout);
  struct episodes_summary summary = episodes_summarize(&f.episodes);
  CU_ASSERT_EQUAL(summary.count, 0);
  CU_ASSERT_TRUE(isnan(summary.mean_return) && isnan(summary.std_return) && isnan(summary.mean_length));
  arena_destroy(&f.arena);
}

/* two environments, two rollouts: an episode goes on in the second rollout; an end of either kind counts once */
static void test_by_hand(void) {
  struct fixture f;
  setup(&f, 2, 1, 3);
  const float first[6] = {1, 2, 3, 10, 20, 30}, second[6] = {4, 5, 6, 40, 50, 60};
  memcpy(f.rollout.reward, first, sizeof first);
  memcpy(f.rollout.ended, (const uint8_t[]){0, 0, 0, 0, ENV_TERMINATED, 0}, 6);
  episodes_add_rollout(&f.episodes, &f.rollout);
  struct episodes_summary summary = episodes_summarize(&f.episodes);
  CU_ASSERT_TRUE(summary.count == 1 && summary.mean_return == 30 && summary.std_return == 0 &&
                 summary.mean_length == 2);

  memcpy(f.rollout.reward, second, sizeof second);
  memcpy(f.rollout.ended, (const uint8_t[]){ENV_TRUNCATED, 0, 0, ENV_TERMINATED | ENV_TRUNCATED, 0, 0}, 6);
  episodes_add_rollout(&f.episodes, &f.rollout);
  summary = episodes_summarize(&f.episodes);
  /* environment 0: 1 + 2 + 3 + 4 = 10 over 4 steps; environment 1: 30 + 40 = 70 over 2; they end at the same step */
  CU_ASSERT_EQUAL(summary.count, 3);
  CHECK_CLOSE(summary.mean_return, 110.0 / 3, 1e-12);
  CHECK_CLOSE(summary.mean_length, 8.0 / 3, 1e-12);
  CHECK_CLOSE(summary.std_return, sqrt((30.0 * 30 + 10.0 * 10 + 70.0 * 70) / 3 - pow(110.0 / 3, 2)), 1e-12);
  CU_ASSERT_TRUE(f.episodes.returns[0] == 30 && f.episodes.returns[1] == 10 && f.episodes.returns[2] == 70);
  CU_ASSERT_TRUE(f.episodes.running_return[0] == 11 && f.episodes.running_length[0] == 2);
  CU_ASSERT_TRUE(f.episodes.running_return[1] == 110 && f.episodes.running_length[1] == 2);
  arena_destroy(&f.arena);
}

/* with several agents their mean counts; the environment's end is the end of all of them */
static void test_agents(void) {
  struct fixture f;
  setup(&f, 2, 3, 2);
  const float rewards[12] = {1, 2, 10, 20, 100, 200, 4, 4, 5, 5, 6, 6};
  memcpy(f.rollout.reward, rewards, sizeof rewards);
  memcpy(f.rollout.ended, (const uint8_t[]){0, ENV_TERMINATED, ENV_TRUNCATED, 0}, 4);
  episodes_add_rollout(&f.episodes, &f.rollout);
  CU_ASSERT_EQUAL(f.episodes.finished, 2);
  CHECK_CLOSE(f.episodes.returns[0], 5, 1e-12);
  CHECK_CLOSE(f.episodes.returns[1], 111, 1e-12);
  CU_ASSERT_TRUE(f.episodes.lengths[0] == 1 && f.episodes.lengths[1] == 2);
  CHECK_CLOSE(f.episodes.running_return[1], 5, 1e-12);
  arena_destroy(&f.arena);
}

/* plays one-step episodes with returns first, first + 1, ... */
static void play(struct fixture *f, int first, int rollouts) {
  for (int i = 0; i < rollouts; i++) {
    f->rollout.reward[0] = (float)(first + i);
    f->rollout.ended[0] = ENV_TERMINATED;
    episodes_add_rollout(&f->episodes, &f->rollout);
  }
}

/* of 130 episodes the last hundred count: 30 .. 129 */
static void test_window(void) {
  struct fixture f;
  setup(&f, 1, 1, 1);
  play(&f, 0, 130);
  struct episodes_summary summary = episodes_summarize(&f.episodes);
  CU_ASSERT_EQUAL(summary.count, EPISODES_WINDOW);
  CU_ASSERT_EQUAL(f.episodes.finished, 130);
  CHECK_CLOSE(summary.mean_return, 79.5, 1e-12);
  CHECK_CLOSE(summary.std_return, sqrt((100.0 * 100.0 - 1) / 12), 1e-12);
  CHECK_CLOSE(summary.mean_length, 1, 1e-12);
  arena_destroy(&f.arena);
}

/* a window restored from its state goes on like one that was never stopped */
static void test_state(void) {
  struct fixture f, restored;
  setup(&f, 1, 1, 1);
  setup(&restored, 1, 1, 1);
  play(&f, 0, 130);
  struct tensor list[EPISODES_STATE], target[EPISODES_STATE];
  int n = episodes_state(&f.episodes, list);
  CU_ASSERT_FATAL(n > 0 && n <= EPISODES_STATE);
  CU_ASSERT_EQUAL_FATAL(episodes_state(&restored.episodes, target), n);
  for (int i = 0; i < n; i++) {
    CU_ASSERT_EQUAL(strncmp(list[i].name, "episodes/", 9), 0);
    for (int k = 0; k < i; k++) CU_ASSERT_NOT_EQUAL(strcmp(list[i].name, list[k].name), 0);
    CU_ASSERT_EQUAL_FATAL(tensor_bytes(&list[i]), tensor_bytes(&target[i]));
    memcpy(target[i].data, list[i].data, tensor_bytes(&list[i]));
  }
  play(&f, 130, 7);
  play(&restored, 130, 7);
  CU_ASSERT_EQUAL(memcmp(f.episodes.returns, restored.episodes.returns, sizeof f.episodes.returns), 0);
  CU_ASSERT_EQUAL(memcmp(f.episodes.lengths, restored.episodes.lengths, sizeof f.episodes.lengths), 0);
  CU_ASSERT_EQUAL(f.episodes.finished, restored.episodes.finished);
  arena_destroy(&f.arena);
  arena_destroy(&restored.arena);
}

static const struct check_case cases[] = {
    {"nothing finished yet", test_empty},
    {"across rollouts", test_by_hand},
    {"the window", test_window},
    {"several agents", test_agents},
    {"state", test_state},
};

CHECK_MAIN("episodes", cases)
