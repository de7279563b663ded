/* One environment of Gymnasium as muster/env.h wants it. */
#ifndef GYMNASIUM_ENVIRONMENT_H
#define GYMNASIUM_ENVIRONMENT_H

#include "muster/env.h"

int environment_create(const muster_env_setting *settings, void **env, muster_env_error *error);
void environment_destroy(void *env);
void environment_describe(const void *env, muster_env_spec *spec);
int environment_reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error);
int environment_step(void *env, const void *action, muster_random *random, muster_env_result *result,
                     muster_env_error *error);
void environment_save_state(const void *env, void *bytes);
int environment_load_state(void *env, const void *bytes, muster_env_error *error);
bool environment_has_saved(const void *env);
int environment_set_option(void *env, const char *key, double value, muster_env_error *error);

#endif
