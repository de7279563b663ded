/* Where rollouts start and end: whole ones, and those that are cut. */
#include "experience/trajectory.h"
#include "support/check.h"

enum { ENVS = 3, AGENTS = 2, STEPS = 5, CHOICES = 4 };

struct fixture {
  struct arena *arena;
  struct trajectory rollout;
};

static void setup(struct fixture *f, bool masks) {
  f->arena = NULL;
  CHECK_OK_FATAL(arena_create(&f->arena));
  const int32_t choices = CHOICES;
  const muster_env_spec spec = {.observation = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {2}},
                                .action = {.kind = MUSTER_SPACE_DISCRETE, .counts = &choices},
                                .agents = AGENTS,
                                .masks_actions = masks};
  CHECK_OK_FATAL(trajectory_create(&spec, ENVS, STEPS, f->arena, &f->rollout));
}

/* what a row shows at a step of a rollout */
static float shown(size_t row, size_t step) { return (float)(100 * row + step); }
static uint8_t allowed(size_t row, size_t step) { return (uint8_t)(10 * row + step); }

/* writes observations and masks of the steps first .. last of the array, those of `time` on */
static void play(struct trajectory *rollout, size_t first, size_t last, size_t time) {
  for (size_t row = 0; row < rollout->n_rows; row++) {
    float *observation = rollout->observation;
    for (size_t t = first; t <= last; t++, time++) {
      for (size_t i = 0; i < 2; i++) observation[(row * (STEPS + 1) + t) * 2 + i] = shown(row, time) + 0.5f * (float)i;
      for (size_t i = 0; i < rollout->mask_bytes; i++)
        rollout->mask[(row * (STEPS + 1) + t) * CHOICES + i] = allowed(row, time);
    }
    time -= last - first + 1;
  }
}

/* whether every row shows at step t of the array what was shown at `time` */
static bool shows(const struct trajectory *rollout, size_t t, size_t time) {
  bool right = true;
  const float *observation = rollout->observation;
  for (size_t row = 0; row < rollout->n_rows; row++) {
    for (size_t i = 0; i < 2; i++)
      right &= observation[(row * (STEPS + 1) + t) * 2 + i] == shown(row, time) + 0.5f * (float)i;
    for (size_t i = 0; i < rollout->mask_bytes; i++)
      right &= rollout->mask[(row * (STEPS + 1) + t) * CHOICES + i] == allowed(row, time);
  }
  return right;
}

/* rollouts of 5, 2, 1 and 5 steps begin where the last one ended, and each keeps what followed its last step */
static void test_rollouts_follow_each_other(void) {
  const size_t lengths[] = {STEPS, 2, 1, STEPS};
  for (int masks = 0; masks <= 1; masks++) {
    struct fixture f;
    setup(&f, masks != 0);
    size_t time = 0;
    play(&f.rollout, STEPS, STEPS, time);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
      const size_t length = lengths[i];
      f.rollout.final_observations.count = 7;
      trajectory_start(&f.rollout);
      CU_ASSERT_EQUAL(f.rollout.final_observations.count, 0);
      CU_ASSERT_EQUAL(trajectory_steps(&f.rollout), ENVS * STEPS);
      play(&f.rollout, 1, length, time + 1);
      if (length < STEPS) trajectory_cut(&f.rollout, length);
      for (size_t t = 0; t <= length; t++) CU_ASSERT_TRUE(shows(&f.rollout, t, time + t));
      CU_ASSERT_TRUE(shows(&f.rollout, STEPS, time + length));
      CU_ASSERT_EQUAL(trajectory_steps(&f.rollout), (int64_t)(ENVS * length));
      CU_ASSERT_EQUAL(trajectory_samples(&f.rollout), ENVS * AGENTS * length);
      time += length;
    }
    arena_destroy(&f.arena);
  }
}

static const struct check_case cases[] = {{"rollouts follow each other", test_rollouts_follow_each_other}};

CHECK_MAIN("cut rollouts", cases)
