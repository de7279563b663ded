/* A block of environments that Python steps at once: a VectorEnv of Gymnasium's, or an EnvPool. The functions that are
 * not for blocks drive a block of one. */
#ifndef GYMNASIUM_VECTOR_H
#define GYMNASIUM_VECTOR_H

#include "muster/env.h"

int vector_create(const muster_env_setting *settings, void **env, muster_env_error *error);
int vector_create_block(const muster_env_setting *settings, int32_t n, void **block, muster_env_error *error);
void vector_destroy(void *block);
void vector_describe(const void *block, muster_env_spec *spec);
int vector_reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error);
int vector_reset_row(void *block, int32_t row, muster_random *random, muster_env_result *result,
                     muster_env_error *error);
int vector_step(void *env, const void *action, muster_random *random, muster_env_result *result,
                muster_env_error *error);
int vector_step_block(void *block, const void *actions, muster_random *const *randoms, muster_env_block_result *result,
                      muster_env_error *error);

/* Vector environments offer no states of their rows: state_bytes is 0, so that nothing is saved, and loading fails. */
void vector_save_state(const void *env, void *bytes);
int vector_load_state(void *env, const void *bytes, muster_env_error *error);
void vector_save_row(const void *block, int32_t row, void *bytes);
int vector_load_row(void *block, int32_t row, const void *bytes, muster_env_error *error);

#endif
