/* What the checks of the conformance suite share: the environment that they examine (the subject), memory with guards,
 * and a player of episodes. All of this runs in the child process of one check. A finding that ends the check ends that
 * process. */
#ifndef ENV_CONFORMANCE_PLAYER_H
#define ENV_CONFORMANCE_PLAYER_H

#include "base/random.h"
#include "env/conformance.h"

#include <stddef.h>

/* Pages that parent and child share. */
struct examination {
  struct conformance_report report;
  int32_t steps;                /* how many steps comparisons play: fewer for a slow simulator */
  double seconds;               /* for checks that play as many steps as time allows */
  char check[24];               /* the check that runs now */
  const char *volatile call;    /* the environment's function that runs now; NULL: none of them */
  volatile int32_t step;        /* of the episode at that time, from 1; 0: at reset */
  volatile int signal;          /* the signal that ended the child */
  volatile bool finished;       /* whether the check ran to its end, or ended itself because of a failure */
  const char *volatile touched; /* memory that was overrun, or written though read-only; NULL: not known */
};

/* The environment under examination. */
struct subject {
  const muster_env_type *type;
  const muster_env_setting *settings; /* for create(): options matched against the type's */
  uint64_t seed;
  muster_env_spec spec; /* arrays borrowed from `witness` */
  void *witness;        /* an environment of which only the description is asked for */
  size_t observation_elements, observation_bytes, action_elements, action_bytes, mask_bytes; /* bytes: of all agents */
  struct examination *examination;
};

/* Creates the witness and learns the sizes. Ends the check when create() fails. */
void subject_open(struct subject *subject);

/* ---- findings ---- */

/* Adds a finding to the report, or counts it again if it is there already; the check goes on. */
MUSTER_PRINTF(3, 4)
void examination_find(struct examination *examination, enum conformance_verdict verdict, const char *format, ...);
/* Adds a failure to the report, and ends the check and its process. */
MUSTER_PRINTF(2, 3)
__attribute__((noreturn)) void examination_fail(struct examination *examination, const char *format, ...);
/* For checks that training makes, too (env/spec.h): an error is a failure, which ends the check. Takes the status. */
void examination_demand(struct examination *examination, muster_status status);

/* ---- memory with guards ---- */

enum guard { GUARD_NONE, GUARD_BEHIND, GUARD_BEFORE }; /* which side has the page that must not be accessed */

struct guarded {
  const char *name;
  unsigned char *bytes; /* [size] */
  size_t size, slack;   /* bytes after the memory that must keep their pattern */
  unsigned char *pages;
  size_t page_bytes; /* readable ones */
};

struct guarded guarded_create(struct examination *examination, const char *name, size_t size, enum guard guard);
void guarded_destroy(struct guarded *memory);
/* Ends the check when the pattern after the memory has changed. */
void guarded_check(struct examination *examination, const struct guarded *memory);

/* Lets the report tell when a guard was accessed; installs handlers of signals. Called once in the child of each
 * check. */
void guard_watch(struct examination *examination);

/* ---- playing ---- */

struct player {
  const struct subject *subject;
  void *env;
  enum guard guard;
  struct guarded observation, reward, mask, action;
  uint32_t index, episode, next_episode; /* of the random streams */
  struct random_stream stream, choices;
  int32_t step; /* of the episode */
  bool terminated, truncated;
  unsigned char fill; /* what observations are filled with before each call */
};

struct player player_create(const struct subject *subject, uint32_t index, enum guard guard);
void player_destroy(struct player *player);

/* Starts the next episode. */
void player_reset(struct player *player);
/* Draws the actions of all agents of one environment, of those that the masks allow; `mask` NULL: of all. */
void subject_draw(const struct subject *subject, muster_random *random, const uint8_t *mask, void *action);
/* Draws an action that the mask allows into player->action. */
void player_draw(struct player *player);
/* Steps with player->action. Checks that rewards, flags and masks are such as an environment may hand back. */
void player_step(struct player *player);
/* Whether the episode has ended, by itself or at the limit. */
bool player_ended(const struct player *player);

/* Everything that an environment hands back in `steps` steps, each with a drawn action; when an episode ends, the next
 * one is started. trace_play() begins with a new episode when `starts`. The caller frees `bytes`. */
struct trace {
  size_t steps, step_bytes;
  unsigned char *bytes; /* [steps, step_bytes]: observation, reward, mask, flags, observation after a reset */
};
struct trace trace_create(const struct subject *subject, size_t steps);
void trace_play(struct trace *trace, struct player *player, bool starts);
/* Makes the player's next step, and writes it as step `at` of the trace. */
void trace_step(struct trace *trace, size_t at, struct player *player);
/* The first step (from 0) in which the traces differ; -1 when they are equal. */
long trace_compare(const struct trace *a, const struct trace *b);

#endif
