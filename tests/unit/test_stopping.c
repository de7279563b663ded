/* The criteria by which a run ends before total_steps: which of them holds when, and that the first one stays. */
#include "support/check.h"
#include "train/stopping.h"

#include <math.h>

static const struct stop_options none = {.mean_return = NAN, .evaluations_without_gain = OPTION_NULL_INT};

static struct stopping decide(const struct stop_options *options, double mean_return, double seconds) {
  struct stopping stopping;
  stopping_init(&stopping);
  const struct stopping_facts facts = {.total_steps = 640, .mean_return = mean_return, .seconds = seconds};
  stopping_decide(&stopping, options, &facts);
  return stopping;
}

static void test_none(void) {
  const struct stopping stopping = decide(&none, 1e300, 1e9);
  CU_ASSERT_EQUAL(stopping.criterion, STOP_BY_NONE);
  CU_ASSERT_EQUAL(stopping.steps, -1);
  CU_ASSERT_STRING_EQUAL(stopping_name(&stopping), "");
}

static void test_mean_return(void) {
  struct stop_options options = none;
  options.mean_return = -110;
  CU_ASSERT_EQUAL(decide(&options, NAN, 0).criterion, STOP_BY_NONE);
  CU_ASSERT_EQUAL(decide(&options, nextafter(-110, -200), 0).criterion, STOP_BY_NONE);
  const struct stopping stopping = decide(&options, -110, 0);
  CU_ASSERT_EQUAL(stopping.criterion, STOP_BY_MEAN_RETURN);
  CU_ASSERT_EQUAL(stopping.steps, 640);
  CU_ASSERT_STRING_EQUAL(stopping_name(&stopping), "mean_return");
}

static void test_seconds(void) {
  struct stop_options options = none;
  options.seconds = 90;
  CU_ASSERT_EQUAL(decide(&options, NAN, 89.99).criterion, STOP_BY_NONE);
  const struct stopping stopping = decide(&options, NAN, 90);
  CU_ASSERT_EQUAL(stopping.criterion, STOP_BY_SECONDS);
  CU_ASSERT_STRING_EQUAL(stopping_name(&stopping), "seconds");
}

/* three evaluations in a row without a gain; a gain begins the count anew */
static void test_without_gain(void) {
  struct stop_options options = none;
  options.evaluations_without_gain = 3;
  const bool gains[] = {true, false, false, true, false, false, false};
  struct stopping stopping;
  stopping_init(&stopping);
  for (size_t i = 0; i < sizeof gains / sizeof *gains; i++) {
    CU_ASSERT_EQUAL(stopping.criterion, STOP_BY_NONE);
    stopping_count_evaluation(&stopping, gains[i]);
    const struct stopping_facts facts = {.total_steps = (int64_t)(100 * i), .mean_return = NAN};
    stopping_decide(&stopping, &options, &facts);
  }
  CU_ASSERT_EQUAL(stopping.criterion, STOP_BY_NO_GAIN);
  CU_ASSERT_EQUAL(stopping.steps, 600);
  CU_ASSERT_STRING_EQUAL(stopping_name(&stopping), "evaluations_without_gain");
}

/* the first one that held stays, with its step; once it is forgotten others may hold, and the count goes on */
static void test_first_stays(void) {
  struct stop_options options = none;
  options.mean_return = 10;
  struct stopping stopping = decide(&options, 10, 0);
  options.seconds = 1;
  options.mean_return = 20;
  const struct stopping_facts later = {.total_steps = 700, .mean_return = 10, .seconds = 5};
  stopping_decide(&stopping, &options, &later);
  CU_ASSERT_EQUAL(stopping.criterion, STOP_BY_MEAN_RETURN);
  CU_ASSERT_EQUAL(stopping.steps, 640);
  stopping_count_evaluation(&stopping, false);
  stopping_forget(&stopping);
  CU_ASSERT_EQUAL(stopping.criterion, STOP_BY_NONE);
  CU_ASSERT_EQUAL(stopping.without_gain, 1);
  stopping_decide(&stopping, &options, &later);
  CU_ASSERT_EQUAL(stopping.criterion, STOP_BY_SECONDS);
  CU_ASSERT_EQUAL(stopping.steps, 700);
}

/* what a checkpoint keeps is all of it, and none of it is part of the digest */
static void test_state(void) {
  struct stopping stopping = {STOP_BY_NO_GAIN, 640, 7};
  struct tensor list[STOPPING_STATE];
  CU_ASSERT_EQUAL_FATAL(stopping_state(&stopping, list), STOPPING_STATE);
  int64_t sum = 0;
  for (int i = 0; i < STOPPING_STATE; i++) {
    CU_ASSERT_TRUE(stopping_has(list[i].name));
    sum += *(const int64_t *)list[i].data;
  }
  CU_ASSERT_EQUAL(sum, STOP_BY_NO_GAIN + 640 + 7);
  CU_ASSERT_FALSE(stopping_has("progress/iteration"));
}

static const struct check_case cases[] = {
    {"no criterion", test_none},
    {"a mean return", test_mean_return},
    {"wall time", test_seconds},
    {"evaluations without a gain", test_without_gain},
    {"the first criterion stays", test_first_stays},
    {"the state", test_state},
};

CHECK_MAIN("stopping", cases)
