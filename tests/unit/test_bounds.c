/* Actions within their bounds: clipped, rescaled and drawn, at every size that a float can have. */
#include "env/bounds.h"

#include "base/random.h"
#include "support/check.h"

#include <float.h>
#include <math.h>

static muster_space box(const float *low, const float *high) {
  return (muster_space){.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {1}, .low = low, .high = high};
}

static float rescaled(float low, float high, float value) {
  const muster_space space = box(&low, &high);
  bool changes = false;
  CHECK_OK(action_bounds_check(ACTION_BOUNDS_RESCALE, &space, &changes));
  CU_ASSERT_TRUE(changes);
  float result;
  action_bounds_apply(ACTION_BOUNDS_RESCALE, &space, 1, &value, &result);
  return result;
}

/* the ends are the bounds themselves, the middle is their mean, and nothing overflows on the way */
static void test_rescale(void) {
  static const float bounds[][2] = {
      {-2.0f, 2.0f},    {0.1f, 0.7f},      {-FLT_MAX, FLT_MAX},      {0.0f, FLT_MAX},
      {-FLT_MAX, 1.0f}, {-1e30f, FLT_MAX}, {FLT_MAX / 2, FLT_MAX},   {-FLT_MAX, -FLT_MAX / 2},
      {0.0f, FLT_MIN},  {3.0f, 3.0f},      {-FLT_TRUE_MIN, FLT_MAX}, {16777216.0f, 16777218.0f},
  };
  for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
    const float low = bounds[i][0], high = bounds[i][1];
    CU_ASSERT_EQUAL(rescaled(low, high, -1.0f), low);
    CU_ASSERT_EQUAL(rescaled(low, high, 1.0f), high);
    CU_ASSERT_EQUAL(rescaled(low, high, -5.0f), low);
    CU_ASSERT_EQUAL(rescaled(low, high, FLT_MAX), high);
    CU_ASSERT_EQUAL(rescaled(low, high, 0.0f), (float)(0.5 * low + 0.5 * high));
    CU_ASSERT_EQUAL(rescaled(low, high, 0.5f), (float)(0.25 * low + 0.75 * high));
  }
}

static void test_clip(void) {
  const float low = -FLT_MAX, high = FLT_MAX, from[] = {-FLT_MAX, -1.0f, 0.0f, 3e38f, FLT_MAX};
  const muster_space space = box(&low, &high);
  for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
    float to;
    action_bounds_apply(ACTION_BOUNDS_CLIP, &space, 1, &from[i], &to);
    CU_ASSERT_EQUAL(to, from[i]);
  }
}

/* drawn actions lie within the bounds, wherever these are, and come close to bounds that are near */
static void test_draw(void) {
  static const struct {
    float low, high, least, most;
  } cases[] = {
      {-2.0f, 2.0f, -2.0f, 2.0f},
      {50.0f, 100.0f, 50.0f, 60.0f},
      {-100.0f, -50.0f, -60.0f, -50.0f},
      {-FLT_MAX, FLT_MAX, -10.0f, 10.0f},
      {-INFINITY, INFINITY, -10.0f, 10.0f},
      {-INFINITY, -5.0f, -15.0f, -5.0f},
      {1e30f, INFINITY, 1e30f, 1e30f},
      {FLT_MAX, FLT_MAX, FLT_MAX, FLT_MAX},
      {0.0f, FLT_TRUE_MIN, 0.0f, FLT_TRUE_MIN},
  };
  struct random_stream stream = random_stream_start(1, RANDOM_ACTION, 0, 0);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const muster_space space = box(&cases[i].low, &cases[i].high);
    float least = INFINITY, most = -INFINITY;
    for (int n = 0; n < 1000; n++) {
      float value = action_bounds_draw(&space, 0, &stream.base);
      least = fminf(least, value);
      most = fmaxf(most, value);
    }
    const double width = (double)cases[i].most - (double)cases[i].least;
    CU_ASSERT_TRUE(least >= cases[i].least && least - cases[i].least <= 0.05 * width);
    CU_ASSERT_TRUE(most <= cases[i].most && cases[i].most - most <= 0.05 * width);
  }
  const muster_space unbounded = box(NULL, NULL);
  for (int n = 0; n < 100; n++) CU_ASSERT_TRUE(fabsf(action_bounds_draw(&unbounded, 0, &stream.base)) <= 1.0f);
}

static const struct check_case cases[] = {
    {"rescaled to finite bounds of any size", test_rescale},
    {"clipped to bounds at the ends of float", test_clip},
    {"drawn within bounds", test_draw},
};

CHECK_MAIN("bounds", cases)
