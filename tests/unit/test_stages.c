/* The clock of stages: the sums are the whole time, and the record agrees with them. */
#include "base/clock.h"
#include "base/stages.h"
#include "support/check.h"

#include <string.h>

/* lets a little time pass that the clock can see */
static void pass_time(void) {
  for (double start = clock_seconds(); clock_seconds() - start < 2e-5;) continue;
}

static double sum(const struct stages *stages) {
  double total = 0;
  for (int stage = 0; stage < STAGES; stage++) total += stages->seconds[stage];
  return total;
}

static void test_sums(void) {
  struct stages stages;
  double before = clock_seconds();
  stages_start(&stages, NULL, 0);
  double started = clock_seconds();
  for (int i = 0; i < 500; i++) {
    CU_ASSERT_EQUAL(stages_enter(&stages, STAGE_ROLLOUT), STAGE_OTHER);
    pass_time();
    CU_ASSERT_EQUAL(stages_enter(&stages, STAGE_WAIT), STAGE_ROLLOUT);
    pass_time();
    CU_ASSERT_EQUAL(stages_enter(&stages, STAGE_WAIT), STAGE_WAIT);
    CU_ASSERT_EQUAL(stages_enter(&stages, STAGE_OTHER), STAGE_WAIT);
    stages_end_iteration(&stages, 1);
  }
  double ending = clock_seconds();
  double total = stages_total(&stages);
  CU_ASSERT_TRUE(total >= ending - started && total <= clock_seconds() - before);

  /* nothing is lost and nothing counted twice: what is left is rounding */
  CHECK_CLOSE(sum(&stages), total, 1e-9);
  for (int stage = 0; stage < STAGES; stage++) CU_ASSERT_TRUE(stages.seconds[stage] >= 0);
  CU_ASSERT_TRUE(stages.seconds[STAGE_ROLLOUT] >= 500 * 2e-5);
  CU_ASSERT_TRUE(stages.seconds[STAGE_WAIT] >= 500 * 2e-5);
  CU_ASSERT_TRUE(stages.seconds[STAGE_OTHER] > 0);
  CU_ASSERT_EQUAL(stages.seconds[STAGE_UPDATE], 0);
  CU_ASSERT_EQUAL(stages.iteration, 500);
  CU_ASSERT_EQUAL(stages_recorded(&stages), 0);
}

/* a part of the present stage is assigned to another one afterwards, never more than there was */
static void test_assign(void) {
  struct stages stages;
  stages_start(&stages, NULL, 0);
  stages_enter(&stages, STAGE_GATHER);
  const double begin = stages.since;
  pass_time();
  stages_assign(&stages, STAGE_WAIT, begin - 1.0);
  CU_ASSERT_EQUAL(stages.seconds[STAGE_WAIT], 0);
  stages_assign(&stages, STAGE_WAIT, begin + 1e-5);
  CHECK_CLOSE(stages.seconds[STAGE_WAIT], 1e-5, 1e-9);
  CU_ASSERT_EQUAL(stages.current, STAGE_GATHER);
  stages_assign(&stages, STAGE_WAIT, clock_seconds() + 1e6);
  double waited = stages.seconds[STAGE_WAIT];
  CU_ASSERT_TRUE(waited > 1e-5 && waited <= clock_seconds() - begin);
  CHECK_CLOSE(sum(&stages), stages.since - stages.start, 1e-9);
}

#define CAPACITY 10

static void check_record(const struct stages *stages, int64_t iterations) {
  /* six events of each iteration: the newest are there, by their ends */
  CU_ASSERT_EQUAL(stages_recorded(stages), iterations * 6 < CAPACITY ? (size_t)iterations * 6 : CAPACITY);
  double last = 0;
  for (size_t i = 0; i < stages_recorded(stages); i++) {
    static const int32_t kinds[] = {EVENT_COMMAND, STAGE_BROADCAST, STAGE_ROLLOUT,
                                    EVENT_ROLLOUT, STAGE_GATHER,    EVENT_ITERATION};
    size_t number = stages->recorded - stages_recorded(stages) + i;
    const struct stage_event *event = stages_event(stages, i);
    CU_ASSERT_EQUAL(event->kind, kinds[number % 6]);
    CU_ASSERT_EQUAL(event->iteration, (int64_t)(number / 6));
    CU_ASSERT_EQUAL(event->steps, event->kind == EVENT_ITERATION ? 32 + event->iteration : 0);
    CU_ASSERT_TRUE(event->begin <= event->end && event->end >= last);
    last = event->end;
  }
}

/* marks lie within the present stage, stages within their iteration; the oldest are overwritten */
static void test_record(void) {
  struct stage_event events[CAPACITY + 1];
  memset(events, 0x55, sizeof events);
  const struct stage_event guard = events[CAPACITY];
  struct stages stages;
  stages_start(&stages, events, CAPACITY);
  check_record(&stages, 0);
  for (int64_t i = 0; i < 7; i++) {
    stages_enter(&stages, STAGE_BROADCAST);
    stages_mark(&stages, EVENT_COMMAND);
    pass_time();
    stages_enter(&stages, STAGE_ROLLOUT);
    pass_time();
    stages_enter(&stages, STAGE_GATHER);
    stages_mark(&stages, EVENT_ROLLOUT);
    pass_time();
    stages_enter(&stages, STAGE_OTHER);
    pass_time();
    stages_end_iteration(&stages, 32 + i);
    check_record(&stages, i + 1);
  }
  CU_ASSERT_EQUAL(memcmp(&guard, &events[CAPACITY], sizeof guard), 0);

  /* the stages of the last iteration follow each other without gaps, and lie within it */
  const struct stage_event *last[6];
  for (size_t i = 0; i < 6; i++) last[i] = stages_event(&stages, CAPACITY - 6 + i);
  CU_ASSERT_TRUE(last[5]->begin <= last[1]->begin && last[4]->end <= last[5]->end);
  CU_ASSERT_EQUAL(last[1]->end, last[2]->begin);
  CU_ASSERT_EQUAL(last[2]->end, last[4]->begin);
  CU_ASSERT_TRUE(last[0]->begin >= last[1]->begin && last[0]->end <= last[1]->end);
  CU_ASSERT_EQUAL(stages_event(&stages, 3)->end, last[5]->begin);
}

static void test_no_clock(void) {
  CU_ASSERT_EQUAL(stages_enter(NULL, STAGE_UPDATE), STAGE_OTHER);
  stages_assign(NULL, STAGE_WAIT, 1.0);
  stages_mark(NULL, EVENT_COMMAND);
  stages_end_iteration(NULL, 1);
}

static const struct check_case cases[] = {
    {"the stages of a rank sum to its time", test_sums},
    {"time is assigned afterwards within what there was", test_assign},
    {"the record keeps the newest events", test_record},
    {"without a clock nothing happens", test_no_clock},
};

CHECK_MAIN("stages", cases)
