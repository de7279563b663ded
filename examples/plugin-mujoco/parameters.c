#include "parameters.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

enum kind { TEXT, COUNT, NUMBER, RANGE, FLAG };

#define KEY(kind, name)                                                                                                \
  { #name, kind, offsetof(struct parameters, name) }

static const struct key {
  const char *name;
  enum kind kind;
  size_t offset;
} keys[] = {
    KEY(TEXT, xml_file),
    KEY(TEXT, assets),
    KEY(TEXT, main_body),
    KEY(COUNT, frame_skip),
    KEY(NUMBER, forward_reward_weight),
    KEY(NUMBER, ctrl_cost_weight),
    KEY(NUMBER, contact_cost_weight),
    KEY(NUMBER, healthy_reward),
    KEY(NUMBER, reset_noise_scale),
    KEY(NUMBER, reward_dist_weight),
    KEY(NUMBER, reward_control_weight),
    KEY(RANGE, healthy_z_range),
    KEY(RANGE, healthy_angle_range),
    KEY(RANGE, healthy_state_range),
    KEY(RANGE, contact_force_range),
    KEY(RANGE, contact_cost_range),
    KEY(FLAG, terminate_when_unhealthy),
    KEY(FLAG, exclude_current_positions_from_observation),
    KEY(FLAG, include_cinert_in_observation),
    KEY(FLAG, include_cvel_in_observation),
    KEY(FLAG, include_qfrc_actuator_in_observation),
    KEY(FLAG, include_cfrc_ext_in_observation),
};

static int refuse(const muster_env_setting *setting, const char *expected, muster_env_error *error) {
  return muster_env_fail(error, "option %s: expects %s, got \"%.80s\"", setting->key, expected, setting->value);
}

/* a number, and then one of the characters of `stops` or the end; returns where the text goes on, NULL: no number */
static const char *read_number(const char *text, const char *stops, double *out) {
  char *end;
  *out = strtod(text, &end);
  end += end == text ? 0 : strspn(end, " ");
  if (end == text || isnan(*out)) return NULL;
  if (*end == '\0') return end;
  return strchr(stops, *end) != NULL ? end + 1 : NULL;
}

static int read_count(const muster_env_setting *setting, int *out, muster_env_error *error) {
  double number;
  if (read_number(setting->value, "", &number) == NULL || !(number >= 1 && number <= 1000) || number != floor(number))
    return refuse(setting, "an integer from 1 to 1000", error);
  *out = (int)number;
  return 0;
}

static int read_finite(const muster_env_setting *setting, double *out, muster_env_error *error) {
  if (read_number(setting->value, "", out) == NULL || !isfinite(*out)) return refuse(setting, "a number", error);
  if (*out < 0 && strcmp(setting->key, "reset_noise_scale") == 0) return refuse(setting, "a number >= 0", error);
  return 0;
}

/* "low, high", as it is or in brackets; either may be infinite */
static int read_range(const muster_env_setting *setting, struct range *out, muster_env_error *error) {
  const char *text = setting->value + strspn(setting->value, " [(");
  const char *second = read_number(text, ",", &out->low);
  const char *end = second == NULL ? NULL : read_number(second, "])", &out->high);
  if (end == NULL || end[strspn(end, " ")] != '\0' || !(out->low <= out->high))
    return refuse(setting, "two numbers, the lower first, such as \"0.7, inf\"", error);
  return 0;
}

static int read_flag(const muster_env_setting *setting, bool *out, muster_env_error *error) {
  *out = strcmp(setting->value, "true") == 0;
  if (!*out && strcmp(setting->value, "false") != 0) return refuse(setting, "true or false", error);
  return 0;
}

static int read_setting(const muster_env_setting *setting, const struct key *key, struct parameters *out,
                        muster_env_error *error) {
  void *field = (char *)out + key->offset;
  switch (key->kind) {
  case TEXT: *(const char **)field = setting->value; return 0;
  case COUNT: return read_count(setting, field, error);
  case NUMBER: return read_finite(setting, field, error);
  case RANGE: return read_range(setting, field, error);
  case FLAG: return read_flag(setting, field, error);
  }
  return 0;
}

int parameters_read(const muster_env_setting *settings, struct parameters *out, muster_env_error *error) {
  *out = (struct parameters){0};
  for (; settings->key != NULL; settings++)
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
      if (strcmp(settings->key, keys[i].name) == 0 && read_setting(settings, &keys[i], out, error)) return 1;
  return 0;
}

int parameters_set(struct parameters *parameters, const char *key, double value, muster_env_error *error) {
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    if (strcmp(key, keys[i].name) != 0 || keys[i].kind != NUMBER) continue;
    if (!isfinite(value) || (value < 0 && strcmp(key, "reset_noise_scale") == 0))
      return muster_env_fail(error, "option %s: expects a number%s, got %g", key, isfinite(value) ? " >= 0" : "",
                             value);
    *(double *)((char *)parameters + keys[i].offset) = value;
    return 0;
  }
  return muster_env_fail(error, "option %s cannot change: only weights, rewards and reset_noise_scale can", key);
}
