#include "base/stages.h"

#include "base/clock.h"

const char *const stage_names[STAGES] = {"rollout",   "wait",       "gather",     "advantages", "update",
                                         "broadcast", "checkpoint", "evaluation", "other"};

void stages_start(struct stages *stages, struct stage_event *events, size_t capacity) {
  double now = clock_seconds();
  *stages = (struct stages){.start = now,
                            .since = now,
                            .iteration_start = now,
                            .current = STAGE_OTHER,
                            .events = events,
                            .capacity = events != NULL ? capacity : 0};
}

static void add_event(struct stages *stages, int32_t kind, double begin, double end, int64_t steps) {
  if (stages->capacity == 0) return;
  stages->events[stages->recorded++ % stages->capacity] =
      (struct stage_event){.begin = begin, .end = end, .iteration = stages->iteration, .steps = steps, .kind = kind};
}

/* counts the time up to a moment as this stage's; STAGE_OTHER makes no event: it is the rest of the iteration around
 * it */
static void count(struct stages *stages, enum stage stage, double until) {
  if (until <= stages->since) return;
  stages->seconds[stage] += until - stages->since;
  if (stage != STAGE_OTHER) add_event(stages, (int32_t)stage, stages->since, until, 0);
  stages->since = until;
}

enum stage stages_enter(struct stages *stages, enum stage stage) {
  if (stages == NULL) return STAGE_OTHER;
  enum stage before = stages->current;
  if (stage == before) return before;
  count(stages, before, clock_seconds());
  stages->current = stage;
  return before;
}

void stages_assign(struct stages *stages, enum stage stage, double until) {
  if (stages == NULL) return;
  double now = clock_seconds();
  count(stages, stage, until < now ? until : now);
}

void stages_mark(struct stages *stages, int32_t kind) {
  if (stages == NULL || stages->capacity == 0) return;
  double now = clock_seconds();
  add_event(stages, kind, now, now, 0);
}

void stages_end_iteration(struct stages *stages, int64_t steps) {
  if (stages == NULL) return;
  count(stages, stages->current, clock_seconds());
  add_event(stages, EVENT_ITERATION, stages->iteration_start, stages->since, steps);
  stages->iteration_start = stages->since;
  stages->iteration++;
}

double stages_total(struct stages *stages) {
  count(stages, stages->current, clock_seconds());
  return stages->since - stages->start;
}

size_t stages_recorded(const struct stages *stages) {
  return stages->recorded < stages->capacity ? stages->recorded : stages->capacity;
}

const struct stage_event *stages_event(const struct stages *stages, size_t index) {
  size_t oldest = stages->recorded - stages_recorded(stages);
  return &stages->events[(oldest + index) % stages->capacity];
}
