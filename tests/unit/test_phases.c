/* What a rank does now: one call tells the clock and another thread, and that thread can keep what is learned from
 * changing. */
#include "base/clock.h"
#include "base/outcall.h"
#include "base/phases.h"
#include "support/check.h"

#include <sched.h>
#include <semaphore.h>
#include <string.h>

/* lets a little time pass that the clock can see */
static void pass_time(void) {
  for (double start = clock_seconds(); clock_seconds() - start < 1e-6;) continue;
}

static bool says(enum phase phase, const char *description) {
  return strcmp(phase_table[phase].description, description) == 0;
}

/* messages have words for each phase; those of all phases that wait for other ranks are the same, except in the
 * set-up */
static void test_table(void) {
  for (int phase = 0; phase < PHASES; phase++) {
    const struct phase_row *row = &phase_table[phase];
    CU_ASSERT_TRUE_FATAL(row->description != NULL);
    CU_ASSERT_TRUE(row->stage >= 0 && row->stage < STAGES);
    const bool waits = says(phase, "waiting for other ranks");
    CU_ASSERT_EQUAL(row->in_a_call != NULL, waits && phase != PHASE_AGREEMENT);
    /* a phase that waits does not keep the watchdog from saving what is learned */
    CU_ASSERT_FALSE(waits && (row->changes || row->counts_steps));
  }
  CU_ASSERT_TRUE(says(PHASE_SETUP, "in its set-up"));
  CU_ASSERT_TRUE(says(PHASE_ROLLOUT, "in its rollout"));
  CU_ASSERT_TRUE(says(PHASE_UPDATE, "in its update"));
  CU_ASSERT_TRUE(says(PHASE_EVALUATION, "evaluating"));
  CU_ASSERT_TRUE(says(PHASE_CHECKPOINT, "writing a checkpoint"));
  CU_ASSERT_TRUE(says(PHASE_END, "at its end"));
  const enum phase changing[] = {PHASE_TAKE, PHASE_UPDATE, PHASE_STATISTICS, PHASE_CHECKPOINT, PHASE_EVALUATION};
  for (size_t i = 0; i < sizeof changing / sizeof *changing; i++) CU_ASSERT_TRUE(phase_table[changing[i]].changes);
  CU_ASSERT_FALSE(phase_table[PHASE_ROLLOUT].changes);
}

static void check_seen(struct phases *phases, enum phase phase, int64_t iteration, uint64_t steps) {
  const struct phases_seen seen = phases_see(phases);
  CU_ASSERT_EQUAL(seen.phase, (int32_t)phase);
  CU_ASSERT_EQUAL(seen.iteration, iteration);
  CU_ASSERT_EQUAL(seen.steps, steps);
  CU_ASSERT_EQUAL(phases->clock.current, phase_table[phase].stage);
}

static void test_one_call_tells_both(void) {
  struct phases phases;
  phases_init(&phases);
  outcall_count(3);
  phases_enter(&phases, PHASE_SETUP, 2);
  check_seen(&phases, PHASE_SETUP, 2, 0);
  phases_enter(&phases, PHASE_ROLLOUT, 7);
  outcall_count(5);
  check_seen(&phases, PHASE_ROLLOUT, 7, 5);
  phases_go_on(&phases, PHASE_HANDOVER);
  outcall_count(1);
  check_seen(&phases, PHASE_HANDOVER, 7, 6);
  phases_enter(&phases, PHASE_GATHER, 8);
  check_seen(&phases, PHASE_GATHER, 8, 0);

  /* an algorithm changes only the stage of the clock */
  phases_go_on(&phases, PHASE_UPDATE);
  pass_time();
  stages_enter(&phases.clock, STAGE_UPDATE);
  pass_time();
  CU_ASSERT_EQUAL(phases_see(&phases).phase, PHASE_UPDATE);
  phases_go_on(&phases, PHASE_STATISTICS);
  check_seen(&phases, PHASE_STATISTICS, 8, 0);
  CU_ASSERT_TRUE(phases.clock.seconds[STAGE_ADVANTAGES] > 0 && phases.clock.seconds[STAGE_UPDATE] > 0);
}

static void test_waits(void) {
  struct phases phases;
  phases_init(&phases);
  phases_enter(&phases, PHASE_GATHER, 1);
  CU_ASSERT_EQUAL(phases_waits(&phases), 0);
  for (uint32_t i = 0; i < 3; i++) {
    enum stage before = phases_wait(&phases);
    CU_ASSERT_EQUAL(before, STAGE_GATHER);
    CU_ASSERT_EQUAL(phases.clock.current, STAGE_WAIT);
    CU_ASSERT_EQUAL(phases_waits(&phases), 2 * i + 1);

    /* a wait within a wait is a part of it */
    enum stage within = phases_wait(&phases);
    CU_ASSERT_EQUAL(phases_waits(&phases), 2 * i + 1);
    phases_resume(&phases, within);
    CU_ASSERT_EQUAL(phases.clock.current, STAGE_WAIT);
    CU_ASSERT_EQUAL(phases_waits(&phases), 2 * i + 1);

    pass_time();
    phases_resume(&phases, before);
    check_seen(&phases, PHASE_GATHER, 1, 0);
    CU_ASSERT_EQUAL(phases_waits(&phases), 2 * i + 2);
  }
  CU_ASSERT_TRUE(phases.clock.seconds[STAGE_WAIT] >= 3e-6);
}

/* --- the fence: one thread enters the phases that are sent to it, this thread plays the watchdog --- */

struct walker {
  struct phases phases;
  pthread_t thread;
  sem_t go, gone;
  _Atomic int next; /* enum phase; PHASES: the end */
};

static void *walk(void *context) {
  struct walker *walker = context;
  for (;;) {
    sem_wait(&walker->go);
    if (atomic_load(&walker->next) == PHASES) return NULL;
    phases_go_on(&walker->phases, (enum phase)atomic_load(&walker->next));
    sem_post(&walker->gone);
  }
}

static void start(struct walker *walker, bool is_guarded) {
  phases_init(&walker->phases);
  phases_guard(&walker->phases, is_guarded);
  sem_init(&walker->go, 0, 0);
  sem_init(&walker->gone, 0, 0);
  CU_ASSERT_EQUAL_FATAL(pthread_create(&walker->thread, NULL, walk, walker), 0);
}

static void send(struct walker *walker, enum phase phase) {
  atomic_store(&walker->next, (int)phase);
  sem_post(&walker->go);
}

static void send_and_wait(struct walker *walker, enum phase phase) {
  send(walker, phase);
  sem_wait(&walker->gone);
}

/* sends the thread to a phase that it must not reach: it shows the phase where it tries to enter it, and there it is
 * cancelled */
static void check_stops_at(struct walker *walker, enum phase phase) {
  send(walker, phase);
  while (phases_see(&walker->phases).phase != (int)phase) sched_yield();
  pthread_cancel(walker->thread);
  pthread_join(walker->thread, NULL);
  CU_ASSERT_NOT_EQUAL(sem_trywait(&walker->gone), 0);
}

static void test_change_goes_on_to_its_end(void) {
  struct walker walker;
  start(&walker, true);
  send_and_wait(&walker, PHASE_LOOP);
  send_and_wait(&walker, PHASE_UPDATE);
  phases_stop(&walker.phases);
  CU_ASSERT_FALSE(phases_hold(&walker.phases, 0));

  /* several phases in a row that change something are one change */
  send_and_wait(&walker, PHASE_STATISTICS);
  send_and_wait(&walker, PHASE_CHECKPOINT);
  CU_ASSERT_FALSE(phases_hold(&walker.phases, 0.01));

  /* the change ends, and the thread stops there */
  check_stops_at(&walker, PHASE_LOOP);
  CU_ASSERT_TRUE(phases_hold(&walker.phases, 0));
  pthread_mutex_unlock(&walker.phases.fence);
}

static void test_no_change_begins(void) {
  struct walker walker;
  start(&walker, true);
  send_and_wait(&walker, PHASE_UPDATE);
  send_and_wait(&walker, PHASE_ROLLOUT);
  CU_ASSERT_TRUE(phases_hold(&walker.phases, 0));
  send(&walker, PHASE_UPDATE);
  while (phases_see(&walker.phases).phase != PHASE_UPDATE) sched_yield();
  CU_ASSERT_NOT_EQUAL(sem_trywait(&walker.gone), 0);
  pthread_mutex_unlock(&walker.phases.fence);
  sem_wait(&walker.gone);
  send_and_wait(&walker, PHASE_LOOP);
  send(&walker, PHASES);
  pthread_join(walker.thread, NULL);
}

static void test_nothing_is_guarded(void) {
  struct walker walker;
  start(&walker, false);
  send_and_wait(&walker, PHASE_UPDATE);
  CU_ASSERT_TRUE(phases_hold(&walker.phases, 0));
  send_and_wait(&walker, PHASE_CHECKPOINT);
  phases_stop(&walker.phases);
  check_stops_at(&walker, PHASE_STATISTICS);
  pthread_mutex_unlock(&walker.phases.fence);
}

static const struct check_case cases[] = {
    {"each phase is described", test_table},
    {"one call tells the clock and who watches", test_one_call_tells_both},
    {"waits are counted, one within another once", test_waits},
    {"a change goes on to its end, and no further", test_change_goes_on_to_its_end},
    {"no change begins while it is held", test_no_change_begins},
    {"where nothing is guarded nobody is waited for", test_nothing_is_guarded},
};

CHECK_MAIN("phases", cases)
