/* The optimizers against their formulas in double; Adam against the paper's formulas in double. (test_ppo compares Adam
 * with PyTorch's program.) */
#include "nn/optimizer.h"
#include "support/check.h"
#include "support/model.h"

#include <math.h>
#include <string.h>

enum { COUNT = 37, STEPS = 30 };

/* Errors seen: relative ones up to 5e-7. */
static void test_formula(void) {
  const double learning_rate = 0.01, scale = 0.3, epsilon = 1e-5;
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct optimizer adam;
  CHECK_OK_FATAL(optimizer_create(&optimizer_adam, COUNT, epsilon, arena, &adam));
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

/* rectified Adam, through its first steps, which are not rectified. Errors seen: relative ones up to 5e-7. */
static void test_rectified(void) {
  const double learning_rate = 0.01, scale = 0.3, epsilon = 1e-5, rho_inf = 1999;
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct optimizer radam;
  CHECK_OK_FATAL(optimizer_create(&optimizer_radam, COUNT, epsilon, arena, &radam));
  float parameters[COUNT], gradients[COUNT];
  double expected[COUNT], m[COUNT] = {0}, v[COUNT] = {0};
  int rectified = 0;
  fill_normal(parameters, COUNT, 1.0, 1, 0);
  for (size_t i = 0; i < COUNT; i++) expected[i] = parameters[i];
  for (int t = 1; t <= STEPS; t++) {
    fill_normal(gradients, COUNT, 0.5, 2, (uint32_t)t);
    optimizer_step(&radam, parameters, gradients, scale, learning_rate);
    const double bias1 = 1 - pow(0.9, t), bias2 = 1 - pow(0.999, t), rho = rho_inf - 2 * t * (1 - bias2) / bias2;
    const double r = sqrt((rho - 4) / (rho_inf - 4) * (rho - 2) / (rho_inf - 2) * rho_inf / rho);
    rectified += rho > 5;
    for (size_t i = 0; i < COUNT; i++) {
      double g = gradients[i] * scale;
      m[i] = 0.9 * m[i] + 0.1 * g;
      v[i] = 0.999 * v[i] + 0.001 * g * g;
      expected[i] -= learning_rate * m[i] / bias1 * (rho > 5 ? r / (sqrt(v[i] / bias2) + epsilon) : 1);
    }
    CU_ASSERT_TRUE(relative_error(parameters, expected, COUNT) <= 1e-6);
  }
  CU_ASSERT_EQUAL(rectified, STEPS - 5);
  arena_destroy(&arena);
}

/* the first step moves each parameter by the learning rate against its gradient's sign; a zero gradient moves
 * nothing */
static void test_first_step(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct optimizer adam;
  CHECK_OK_FATAL(optimizer_create(&optimizer_adam, 4, 1e-8, arena, &adam));
  float parameters[4] = {0, 0, 0, 3};
  optimizer_step(&adam, parameters, (const float[]){5, -0.02f, 100, 0}, 1.0, 0.25);
  CHECK_CLOSE(parameters[0], -0.25, 1e-6);
  CHECK_CLOSE(parameters[1], 0.25, 1e-6);
  CHECK_CLOSE(parameters[2], -0.25, 1e-6);
  CU_ASSERT_EQUAL(parameters[3], 3.0f);
  arena_destroy(&arena);
}

/* both forms of RMSprop and plain descent. Errors seen: relative ones up to 4e-7. */
static void test_other_formulas(void) {
  const double learning_rate = 0.01, scale = 0.3, epsilon = 1e-5;
  static const struct optimizer_type *const types[] = {&optimizer_rmsprop, &optimizer_rmsprop_tf, &optimizer_sgd};
  for (size_t which = 0; which < sizeof types / sizeof *types; which++) {
    const bool is_tf = types[which] == &optimizer_rmsprop_tf;
    struct arena *arena = NULL;
    CHECK_OK_FATAL(arena_create(&arena));
    struct optimizer optimizer;
    CHECK_OK_FATAL(optimizer_create(types[which], COUNT, epsilon, arena, &optimizer));
    float parameters[COUNT], gradients[COUNT];
    double expected[COUNT], v[COUNT];
    fill_normal(parameters, COUNT, 1.0, 1, 0);
    for (size_t i = 0; i < COUNT; i++) {
      expected[i] = parameters[i];
      v[i] = is_tf ? 1 : 0;
    }
    for (int t = 1; t <= STEPS; t++) {
      fill_normal(gradients, COUNT, 0.5, 2, (uint32_t)t);
      optimizer_step(&optimizer, parameters, gradients, scale, learning_rate);
      for (size_t i = 0; i < COUNT; i++) {
        double g = gradients[i] * scale;
        v[i] = 0.99 * v[i] + 0.01 * g * g;
        double divisor = is_tf ? sqrt(v[i] + epsilon) : sqrt(v[i]) + epsilon;
        if (types[which] == &optimizer_sgd) divisor = 1;
        expected[i] -= learning_rate * g / divisor;
      }
      CU_ASSERT_TRUE(relative_error(parameters, expected, COUNT) <= 1e-6);
    }
    arena_destroy(&arena);
  }
}

/* of an incomplete table, the check names what it lacks; the table is refused, and so is a list with it */
static void test_lacks(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct optimizer optimizer;
  struct optimizer_type partial;
  const struct optimizer_type *const list[] = {&optimizer_sgd, &partial, NULL};
#define LACKS(member, value, text)                                                                                     \
  do {                                                                                                                 \
    partial = optimizer_adam;                                                                                          \
    partial.member = value;                                                                                            \
    const char *lack = optimizer_lacks(&partial);                                                                      \
    CU_ASSERT_PTR_NOT_NULL_FATAL(lack);                                                                                \
    CU_ASSERT_STRING_EQUAL(lack, text);                                                                                \
    CHECK_FAILS(optimizer_create(&partial, COUNT, 1e-5, arena, &optimizer), MUSTER_ERROR_INTERNAL, lack);              \
    CHECK_FAILS(optimizer_check_list(list), MUSTER_ERROR_INTERNAL, "is not whole: its table lacks ");                  \
  } while (0)
  LACKS(name, NULL, "name");
  LACKS(summary, NULL, "summary");
  LACKS(moments, OPTIMIZER_MAX_MOMENTS + 1, "moments in the range");
  LACKS(moment_names[1], NULL, "moment_names");
  LACKS(step, NULL, "step");
  CHECK_FAILS(optimizer_check_list(list), MUSTER_ERROR_INTERNAL,
              "the optimizer 'adam' is not whole: its table lacks step");
  CHECK_OK(optimizer_check_list(optimizer_list()));
  arena_destroy(&arena);
}

/* names are unique and found; a wrong name is answered with the nearest right one */
static void test_registry(void) {
  const struct optimizer_type *const *types = optimizer_list(), *found;
  CU_ASSERT_PTR_NOT_NULL_FATAL(types[0]);
  for (size_t i = 0; types[i] != NULL; i++) {
    CHECK_OK_FATAL(optimizer_find(types[i]->name, &found));
    CU_ASSERT_PTR_EQUAL(found, types[i]);
    CU_ASSERT_TRUE(strlen(types[i]->summary) > 0);
  }
  CHECK_FAILS(optimizer_check("adom"), MUSTER_ERROR_USAGE, "expects an optimizer: the nearest one is 'adam'");
  CHECK_FAILS(optimizer_check(""), MUSTER_ERROR_USAGE, "expects an optimizer: there are 'adam', ");
}

/* each entry: thirty steps down a bowl lead down; a gradient of zero moves nothing at first; a scale has the same
 * effect as a gradient that is larger by this factor; and a parameter moves as it does at any other place */
static void test_every_entry(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  for (const struct optimizer_type *const *type = optimizer_list(); *type != NULL; type++) {
    struct optimizer work, twin;
    CHECK_OK_FATAL(optimizer_create(*type, COUNT, 1e-5, arena, &work));
    CHECK_OK_FATAL(optimizer_create(*type, COUNT, 1e-5, arena, &twin));
    float parameters[COUNT], gradients[COUNT] = {0}, start[COUNT], others[COUNT], doubled[COUNT];
    fill_normal(start, COUNT, 1.0, 6, 0);
    memcpy(parameters, start, sizeof parameters);
    optimizer_step(&work, parameters, gradients, 1.0, 0.1);
    CU_ASSERT_EQUAL(memcmp(parameters, start, sizeof start), 0);

    /* the twin has the parameters in reverse order, and half of the gradient with a scale of two */
    double before = 0, after = 0;
    for (size_t i = 0; i < COUNT; i++) others[i] = start[COUNT - 1 - i];
    optimizer_step(&twin, others, gradients, 2.0, 0.1);
    for (int t = 0; t < STEPS; t++) {
      for (size_t i = 0; i < COUNT; i++) gradients[i] = parameters[i];
      for (size_t i = 0; i < COUNT; i++) doubled[i] = 0.5f * others[i];
      optimizer_step(&work, parameters, gradients, 1.0, 0.01);
      optimizer_step(&twin, others, doubled, 2.0, 0.01);
    }
    for (size_t i = 0; i < COUNT; i++) {
      CHECK_CLOSE(others[i], parameters[COUNT - 1 - i], 1e-6);
      before += start[i] * start[i];
      after += parameters[i] * parameters[i];
    }
    CU_ASSERT_TRUE(after < before);
  }
  arena_destroy(&arena);
}

/* each entry: no part of the state is named twice, all are within the range that a checkpoint is checked for, and none
 * is missing */
static void test_state(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  for (size_t n = 0; optimizer_list()[n] != NULL; n++) {
    const struct optimizer_type *type = optimizer_list()[n];
    struct optimizer work, fresh;
    CHECK_OK_FATAL(optimizer_create(type, COUNT, 1e-5, arena, &work));
    CHECK_OK_FATAL(optimizer_create(type, COUNT, 1e-5, arena, &fresh));
    float parameters[COUNT] = {0}, others[COUNT], gradients[COUNT];
    fill_normal(gradients, COUNT, 1.0, 4, 0);
    optimizer_step(&work, parameters, gradients, 1.0, 0.1);
    memcpy(others, parameters, sizeof others);

    /* copied into a fresh optimizer, the state goes on bit for bit */
    struct tensor list[OPTIMIZER_STATE], target[OPTIMIZER_STATE];
    int tensors = optimizer_state(&work, list);
    CU_ASSERT_EQUAL_FATAL(optimizer_state(&fresh, target), tensors);
    for (int i = 0; i < tensors; i++) {
      for (int k = 0; k < i; k++) CU_ASSERT_NOT_EQUAL(strcmp(list[i].name, list[k].name), 0);
      for (size_t k = 0; k < tensor_elements(&list[i]); k++) {
        const double value = tensor_element(&list[i], k);
        CU_ASSERT_TRUE(value >= list[i].range.least && value <= list[i].range.most);
      }
      memcpy(target[i].data, list[i].data, tensor_bytes(&list[i]));
    }
    fill_normal(gradients, COUNT, 1.0, 5, 0);
    optimizer_step(&work, parameters, gradients, 1.0, 0.1);
    optimizer_step(&fresh, others, gradients, 1.0, 0.1);
    CU_ASSERT_EQUAL(memcmp(parameters, others, sizeof others), 0);
  }
  arena_destroy(&arena);
}

/* several that divide the parameters, with the same moments, move them as one does, bit for bit */
static void test_parts(void) {
  enum { LONG = 300, PARTS = 3 };
  static const size_t begins[PARTS + 1] = {0, 128, 192, LONG};
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  for (const struct optimizer_type *const *type = optimizer_list(); *type != NULL; type++) {
    struct optimizer whole, part[PARTS];
    float parameters[LONG], moved[LONG], gradients[LONG];
    CHECK_OK_FATAL(optimizer_create(*type, LONG, 1e-5, arena, &whole));
    for (int i = 0; i < PARTS; i++) {
      CHECK_OK_FATAL(optimizer_create(*type, LONG, 1e-5, arena, &part[i]));
      for (int k = 0; k < (*type)->moments; k++) part[i].moment[k] = part[0].moment[k];
      part[i].part_first = begins[i];
      part[i].part_count = begins[i + 1] - begins[i];
    }
    fill_normal(parameters, LONG, 1.0, 1, 0);
    memcpy(moved, parameters, sizeof moved);
    for (uint32_t t = 0; t < 5; t++) {
      fill_normal(gradients, LONG, 0.5, 2, t);
      optimizer_step(&whole, parameters, gradients, 0.7, 0.01);
      for (int i = 0; i < PARTS; i++) optimizer_step(&part[i], moved, gradients, 0.7, 0.01);
      CU_ASSERT_EQUAL(memcmp(moved, parameters, sizeof moved), 0);
    }
    for (int k = 0; k < (*type)->moments; k++)
      CU_ASSERT_EQUAL(memcmp(whole.moment[k], part[0].moment[k], sizeof moved), 0);
  }
  arena_destroy(&arena);
}

static const struct check_case cases[] = {
    {"rectified Adam", test_rectified},
    {"thirty steps of Adam", test_formula},
    {"the first step", test_first_step},
    {"thirty steps of the others", test_other_formulas},
    {"registry", test_registry},
    {"what a table lacks", test_lacks},
    {"what every optimizer does", test_every_entry},
    {"the state of every optimizer", test_state},
    {"steps that several divide", test_parts},
};

CHECK_MAIN("optimizer", cases)
