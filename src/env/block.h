/* One way to drive n environments of a type: its block functions where it has them, its single functions elsewhere. */
#ifndef ENV_BLOCK_H
#define ENV_BLOCK_H

#include "base/arena.h"
#include "base/status.h"
#include "env/foreign.h"
#include "muster/env.h"

struct env_block {
  const muster_env_type *type; /* borrowed */
  int32_t count;
  void *block;             /* of the block functions; NULL when the single ones are used */
  void **envs;             /* [count] of the single functions; NULL when the block ones are used */
  double *rewards;         /* [agents] that the single step() writes */
  const uint8_t *rests;    /* [count] which environments of single functions are not stepped; borrowed; NULL: none */
  muster_env_spec spec;    /* arrays borrowed from the environment */
  struct foreign *foreign; /* who is called, and how calls are known (base/outcall.h) */
};

/* Creates `count` >= 1 environments; arrays live in `arena`. `who`, copied, tells seed, first index, and steps where
 * they are counted; NULL: none of it. Errors: USAGE when create() refuses its settings, ENVIRONMENT when the type
 * breaks the contract or needs what muster can't do. */
MUSTER_CHECKED muster_status env_block_create(const muster_env_type *type, const muster_env_setting *settings,
                                              int32_t count, const struct foreign *who, struct arena *arena,
                                              struct env_block *out);
void env_block_destroy(struct env_block *block); /* accepts a zeroed one */

/* Choices of all elements of a discrete action together: bytes of one agent's mask. 0 for other kinds. */
size_t env_block_choices(const muster_space *action);

/* As the functions of muster_env_type: 0 or 1 with a text. env_block_step() clears the flags, and on failure sets
 * result->failed_row, to -1 when it isn't known. `action_mask`: [agents, choices]; NULL unless spec.masks_actions. */
int env_block_reset(struct env_block *block, int32_t row, muster_random *random, void *observation,
                    uint8_t *action_mask, muster_env_error *error);
int env_block_step(struct env_block *block, const void *actions, muster_random *const *randoms,
                   muster_env_block_result *result, muster_env_error *error);

/* spec.state_bytes bytes of one environment; only when env_block_can_save(). False when the state cannot be saved,
 * since the environment's process has died. */
bool env_block_can_save(const struct env_block *block);
bool env_block_save(const struct env_block *block, int32_t row, void *bytes);
int env_block_load(struct env_block *block, int32_t row, const void *bytes, muster_env_error *error);

/* One environment's state as text; "" when the type can't. */
void env_block_render_text(const struct env_block *block, const muster_env_setting *settings, int32_t row, char *text,
                           size_t size);

/* One environment's state as a picture; false, and nothing is drawn, when the type can't. */
bool env_block_render_picture(const struct env_block *block, const muster_env_setting *settings, int32_t row,
                              muster_canvas *canvas);

#endif
