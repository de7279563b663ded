/* One way to drive n environments of a type: by its block functions where it has them, else by its single functions. */
#ifndef ENV_BLOCK_H
#define ENV_BLOCK_H

#include "base/arena.h"
#include "base/status.h"
#include "env/foreign.h"
#include "muster/env.h"

struct block_viewer;

/* An option that was set after creation, and its present value. */
struct env_option_value {
  char key[64];
  double value;
};

#define ENV_OPTION_VALUES 32

struct env_block {
  const muster_env_type *type; /* borrowed */
  int32_t count;
  void *block;                      /* what block_create() made; NULL when the single functions are used */
  void **envs;                      /* [count] what create() made; NULL when the block functions are used */
  double *rewards;                  /* [agents] where the single step() writes rewards */
  const uint8_t *rests;             /* [count] those not stepped, for single functions only; borrowed; NULL: none */
  muster_env_spec spec;             /* arrays borrowed from the environment */
  struct env_option_value *options; /* [ENV_OPTION_VALUES] those that were set since creation */
  int32_t n_options;
  struct foreign *foreign;     /* who is called, for base/outcall.h */
  struct block_viewer *viewer; /* of a block: what its rows are rendered by, made when it is first needed */
};

/* Creates `count` >= 1 environments; arrays live in `arena`. `who`, copied, tells the seed, the first index, and where
 * steps are counted; NULL: these are not known. Errors: USAGE when create() refuses its settings, ENVIRONMENT when the
 * type breaks the contract or needs something that muster can't do. */
MUSTER_CHECKED muster_status env_block_create(const muster_env_type *type, const muster_env_setting *settings,
                                              int32_t count, const struct foreign *who, struct arena *arena,
                                              struct env_block *out);
void env_block_destroy(struct env_block *block); /* does nothing to a zeroed one */

/* The number of choices of all elements of a discrete action together: the bytes of one agent's mask. 0 for other
 * kinds. */
size_t env_block_choices(const muster_space *action);

/* These return what the functions of muster_env_type return: 0, or 1 with a text. env_block_step() clears the flags,
 * and on failure sets result->failed_row, to -1 when it isn't known. `action_mask`: [agents, choices]; NULL unless
 * spec.masks_actions. */
int env_block_reset(struct env_block *block, int32_t row, muster_random *random, void *observation,
                    uint8_t *action_mask, muster_env_error *error);
int env_block_step(struct env_block *block, const void *actions, muster_random *const *randoms,
                   muster_env_block_result *result, muster_env_error *error);

/* Saves the state of one environment, spec.state_bytes bytes; only when env_block_can_save(). False when it cannot be
 * saved because the environment's process has died. */
bool env_block_can_save(const struct env_block *block);
bool env_block_save(const struct env_block *block, int32_t row, void *bytes);
/* Loads such a state; options that were set before keep their present values. */
int env_block_load(struct env_block *block, int32_t row, const void *bytes, muster_env_error *error);

/* Whether options can be set after creation. */
bool env_block_has_options(const struct env_block *block);
/* Sets an option of all environments; does nothing where it has that value already. */
int env_block_set_option(struct env_block *block, const char *key, double value, muster_env_error *error);

/* Writes one environment's state as text; "" when the type has no such function. */
void env_block_render_text(const struct env_block *block, const muster_env_setting *settings, int32_t row, char *text,
                           size_t size);

/* Writes a policy as text: actions [choices of a Discrete observation], -1 where it has no preference; "" when the type
 * has no such function. */
void env_block_render_policy(const struct env_block *block, const muster_env_setting *settings, const int32_t *actions,
                             char *text, size_t size);

/* Draws one environment's state as a picture; false, and nothing is drawn, when the type has no such function. */
bool env_block_render_picture(const struct env_block *block, const muster_env_setting *settings, int32_t row,
                              muster_canvas *canvas);

#endif
