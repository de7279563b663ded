/* What Gymnasium's classes take as keyword arguments, and their texts in a config. */
#ifndef PARAMETERS_H
#define PARAMETERS_H

#include <muster/env.h>

struct range {
  double low, high;
};

/* Names and meanings are those of the keyword arguments. A task sets those that it has options for. */
struct parameters {
  const char *xml_file, *assets; /* borrowed from the settings: read in simulation_create() alone */
  const char *main_body;         /* the same; a number or a name */
  int frame_skip;
  double forward_reward_weight, ctrl_cost_weight, contact_cost_weight, healthy_reward, reset_noise_scale;
  double reward_dist_weight, reward_control_weight;
  struct range healthy_z_range, healthy_angle_range, healthy_state_range, contact_force_range, contact_cost_range;
  bool terminate_when_unhealthy, exclude_current_positions_from_observation;
  bool include_cinert_in_observation, include_cvel_in_observation, include_qfrc_actuator_in_observation;
  bool include_cfrc_ext_in_observation;
};

/* Reads all settings (ended by a NULL key); what is not among them becomes 0. Fails with a text that names key and
 * value. */
int parameters_read(const muster_env_setting *settings, struct parameters *out, muster_env_error *error);

/* Sets one that is a number, at any time: a weight, a reward, the noise of a start. Fails for others, and where the
 * value is out of range. */
int parameters_set(struct parameters *parameters, const char *key, double value, muster_env_error *error);

#endif
