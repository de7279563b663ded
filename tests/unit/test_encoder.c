/* The encoder: raw observations of every kind become the networks' input. */
#include "nn/encoder.h"
#include "support/check.h"

#include <float.h>
#include <math.h>
#include <string.h>

struct fixture {
  struct arena *arena;
  struct encoder encoder;
};

static void setup(struct fixture *f, const muster_space *space) {
  f->arena = NULL;
  CHECK_OK_FATAL(arena_create(&f->arena));
  CHECK_OK_FATAL(encoder_create(space, f->arena, &f->encoder));
}

/* checks `rows` encoded rows of `width` floats, and that the memory between them is unchanged */
static void check(const struct fixture *f, size_t rows, const void *observations, size_t stride,
                  const float *expected) {
  float out[128];
  size_t width = f->encoder.width, ld = width + 3;
  for (size_t i = 0; i < 128; i++) out[i] = -77.0f;
  encoder_encode(&f->encoder, rows, observations, stride, out, ld);
  for (size_t r = 0; r < rows; r++)
    for (size_t i = 0; i < ld; i++) CU_ASSERT_EQUAL(out[r * ld + i], i < width ? expected[r * width + i] : -77.0f);
}

static void test_box(void) {
  struct fixture f;
  setup(&f, &(muster_space){.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {2}});
  CU_ASSERT_TRUE(f.encoder.width == 2 && encoder_is_identity(&f.encoder));
  const float x[] = {1, 2, 99, -3, 4e30f, 99};
  check(&f, 2, x, 12, (const float[]){1, 2, -3, 4e30f});
  arena_destroy(&f.arena);
}

/* clip((x - mean) * inverse_std); as long as there are no statistics only the clip */
static void test_scaled(void) {
  struct fixture f;
  setup(&f, &(muster_space){.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {2}});
  CHECK_OK(encoder_scale(&f.encoder, false, INFINITY, f.arena));
  CU_ASSERT_TRUE(encoder_is_identity(&f.encoder));
  CHECK_OK(encoder_scale(&f.encoder, true, 10.0f, f.arena));
  CU_ASSERT_TRUE(!encoder_is_identity(&f.encoder) && f.encoder.statistics_count == 4);
  const float x[] = {1, 2, -30, 40};
  check(&f, 2, x, 8, (const float[]){1, 2, -10, 10});
  memcpy(f.encoder.statistics, (const float[]){-1, 2, 0.5f, 4}, 4 * sizeof(float));
  check(&f, 2, x, 8, (const float[]){1, 0, -10, 10});
  check(&f, 1, (const float[]){3, 1.5f}, 8, (const float[]){2, -2});
  arena_destroy(&f.arena);
}

static void test_image(void) {
  struct fixture f;
  setup(&f, &(muster_space){.kind = MUSTER_SPACE_BOX_U8, .rank = 3, .shape = {1, 1, 3}});
  CU_ASSERT_TRUE(f.encoder.width == 3 && !encoder_is_identity(&f.encoder));
  const uint8_t x[] = {0, 255, 51, 7, 102, 0, 255};
  check(&f, 2, x, 4, (const float[]){0, 1, 51.0f * (1.0f / 255.0f), 102.0f * (1.0f / 255.0f), 0, 1});
  arena_destroy(&f.arena);
}

static void test_one_hot(void) {
  struct fixture f;
  const int32_t counts[] = {3, 2};
  setup(&f, &(muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = counts});
  CU_ASSERT_EQUAL(f.encoder.width, 3);
  check(&f, 3, (const int32_t[]){2, 0, 1}, 4, (const float[]){0, 0, 1, 1, 0, 0, 0, 1, 0});
  arena_destroy(&f.arena);
  setup(&f, &(muster_space){.kind = MUSTER_SPACE_MULTI_DISCRETE, .rank = 1, .shape = {2}, .counts = counts});
  CU_ASSERT_EQUAL(f.encoder.width, 5);
  check(&f, 2, (const int32_t[]){2, 0, 1, 1}, 8, (const float[]){0, 0, 1, 1, 0, 0, 1, 0, 0, 1});
  CHECK_FAILS(encoder_scale(&f.encoder, true, 10.0f, f.arena), MUSTER_ERROR_USAGE, "norm_obs");
  CHECK_FAILS(encoder_scale(&f.encoder, false, 10.0f, f.arena), MUSTER_ERROR_USAGE, "clip_obs");
  CHECK_OK(encoder_scale(&f.encoder, false, INFINITY, f.arena));
  arena_destroy(&f.arena);
}

/* for a table, a Discrete observation is the number of its row */
static void test_numbers(void) {
  struct fixture f;
  const int32_t most = 1 << 24;
  setup(&f, &(muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = &most});
  CHECK_OK(encoder_take_numbers(&f.encoder));
  CU_ASSERT_EQUAL(f.encoder.width, 1);
  check(&f, 3, (const int32_t[]){2, most - 1, 0}, 4, (const float[]){2, (float)(most - 1), 0});
  arena_destroy(&f.arena);
}

/* a value at one end of the range of float, with the mean at the other end, still gives a finite result */
static void test_far(void) {
  struct fixture f;
  setup(&f, &(muster_space){.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {3}});
  CHECK_OK_FATAL(encoder_scale(&f.encoder, true, INFINITY, f.arena));
  const float x[] = {-3e38f, 3e38f, FLT_MAX}, statistics[] = {3e38f, -3e38f, -FLT_MAX, 2e-38f, 2e-38f, 0.5f / 1e38f};
  memcpy(f.encoder.statistics, statistics, sizeof statistics);
  float out[3];
  encoder_encode(&f.encoder, 1, x, sizeof x, out, 3);
  CHECK_CLOSE(out[0], -12.0, 1e-6);
  CHECK_CLOSE(out[1], 12.0, 1e-6);
  CHECK_CLOSE(out[2], 2.0 * (double)FLT_MAX * 0.5e-38, 1e-5);
  arena_destroy(&f.arena);
}

static const struct check_case cases[] = {
    {"Box as it is", test_box}, {"Box normalised and clipped", test_scaled}, {"Box at the ends of float", test_far},
    {"images", test_image},     {"numbers of rows", test_numbers},           {"one-hot", test_one_hot},
};

CHECK_MAIN("encoder", cases)
