/* The environments of one rank: a contiguous range of global indices, stepped together. The pool counts steps,
 * truncates at the limit, keeps the true last observation of truncated episodes, starts the next episode by itself,
 * owns the random stream of each environment, and applies the wrappers.
 *
 * An environment with A agents has A rows of observations, rewards, actions and masks: row = environment * A + agent.
 * How an episode ended is said once for the environment. */
#ifndef ENV_POOL_H
#define ENV_POOL_H

#include "base/status.h"
#include "env/bounds.h"
#include "muster/env.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct env_pool;

/* How a step ended an episode; both bits may be set by an environment: then it counts as terminated. */
enum { ENV_TERMINATED = 1, ENV_TRUNCATED = 2 };

/* Last observations of truncated episodes, appended in the order of steps, then of environments. Buffers are the
 * caller's: `capacity` entries each. */
struct final_observations {
  int32_t count, capacity;
  int32_t *environment; /* [capacity] global index */
  int32_t *step;        /* [capacity] step of the rollout at which the episode was cut: the `time` of env_pool_step() */
  void *observation;    /* [capacity, agents, observation elements] */
};

/* What changes between the environments and those who use the pool. Zeroed: nothing but clipping to the bounds. */
struct env_wrappers {
  int32_t max_steps;      /* steps after which episodes are truncated; 0: the environment's own limit */
  int32_t fallback_steps; /* the same where neither says so; 0: episodes are as long as they will */
  int32_t frame_stack; /* last observations that are stacked, oldest first, along the first dimension, those of images
                          [rows, columns, channels] along the channels; 0 or 1: one */
  enum action_bounds action_bounds;
  int32_t group_size; /* environments e with the same e / group_size start an episode of the same number in the same
                         state: their resets draw from one stream, their steps each from its own; 0 or 1: none do */
};

/* Where a step writes, strides in bytes: from row to row, for `ended` from environment to environment. */
struct env_pool_result {
  void *observation; /* the next observation: after a reset, the first of the new episode */
  size_t observation_stride;
  float *reward;
  size_t reward_stride;
  uint8_t *ended; /* 0, or ENV_TERMINATED | ENV_TRUNCATED */
  size_t ended_stride;
  struct final_observations *final_observations; /* NULL: last observations are not wanted */
};

/* Creates `count` environments with global indices first..first+count-1 of the type. `options` are the user's pairs,
 * ended by a NULL key (may be NULL): unknown keys are USAGE errors naming the nearest. `seed` is that
 * of the run; evaluation passes a derived one, so as to share no numbers with training. Borrows `type`. */
MUSTER_CHECKED muster_status env_pool_create(const muster_env_type *type, const muster_env_setting *options,
                                             uint64_t seed, int32_t first, int32_t count, struct env_pool **out);
void env_pool_destroy(struct env_pool **pool); /* accepts NULL inside */

/* Applies wrappers, before the first episode starts. What env_pool_spec() tells changes with them: the step limit, and
 * the observation space of stacked frames. A reset fills all frames with the first observation. USAGE error where
 * observations cannot be stacked (neither float32 nor uint8) or actions not be rescaled. */
MUSTER_CHECKED muster_status env_pool_wrap(struct env_pool *pool, const struct env_wrappers *wrappers);

/* Whether nothing but wrappers.fallback_steps ends an episode that the environment does not end itself. */
bool env_pool_falls_back(const struct env_pool *pool);

/* What the environments are; borrowed for the life of the pool. */
const muster_env_spec *env_pool_spec(const struct env_pool *pool);

/* Starts an episode in every environment and writes its first observations. */
MUSTER_CHECKED muster_status env_pool_reset(struct env_pool *pool, void *observation, size_t observation_stride);

/* From the next env_pool_reset() on the environments play a list: episode 0 of each global index from `first` to
 * `first`
 * + `count` - 1, one after the other. Who ends one begins the next that nobody plays; who finds none rests: its flags,
 * rewards and observations say nothing, and it is not stepped, unless it is one of a block. A list may be given again
 * at any time. */
void env_pool_play_list(struct env_pool *pool, int32_t first, int32_t count);
/* The global index whose episode an environment plays; -1: it rests. */
int32_t env_pool_episode(const struct env_pool *pool, int32_t env);

/* Starts episode number `episode` (from 0) in every environment, whatever it was doing; nothing is written. */
MUSTER_CHECKED muster_status env_pool_restart(struct env_pool *pool, uint32_t episode);

/* Steps every environment once; env_pool_reset() or env_pool_load() came first. `actions`: [count, agents, action
 * elements] float, before they are brought within their bounds, or int32_t. Errors (ENVIRONMENT, NUMERIC) name the
 * type, global index, seed, episode (from 0), step (from 1) and last action: an environment that failed, a reward or an
 * observation that is not finite, a discrete observation out of range, a mask that allows nothing. A pool that failed
 * can only be destroyed. */
MUSTER_CHECKED muster_status env_pool_step(struct env_pool *pool, const void *actions, int32_t time,
                                           struct env_pool_result *result);

/* Copies the current observations and masks of all rows to where they are wanted: each may be NULL. The masks, [choices
 * of all elements of an action], are those of the current observations; only where spec.masks_actions. */
void env_pool_observe(const struct env_pool *pool, void *observation, size_t observation_stride, uint8_t *action_mask,
                      size_t action_mask_stride);

/* From now on a reward or observation that is not sound is no error: the episode ends as terminated with reward 0, the
 * next one starts, and the fault is counted. */
void env_pool_tolerate_faults(struct env_pool *pool);
/* Faults since the last call, and the text of the first one (borrowed until the next step; "" when there was none). */
int32_t env_pool_take_faults(struct env_pool *pool, const char **first);

/* What has befallen the processes of isolated environments (env/isolation.h). Episodes that were lost ended as
 * truncated, with reward 0 and the last observation that was known. */
#define ENV_RESTART_TEXTS 8
struct env_restarts {
  int32_t count;   /* of processes */
  bool stays_dead; /* environments will do nothing any more, since max_restarts is reached */
  int32_t texts;   /* of the first ones: which environment, seed, episode, step and action, and what happened */
  char text[ENV_RESTART_TEXTS][768];
};
/* Takes what has happened since the last call; zero where environments are not isolated. */
void env_pool_take_restarts(struct env_pool *pool, struct env_restarts *out);

/* The whole state of one environment (episode number, steps, random stream, simulator state, current observations and
 * masks): exact, and independent of the pool's range, so it can be loaded into the environment of the same global index
 * on another rank (any other is a FORMAT error). The seed is the pool's. Bytes are zero-filled where unused. An
 * environment that can't save is marked so; loading it starts a fresh episode. */
size_t env_pool_state_bytes(const struct env_pool *pool);
void env_pool_save(const struct env_pool *pool, int32_t env, void *bytes);
/* Writes the current observations [agents, elements], too, unless `observation` is NULL. `*restarted` tells whether a
 * fresh episode had to be started. */
MUSTER_CHECKED muster_status env_pool_load(struct env_pool *pool, int32_t env, const void *bytes, void *observation,
                                           bool *restarted);
/* Writes the state of an environment of global index `env` whose state is lost: loading it starts episode number
 * `episode`. And tells such a state from others. */
void env_pool_save_lost(const struct env_pool *pool, int32_t env, uint32_t episode, void *bytes);
bool env_pool_is_lost(const void *bytes);

/* Text of one environment's state for a terminal; "" when the type can't. */
void env_pool_render_text(const struct env_pool *pool, int32_t env, char *text, size_t size);
/* One environment's state as a picture; false, and nothing is drawn, when the type can't. */
bool env_pool_render_picture(const struct env_pool *pool, int32_t env, muster_canvas *canvas);

/* Who looks at every state of the environments, also at the last one of an episode, which env_pool_step() leaves for
 * the first one of the next before it returns. */
struct env_viewer {
  /* Called by env_pool_reset(), with NULL rewards, and by each env_pool_step(). `steps`, `ended`: [count]; `rewards`:
   * [count, agents]. */
  muster_status (*look)(void *context, const struct env_pool *pool, const int32_t *steps, const float *rewards,
                        const uint8_t *ended);
  void *context;
};

/* From now on; borrowed for the life of the pool. */
void env_pool_view(struct env_pool *pool, const struct env_viewer *viewer);

#endif
