/* The environments of one rank: a contiguous range of global indices, stepped together. The pool counts steps,
 * truncates episodes at the limit, keeps the true last observation of truncated episodes, starts the next episode by
 * itself, owns the random stream of each environment, and applies the wrappers.
 *
 * An environment with A agents has A rows of observations, rewards, actions and masks: row = environment * A + agent.
 * How an episode ended is written once for each environment. */
#ifndef ENV_POOL_H
#define ENV_POOL_H

#include "base/status.h"
#include "env/bounds.h"
#include "muster/env.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct env_pool;

/* How a step ended an episode. An environment may set both bits: then the episode counts as terminated. */
enum { ENV_TERMINATED = 1, ENV_TRUNCATED = 2 };

/* Last observations of truncated episodes, appended in the order of steps, then of environments. Buffers are the
 * caller's: `capacity` entries each. */
struct final_observations {
  int32_t count, capacity;
  int32_t *environment; /* [capacity] global index */
  int32_t *step;        /* [capacity] step of the rollout at which the episode was cut: the `time` of env_pool_step() */
  void *observation;    /* [capacity, agents, observation elements] */
  uint8_t *mask; /* [capacity, agents, choices] where actions are masked; NULL: not wanted. All choices of an element
                    are allowed where an environment allowed none at its end. */
};

/* What the pool changes between its environments and its user. With all fields zero, actions are clipped to their
 * bounds, and nothing else changes. */
struct env_wrappers {
  int32_t max_steps;      /* steps after which episodes are truncated; 0: the environment's own limit */
  int32_t fallback_steps; /* the same where neither max_steps nor the environment sets a limit; 0: no limit */
  int32_t frame_stack;    /* how many of the last observations are stacked, oldest first: along the first dimension, for
                             images [rows, columns, channels] along the channels; 0 or 1: no stacking */
  enum action_bounds action_bounds;
  int32_t group_size; /* environments e with the same e / group_size start an episode of the same number in the same
                         state: their resets draw from one stream, their steps each from its own; 0 or 1: none do */
};

/* Where a step writes. Strides are in bytes, from row to row; for `ended` from environment to environment. */
struct env_pool_result {
  void *observation; /* the next observation: after a reset, the first of the new episode */
  size_t observation_stride;
  float *reward;
  size_t reward_stride;
  uint8_t *ended; /* 0, or ENV_TERMINATED | ENV_TRUNCATED */
  size_t ended_stride;
  struct final_observations *final_observations; /* NULL: last observations are not wanted */
};

/* Creates `count` environments with global indices first..first+count-1 of the type. `options` are the user's keys and
 * values, ended by a NULL key (may be NULL): an unknown key is a USAGE error, which names the most similar one. `seed`
 * is that of the run; evaluation passes a derived one, so that it shares no random numbers with training. Borrows
 * `type`. */
MUSTER_CHECKED muster_status env_pool_create(const muster_env_type *type, const muster_env_setting *options,
                                             uint64_t seed, int32_t first, int32_t count, struct env_pool **out);
void env_pool_destroy(struct env_pool **pool); /* does nothing where *pool is NULL */

/* Applies wrappers; call it before the first episode starts. It changes what env_pool_spec() tells: the step limit, and
 * the observation space where frames are stacked. A reset fills all frames with the first observation. USAGE error
 * where observations cannot be stacked (being neither float32 nor uint8) or actions cannot be rescaled. */
MUSTER_CHECKED muster_status env_pool_wrap(struct env_pool *pool, const struct env_wrappers *wrappers);

/* Whether wrappers.fallback_steps is the only limit on the steps of an episode. */
bool env_pool_falls_back(const struct env_pool *pool);

/* The description of the environments; borrowed for the life of the pool. */
const muster_env_spec *env_pool_spec(const struct env_pool *pool);

/* Gives an option of all environments another value, before the first episode or between steps (muster/env.h). USAGE
 * error where there is no such option, where options cannot be set, or where the environment refuses the value; then a
 * part of the environments may have it. */
MUSTER_CHECKED muster_status env_pool_set_option(struct env_pool *pool, const char *key, double value);

/* Starts an episode in every environment and writes its first observations. */
MUSTER_CHECKED muster_status env_pool_reset(struct env_pool *pool, void *observation, size_t observation_stride);

/* From the next env_pool_reset() on the environments play a list: episode 0 of each global index from `first` to
 * `first`
 * + `count` - 1, one after the other. An environment that has ended one starts the next one that is not played yet. If
 * there is none, it rests: its flags, rewards and observations mean nothing, and it is not stepped, unless it is part
 * of a block. A list may be given again at any time. */
void env_pool_play_list(struct env_pool *pool, int32_t first, int32_t count);
/* The global index whose episode the environment plays; -1: it rests. */
int32_t env_pool_episode(const struct env_pool *pool, int32_t env);

/* Starts episode number `episode` (from 0) in every environment, also in the middle of an episode; nothing is
 * written. */
MUSTER_CHECKED muster_status env_pool_restart(struct env_pool *pool, uint32_t episode);

/* Steps every environment once, after an env_pool_reset() or env_pool_load(). `actions`: [count, agents, action
 * elements], int32_t, or float as the policy drew them: the pool brings them within their bounds. Errors (ENVIRONMENT,
 * NUMERIC) name the type, global index, seed, episode (from 0), step (from 1) and last action: an environment that
 * failed, a reward or an observation that is not finite, a discrete observation out of range, a mask that allows
 * nothing. A pool that failed can only be destroyed. */
MUSTER_CHECKED muster_status env_pool_step(struct env_pool *pool, const void *actions, int32_t time,
                                           struct env_pool_result *result);

/* Copies the current observations and masks of all rows; either pointer may be NULL. The masks, [choices of all
 * elements of an action] for each row, belong to the current observations; they exist only where spec.masks_actions. */
void env_pool_observe(const struct env_pool *pool, void *observation, size_t observation_stride, uint8_t *action_mask,
                      size_t action_mask_stride);

/* From this call on a reward or observation that is not finite or out of range is no error: the episode ends as
 * terminated with reward 0, the next one starts, and the fault is counted. */
void env_pool_tolerate_faults(struct env_pool *pool);
/* Faults since the last call, and the text of the first one (borrowed until the next step; "" when there was none). */
int32_t env_pool_take_faults(struct env_pool *pool, const char **first);

/* What happened to the processes of isolated environments (env/isolation.h). Episodes that were lost ended as
 * truncated, with reward 0 and the last observation that was known. */
#define ENV_RESTART_TEXTS 8
struct env_restarts {
  int32_t count;                     /* how many processes were started again */
  bool stays_dead;                   /* some environments do nothing any more, since max_restarts is reached */
  int32_t texts;                     /* how many of the first faults are told in `text` */
  char text[ENV_RESTART_TEXTS][768]; /* environment, seed, episode, step and action, and what happened */
};
/* Hands over what happened since the last call; all zero where environments are not isolated. */
void env_pool_take_restarts(struct env_pool *pool, struct env_restarts *out);

/* [count] The steps that each environment's running episode has had. */
const int32_t *env_pool_steps(const struct env_pool *pool);

/* The whole state of one environment (episode number, steps, random stream, simulator state, current observations and
 * masks): exact, and independent of the pool's range, so that it can be loaded into the environment of the same global
 * index on another rank (another index is a FORMAT error). It does not hold the seed, which is the pool's. Unused bytes
 * are zero. For an environment that can't save its state it says so; loading that starts a fresh episode. */
size_t env_pool_state_bytes(const struct env_pool *pool);
void env_pool_save(const struct env_pool *pool, int32_t env, void *bytes);
/* Loads such a state. Writes the current observations [agents, elements], too, unless `observation` is NULL.
 * `*restarted` tells whether a fresh episode had to be started. */
MUSTER_CHECKED muster_status env_pool_load(struct env_pool *pool, int32_t env, const void *bytes, void *observation,
                                           bool *restarted);
/* env_pool_save_lost() writes a state for the environment of global index `env`, whose true state is lost: loading it
 * starts episode number `episode`. env_pool_is_lost() tells such a state from others. */
void env_pool_save_lost(const struct env_pool *pool, int32_t env, uint32_t episode, void *bytes);
bool env_pool_is_lost(const void *bytes);
/* Makes a saved state one that is lost: loading it starts the episode after the one that was saved. */
void env_pool_forget(const struct env_pool *pool, void *bytes);

/* Writes one environment's state as text for a terminal; "" when the type has no such function. */
void env_pool_render_text(const struct env_pool *pool, int32_t env, char *text, size_t size);
/* Writes a policy as text: actions [choices of a Discrete observation], -1 where it has no preference; "" when the type
 * has no such function. Call it after a reset. */
void env_pool_render_policy(const struct env_pool *pool, const int32_t *actions, char *text, size_t size);
/* Draws one environment's state as a picture; false, and nothing is drawn, when the type has no such function. */
bool env_pool_render_picture(const struct env_pool *pool, int32_t env, muster_canvas *canvas);

/* A viewer sees every state of the environments, also the last one of an episode: env_pool_step() replaces that by the
 * first state of the next episode before it returns. */
struct env_viewer {
  /* Called by env_pool_reset(), with NULL rewards, and by each env_pool_step(). `steps`, `ended`: [count]; `rewards`:
   * [count, agents]. */
  muster_status (*look)(void *context, const struct env_pool *pool, const int32_t *steps, const float *rewards,
                        const uint8_t *ended);
  void *context;
};

/* Sets the viewer for all later calls; borrowed for the life of the pool. */
void env_pool_view(struct env_pool *pool, const struct env_viewer *viewer);

#endif
