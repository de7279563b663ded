/* The table of schedules: which one a config asks for, that none lacks a function, and that each gathering is followed
 * by as many updates as the algorithm says: none, one or many. */
#include "support/check.h"
#include "support/model.h"
#include "train/learner.h"
#include "train/schedule.h"

#include <stddef.h>
#include <string.h>

static const struct schedule *const schedules[] = {&schedule_in_step, &schedule_pipelined, &schedule_asynchronous,
                                                   &schedule_asynchronous_gradients, &schedule_asynchronous_replay};
#define SCHEDULES (sizeof schedules / sizeof *schedules)

static void test_choice(void) {
  static const char *const texts[SCHEDULES] = {
      "env: {name: CartPole-v1}\nalgorithm: {name: ppo}\n",
      "env: {name: CartPole-v1}\nalgorithm: {name: ppo, pipeline: 1}\n",
      "env: {name: CartPole-v1}\nalgorithm: {name: impala}\n",
      "env: {name: CartPole-v1}\nalgorithm: {name: a3c}\n",
      "env: {name: CartPole-v1}\nalgorithm: {name: dqn, asynchronous: true}\n",
  };
  for (size_t i = 0; i < SCHEDULES; i++) {
    struct run_config config;
    CHECK_OK_FATAL(run_config_parse("test", texts[i], &config));
    CU_ASSERT_PTR_EQUAL(schedule_of(&config), schedules[i]);
  }
}

/* the functions follow each other from the first one to the end of the struct */
static void test_whole(void) {
  typedef void (*function)(void);
  for (size_t i = 0; i < SCHEDULES; i++) {
    CU_ASSERT_PTR_NOT_NULL(schedules[i]->name);
    for (size_t at = offsetof(struct schedule, batch_envs); at < sizeof(struct schedule); at += sizeof(function)) {
      function member;
      memcpy(&member, (const char *)schedules[i] + at, sizeof member);
      CU_ASSERT_TRUE(member != NULL);
    }
  }
}

/* --- updates of a gathering --- */

/* a learner that also acts */
struct fixture {
  struct comm *comm;
  struct run run;
  struct gathering gathering;
  struct transport transport;
  struct learner learner;
  struct actor actor;
  struct algorithm_type type; /* the config's algorithm, with another number of updates */
};

static void setup(struct fixture *f, const char *text, muster_status (*take_rollout)(void *, double, int64_t *)) {
  struct run_config config;
  *f = (struct fixture){0};
  CHECK_OK_FATAL(run_config_parse("test", text, &config));
  CHECK_OK_FATAL(comm_create_alone(&f->comm));
  CHECK_OK_FATAL(run_create(&config, NULL, "", f->comm, &f->run));
  CHECK_OK_FATAL(gathering_create(&f->run, &f->gathering));
  CHECK_OK_FATAL(learner_create(&f->gathering, &f->transport, NULL, &f->learner));
  CHECK_OK_FATAL(actor_create(&f->gathering, &f->transport, &f->learner.model, &f->actor));
  CHECK_OK_FATAL(transport_create(&f->learner.model, &f->gathering, &f->actor, &f->transport));
  CHECK_OK_FATAL(actor_start_envs(&f->actor, false));
  f->learner.actor = &f->actor;
  f->type = *f->learner.type;
  f->type.take_rollout = take_rollout;
  f->learner.type = &f->type;
}

static void teardown(struct fixture *f) {
  learner_release(&f->learner);
  transport_release(&f->transport);
  gathering_release(&f->gathering);
  run_release(&f->run);
  comm_destroy(&f->comm);
}

static int64_t optimizer_steps(struct fixture *f) {
  struct tensor state[ALGORITHM_MAX_STATE];
  const int n = algorithm_state(f->learner.type, f->learner.algorithm, state);
  for (int i = 0; i < n; i++)
    if (strcmp(state[i].name, "optimizer/steps") == 0) return *(const int64_t *)state[i].data;
  CU_FAIL_FATAL("no optimizer/steps");
  return 0;
}

static float sum_of(const struct parameters *parameters) {
  float sum = 0;
  for (size_t i = 0; i < parameters->count; i++) sum += (float)(i % 7 + 1) * parameters->values[i];
  return sum;
}

static muster_status ask_for_none(void *algorithm, double progress_remaining, int64_t *updates) {
  (void)algorithm;
  (void)progress_remaining;
  *updates = 0;
  return MUSTER_OK;
}

static muster_status ask_for_three(void *algorithm, double progress_remaining, int64_t *updates) {
  (void)algorithm;
  (void)progress_remaining;
  *updates = 3;
  return MUSTER_OK;
}

static const char a2c[] = "env: {name: CartPole-v1, num_envs: 4}\nalgorithm: {name: a2c, n_steps: 8}\n",
                  impala[] = "env: {name: CartPole-v1, num_envs: 4}\nalgorithm: {name: impala, n_steps: 8}\n";

/* does three gatherings; returns the steps of the optimizer in them */
static int64_t steps_of_gatherings(struct fixture *f) {
  const int64_t before = optimizer_steps(f);
  for (int i = 1; i <= 3; i++) {
    f->transport.command->iteration = f->learner.iteration;
    CHECK_OK_FATAL(f->run.schedule->iterate(&f->learner));
    CU_ASSERT_EQUAL(f->learner.iteration, i);
    CU_ASSERT_TRUE(f->learner.total_steps >= (int64_t)i * 4 * 8);
  }
  return optimizer_steps(f) - before;
}

static void check_updates(const char *text) {
  muster_status (*const wishes[])(void *, double, int64_t *) = {NULL, ask_for_none, ask_for_three};
  int64_t steps[3];
  for (int i = 0; i < 3; i++) {
    struct fixture f;
    setup(&f, text, wishes[i]);
    const struct parameters *parameters = &f.learner.model.parameters;
    const float before = sum_of(parameters);
    steps[i] = steps_of_gatherings(&f);
    CU_ASSERT_EQUAL(sum_of(parameters) == before, i == 1);
    CU_ASSERT_EQUAL(f.learner.skipped_updates, 0);
    teardown(&f);
  }
  CU_ASSERT_TRUE(steps[0] >= 3);
  CU_ASSERT_EQUAL(steps[1], 0);
  CU_ASSERT_EQUAL(steps[2], 3 * steps[0]);
}

static void test_updates_in_step(void) { check_updates(a2c); }
static void test_updates_asynchronous(void) { check_updates(impala); }

static const struct check_case cases[] = {
    {"the schedule of a config", test_choice},
    {"no function is missing", test_whole},
    {"none, one or many updates of a rollout in step", test_updates_in_step},
    {"none, one or many updates of an asynchronous batch", test_updates_asynchronous},
};

CHECK_MAIN("schedule", cases)
