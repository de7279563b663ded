/* Where a rank's time goes: a clock that is always in one stage, and adds up the seconds of each. So the sums add up to
 * the whole time since it was started, and nothing is counted twice. Where events are recorded as well, each stretch of
 * time in a stage is one event. */
#ifndef BASE_STAGES_H
#define BASE_STAGES_H

#include <stddef.h>
#include <stdint.h>

enum stage {
  STAGE_ROLLOUT,    /* acting: policy and environments */
  STAGE_WAIT,       /* for other ranks */
  STAGE_GATHER,     /* the rollout's messages */
  STAGE_ADVANTAGES, /* what comes before the first minibatch: scaled rewards, values, advantages, returns */
  STAGE_UPDATE,     /* minibatches */
  STAGE_BROADCAST,  /* commands with the policy */
  STAGE_CHECKPOINT,
  STAGE_EVALUATION,
  STAGE_OTHER, /* what is left: metrics, progress, the loop itself */
  STAGES,

  /* events that are no stages */
  EVENT_ITERATION = STAGES, /* a whole iteration, around its stages */
  EVENT_COMMAND,            /* a moment: a command leaves the learner, or has reached an actor */
  EVENT_ROLLOUT             /* a moment: a rollout leaves an actor, or the learner has all */
};

extern const char *const stage_names[STAGES];

struct stage_event {
  double begin, end; /* clock_seconds() */
  int64_t iteration; /* counted from stages_start() */
  int64_t steps;     /* of an iteration: environment steps of this rank */
  int32_t kind;      /* a stage, or EVENT_... */
};

/* The calls that move the clock accept NULL and do nothing then: some code also runs without a clock, as in tests. */
struct stages {
  double seconds[STAGES]; /* up to the last move; their sum is since - start */
  double start, since;    /* clock_seconds() at the start, and when the current stage began */
  enum stage current;
  int64_t iteration; /* iterations that have ended */
  double iteration_start;

  /* a ring that keeps the newest events */
  struct stage_event *events; /* [capacity], NULL: none is kept; borrowed */
  size_t capacity, recorded;  /* recorded: how many events there ever were */
};

/* Starts the clock, in STAGE_OTHER. The newest `capacity` events are kept in `events` (borrowed; NULL: none) from here
 * on. */
void stages_start(struct stages *stages, struct stage_event *events, size_t capacity);

/* Goes over to a stage, or stays in it; returns the one before, so that the caller can go back to it. */
enum stage stages_enter(struct stages *stages, enum stage stage);

/* Counts as `stage` what the present stage has taken up to the moment `until` (clock_seconds()), for callers that know
 * only afterwards what the time was spent on. A moment before the present stage began changes nothing. */
void stages_assign(struct stages *stages, enum stage stage, double until);

/* Records a moment (EVENT_COMMAND, EVENT_ROLLOUT). */
void stages_mark(struct stages *stages, int32_t kind);

/* An iteration of `steps` steps ends here and the next one begins. */
void stages_end_iteration(struct stages *stages, int64_t steps);

/* Updates the sums to now; returns all seconds since the start. The clock goes on. */
double stages_total(struct stages *stages);

/* The number of events that are kept, and one of them: 0 is the oldest one kept. */
size_t stages_recorded(const struct stages *stages);
const struct stage_event *stages_event(const struct stages *stages, size_t index);

#endif
