/* Adam against the paper's formulas in double. (Against PyTorch's program: test_ppo.) */
#include "nn/optimizer.h"
#include "support/check.h"
#include "support/model.h"

#include <math.h>
#include <string.h>

enum { COUNT = 37, STEPS = 30 };

/* What was seen: relative errors up to 5e-7. */
static void test_formula(void) {
  const double learning_rate = 0.01, scale = 0.3, epsilon = 1e-5;
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct optimizer adam;
  CHECK_OK_FATAL(optimizer_create(optimizer_list()[OPTIMIZER_ADAM], COUNT, epsilon, arena, &adam));
  float parameters[COUNT], gradients[COUNT];
  double expected[COUNT], m[COUNT] = {0}, v[COUNT] = {0};
  fill_normal(parameters, COUNT, 1.0, 1, 0);
  for (size_t i = 0; i < COUNT; i++) expected[i] = parameters[i];
  for (int t = 1; t <= STEPS; t++) {
    fill_normal(gradients, COUNT, 0.5, 2, (uint32_t)t);
    optimizer_step(&adam, parameters, gradients, scale, learning_rate);
    for (size_t i = 0; i < COUNT; i++) {
      double g = gradients[i] * scale;
      m[i] = 0.9 * m[i] + 0.1 * g;
      v[i] = 0.999 * v[i] + 0.001 * g * g;
      expected[i] -= learning_rate * (m[i] / (1 - pow(0.9, t))) / (sqrt(v[i] / (1 - pow(0.999, t))) + epsilon);
    }
    CU_ASSERT_TRUE(relative_error(adam.moment[0], m, COUNT) <= 1e-6);
    CU_ASSERT_TRUE(relative_error(adam.moment[1], v, COUNT) <= 1e-6);
    CU_ASSERT_TRUE(relative_error(parameters, expected, COUNT) <= 1e-6);
    CU_ASSERT_EQUAL(adam.steps, t);
  }
  arena_destroy(&arena);
}

/* the first step moves each parameter by the learning rate against its gradient's sign; a zero gradient by nothing */
static void test_first_step(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct optimizer adam;
  CHECK_OK_FATAL(optimizer_create(optimizer_list()[OPTIMIZER_ADAM], 4, 1e-8, arena, &adam));
  float parameters[4] = {0, 0, 0, 3};
  optimizer_step(&adam, parameters, (const float[]){5, -0.02f, 100, 0}, 1.0, 0.25);
  CHECK_CLOSE(parameters[0], -0.25, 1e-6);
  CHECK_CLOSE(parameters[1], 0.25, 1e-6);
  CHECK_CLOSE(parameters[2], -0.25, 1e-6);
  CU_ASSERT_EQUAL(parameters[3], 3.0f);
  arena_destroy(&arena);
}

static const struct check_case cases[] = {
    {"thirty steps of Adam", test_formula},
    {"the first step", test_first_step},
};

CHECK_MAIN("optimizer", cases)
