/* The optimizers against their formulas in double; Adam against the paper's formulas in double. (Against PyTorch's
 * program: test_ppo.) */
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

/* both forms of RMSprop and plain descent. What was seen: relative errors up to 4e-7. */
static void test_other_formulas(void) {
  const double learning_rate = 0.01, scale = 0.3, epsilon = 1e-5;
  for (int which = OPTIMIZER_RMSPROP; which <= OPTIMIZER_SGD; which++) {
    struct arena *arena = NULL;
    CHECK_OK_FATAL(arena_create(&arena));
    struct optimizer optimizer;
    CHECK_OK_FATAL(optimizer_create(optimizer_list()[which], COUNT, epsilon, arena, &optimizer));
    float parameters[COUNT], gradients[COUNT];
    double expected[COUNT], v[COUNT];
    fill_normal(parameters, COUNT, 1.0, 1, 0);
    for (size_t i = 0; i < COUNT; i++) {
      expected[i] = parameters[i];
      v[i] = which == OPTIMIZER_RMSPROP_TF ? 1 : 0;
    }
    for (int t = 1; t <= STEPS; t++) {
      fill_normal(gradients, COUNT, 0.5, 2, (uint32_t)t);
      optimizer_step(&optimizer, parameters, gradients, scale, learning_rate);
      for (size_t i = 0; i < COUNT; i++) {
        double g = gradients[i] * scale;
        v[i] = 0.99 * v[i] + 0.01 * g * g;
        double divisor = which == OPTIMIZER_SGD ? 1 : sqrt(v[i]) + epsilon;
        if (which == OPTIMIZER_RMSPROP_TF) divisor = sqrt(v[i] + epsilon);
        expected[i] -= learning_rate * g / divisor;
      }
      CU_ASSERT_TRUE(relative_error(parameters, expected, COUNT) <= 1e-6);
    }
    arena_destroy(&arena);
  }
}

/* a table that is not whole is refused, and what it lacks is named */
static void test_lacks(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct optimizer optimizer;
  struct optimizer_type partial = *optimizer_list()[OPTIMIZER_ADAM];
  partial.moment_names[1] = NULL;
  CHECK_FAILS(optimizer_create(&partial, COUNT, 1e-5, arena, &optimizer), MUSTER_ERROR_INTERNAL, "lacks moment_names");
  partial = *optimizer_list()[OPTIMIZER_ADAM];
  partial.step = NULL;
  CHECK_FAILS(optimizer_create(&partial, COUNT, 1e-5, arena, &optimizer), MUSTER_ERROR_INTERNAL, "lacks step");
  arena_destroy(&arena);
}

/* names and the registry go together; the state is whole and named once */
static void test_registry(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  size_t n = 0;
  for (; optimizer_list()[n] != NULL; n++) {
    const struct optimizer_type *type = optimizer_list()[n];
    CU_ASSERT_STRING_EQUAL_FATAL(type->name, optimizer_names[n]);
    CU_ASSERT_PTR_NULL_FATAL(optimizer_lacks(type));
    CU_ASSERT_TRUE(strlen(type->summary) > 0);
    struct optimizer work, fresh;
    CHECK_OK_FATAL(optimizer_create(type, COUNT, 1e-5, arena, &work));
    CHECK_OK_FATAL(optimizer_create(type, COUNT, 1e-5, arena, &fresh));
    float parameters[COUNT] = {0}, others[COUNT], gradients[COUNT];
    fill_normal(gradients, COUNT, 1.0, 4, 0);
    optimizer_step(&work, parameters, gradients, 1.0, 0.1);
    memcpy(others, parameters, sizeof others);

    /* copied into a fresh one, it goes on bit for bit */
    struct tensor list[OPTIMIZER_STATE], target[OPTIMIZER_STATE];
    int tensors = optimizer_state(&work, list);
    CU_ASSERT_EQUAL_FATAL(optimizer_state(&fresh, target), tensors);
    for (int i = 0; i < tensors; i++) {
      for (int k = 0; k < i; k++) CU_ASSERT_NOT_EQUAL(strcmp(list[i].name, list[k].name), 0);
      memcpy(target[i].data, list[i].data, tensor_bytes(&list[i]));
    }
    fill_normal(gradients, COUNT, 1.0, 5, 0);
    optimizer_step(&work, parameters, gradients, 1.0, 0.1);
    optimizer_step(&fresh, others, gradients, 1.0, 0.1);
    CU_ASSERT_EQUAL(memcmp(parameters, others, sizeof others), 0);
  }
  CU_ASSERT_PTR_NULL(optimizer_names[n]);
  arena_destroy(&arena);
}

static const struct check_case cases[] = {
    {"thirty steps of Adam", test_formula},
    {"the first step", test_first_step},
    {"thirty steps of the others", test_other_formulas},
    {"registry and state", test_registry},
    {"a table that is not whole", test_lacks},
};

CHECK_MAIN("optimizer", cases)
