/* Rows of option tables that several algorithms have: each says its struct T, whose field has the key's name, and its
 * default. */
#ifndef ALGO_OPTIONS_H
#define ALGO_OPTIONS_H

#include "config/option.h"

#define ROW(T, name) .key = #name, .offset = offsetof(T, name)
/* the same of what all algorithms with one base share, in the struct's field `settings` (policy_gradient.h,
 * replay_learning.h) */
#define ROW_SETTING(T, name) .key = #name, .offset = offsetof(T, settings.name)

/* The table of an algorithm's rows. */
#define OPTION_TABLE(name, rows) (&(const struct option_table){.section = "algorithm", .owner = name, .options = rows})

#define ROW_N_STEPS(T, value)                                                                                          \
  {                                                                                                                    \
    ROW_SETTING(T, n_steps), .type = OPTION_INT, .default_value = value, .min = 1, .max = 1e9,                         \
                             .help = "steps of each environment in a rollout"                                          \
  }
#define ROW_EPISODE_STEPS(T, value)                                                                                    \
  {                                                                                                                    \
    ROW_SETTING(T, n_steps),                                                                                           \
        .type = OPTION_INT, .default_value = value, .min = 1, .max = 1e9,                                              \
        .help = "steps of an episode that count: each environment plays one episode a rollout, a longer one is cut"    \
  }
#define ROW_BATCH_SIZE(T, value)                                                                                       \
  {                                                                                                                    \
    ROW(T, batch_size), .type = OPTION_INT, .default_value = value, .min = 1, .max = 1e9,                              \
                        .help = "samples in a minibatch"                                                               \
  }
#define ROW_N_EPOCHS(T, value)                                                                                         \
  {                                                                                                                    \
    ROW(T, n_epochs), .type = OPTION_INT, .default_value = value, .min = 1, .max = 1e6,                                \
                      .help = "passes over the samples in an update"                                                   \
  }
#define ROW_GAMMA(T, value)                                                                                            \
  { ROW_SETTING(T, gamma), .type = OPTION_FLOAT, .default_value = value, .min = 0, .max = 1, .help = "discount factor" }
/* `condition`: as only_when of the option, or NULL */
#define ROW_GAE_LAMBDA(T, value, condition)                                                                            \
  {                                                                                                                    \
    ROW(T, gae_lambda), .type = OPTION_FLOAT, .default_value = value, .min = 0, .max = 1, .only_when = condition,      \
                        .help = "bias against variance in GAE: 0 is the TD residual, 1 is return minus value"          \
  }
#define USES_GAE "advantage.estimator is gae"
#define ROW_ESTIMATOR(T)                                                                                               \
  {                                                                                                                    \
    .key = "advantage.estimator", .offset = offsetof(T, estimator), .type = OPTION_CHOICE, .default_value = "gae",     \
    .choices = advantage_estimator_names,                                                                              \
    .help = "weight of the policy gradient: GAE, TD residual, return minus value (baseline), or the return alone"      \
  }
#define ROW_LAMBDA(T)                                                                                                  \
  {                                                                                                                    \
    .key = "advantage.lambda", .offset = offsetof(T, lambda), .type = OPTION_MAYBE_FLOAT, .default_value = "null",     \
    .min = 0, .max = 1, .only_when = USES_GAE, .help = "lambda of GAE in place of gae_lambda; null: gae_lambda"        \
  }
#define ROW_LEARNING_RATE(T, value)                                                                                    \
  {                                                                                                                    \
    ROW_SETTING(T, learning_rate),                                                                                     \
        .type = OPTION_SCHEDULE, .default_value = value, .min = 0, .max = 10,                                          \
        .help = "step size of the optimizer; lin_X falls from X to zero over the run: docs/training.md"                \
  }
#define ROW_CLIP_RANGE(T, value)                                                                                       \
  {                                                                                                                    \
    ROW(T, clip_range), .type = OPTION_SCHEDULE, .default_value = value, .min = 0, .min_exclusive = true, .max = 10,   \
                        .help = "how far the probability ratio may go from 1; lin_X falls to zero"                     \
  }
#define ROW_TARGET_KL(T)                                                                                               \
  {                                                                                                                    \
    ROW(T, target_kl), .type = OPTION_MAYBE_FLOAT, .default_value = "null", .min = 0, .min_exclusive = true,           \
                       .max = OPTION_NO_MAX,                                                                           \
                       .help = "an update stops when approx_kl of a minibatch exceeds 1.5 times this; null: never"     \
  }
#define ROW_ENT_COEF(T, value)                                                                                         \
  {                                                                                                                    \
    ROW_SETTING(T, ent_coef), .type = OPTION_SCHEDULE, .default_value = value, .min = 0, .max = OPTION_NO_MAX,         \
                              .help = "weight of the entropy bonus"                                                    \
  }
#define ROW_VF_COEF(T, value)                                                                                          \
  {                                                                                                                    \
    ROW_SETTING(T, vf_coef), .type = OPTION_FLOAT, .default_value = value, .min = 0, .max = OPTION_NO_MAX,             \
                             .help = "weight of the value loss"                                                        \
  }
#define ROW_MAX_GRAD_NORM(T, value)                                                                                    \
  {                                                                                                                    \
    ROW_SETTING(T, max_grad_norm), .type = OPTION_FLOAT, .default_value = value, .min = 0, .min_exclusive = true,      \
                                   .max = OPTION_NO_MAX, .help = "the gradient's global norm is clipped to this"       \
  }
#define ROW_NORMALIZE_ADVANTAGE(T, value)                                                                              \
  {                                                                                                                    \
    ROW_SETTING(T, normalize_advantage), .type = OPTION_BOOL, .default_value = value,                                  \
                                         .help = "whether advantages are normalised in each minibatch"                 \
  }
#define ROW_OPTIMIZER(T, value)                                                                                        \
  {                                                                                                                    \
    ROW_SETTING(T, optimizer), .type = OPTION_STRING, .default_value = value, .check = optimizer_check,                \
                               .help = "how a gradient becomes a step: see `muster parts`"                             \
  }
#define ROW_OPTIMIZER_EPSILON(T, value)                                                                                \
  {                                                                                                                    \
    ROW_SETTING(T, optimizer_epsilon), .type = OPTION_FLOAT, .default_value = value, .min = 0, .min_exclusive = true,  \
                                       .max = 1, .only_when = "optimizer is not sgd",                                  \
                                       .help = "keeps the optimizer's division finite"                                 \
  }

/* --- of algorithms with a replay (replay_learning.h) --- */

/* two rows: Stable-Baselines3's name, and that of the section of the replay */
#define ROW_BUFFER_SIZE(T, value)                                                                                      \
  {ROW_SETTING(T, buffer_size),                                                                                        \
   .type = OPTION_INT,                                                                                                 \
   .default_value = value,                                                                                             \
   .min = 1,                                                                                                           \
   .max = 1e12,                                                                                                        \
   .only_when = "replay.capacity is null",                                                                             \
   .help = "steps of all environments that the replay keeps"},                                                         \
  {                                                                                                                    \
    .key = "replay.capacity", .offset = offsetof(T, settings.capacity), .type = OPTION_MAYBE_INT,                      \
    .default_value = "null", .min = 1, .max = 1e12,                                                                    \
    .help = "steps that the replay keeps in place of buffer_size; null: buffer_size"                                   \
  }
#define ROW_LEARNING_STARTS(T, value)                                                                                  \
  {                                                                                                                    \
    ROW_SETTING(T, learning_starts), .type = OPTION_INT, .default_value = value, .min = 0, .max = 1e15,                \
                                     .help = "steps of all environments before the first update"                       \
  }
#define ROW_TRAIN_FREQ(T, value)                                                                                       \
  {                                                                                                                    \
    ROW_SETTING(T, train_freq), .type = OPTION_INT, .default_value = value, .min = 1, .max = 1e9,                      \
                                .help = "steps of each environment between updates"                                    \
  }
#define ROW_GRADIENT_STEPS(T, value)                                                                                   \
  {                                                                                                                    \
    ROW_SETTING(T, gradient_steps), .type = OPTION_INT, .default_value = value, .min = -1, .max = 1e9,                 \
                                    .help = "updates after train_freq steps, at least 1; -1: as many as all "          \
                                            "environments made steps"                                                  \
  }
#define ROW_REPLAY_BATCH_SIZE(T, value)                                                                                \
  {                                                                                                                    \
    ROW_SETTING(T, batch_size), .type = OPTION_INT, .default_value = value, .min = 1, .max = 1e6,                      \
                                .help = "steps that an update draws from the replay"                                   \
  }
#define ROW_REPLAY_N_STEPS(T, value)                                                                                   \
  {                                                                                                                    \
    ROW_SETTING(T, n_steps), .type = OPTION_INT, .default_value = value, .min = 1, .max = 1e6,                         \
                             .help = "rewards that are summed up before a value takes the place of the rest"           \
  }
#define ROW_TAU(T, value) ROW_TAU_WHEN(T, value, NULL)
#define ROW_TARGET_UPDATE_INTERVAL(T, value) ROW_TARGET_UPDATE_INTERVAL_WHEN(T, value, NULL)
/* the same where an option says whether there is a target network */
#define ROW_TAU_WHEN(T, value, condition)                                                                              \
  {                                                                                                                    \
    ROW_SETTING(T, tau), .type = OPTION_FLOAT, .default_value = value, .min = 0, .min_exclusive = true, .max = 1,      \
                         .only_when = condition,                                                                       \
                         .help = "how far the target network goes towards the learned one; 1: it becomes a copy"       \
  }
#define ROW_TARGET_UPDATE_INTERVAL_WHEN(T, value, condition)                                                           \
  {                                                                                                                    \
    ROW_SETTING(T, target_update_interval), .type = OPTION_INT, .default_value = value, .min = 1, .max = 1e12,         \
                                            .only_when = condition,                                                    \
                                            .help = "updates after which the target network is renewed"                \
  }

/* of actor-critics with a replay (critic_learning.h) */
#define ROW_N_CRITICS(T, value)                                                                                        \
  {                                                                                                                    \
    ROW(T, n_critics), .type = OPTION_INT, .default_value = value, .min = 1, .max = CRITICS_MAX,                       \
                       .help = "critics, of which the least value counts in a target"                                  \
  }

/* noise that explores (struct action_noise) */
#define ROW_NOISE_KIND(T)                                                                                              \
  {                                                                                                                    \
    .key = "action_noise", .offset = offsetof(T, noise.kind), .type = OPTION_CHOICE, .default_value = "none",          \
    .choices = action_noise_names, .help = "noise that explores, added to actions whose elements go from -1 to 1"      \
  }
#define ROW_NOISE_STD(T)                                                                                               \
  {                                                                                                                    \
    .key = "noise_std", .offset = offsetof(T, noise.std), .type = OPTION_FLOAT, .default_value = "0.1", .min = 0,      \
    .max = 10, .only_when = "action_noise is normal, ornstein-uhlenbeck",                                              \
    .help = "normal: the noise's standard deviation; ornstein-uhlenbeck: that of its changes in a unit of time"        \
  }
#define ROW_NOISE_THETA(T)                                                                                             \
  {                                                                                                                    \
    .key = "noise_theta", .offset = offsetof(T, noise.theta), .type = OPTION_FLOAT, .default_value = "0.15",           \
    .min = 0.01, .max = 1, .only_when = "action_noise is ornstein-uhlenbeck",                                          \
    .help = "how fast the noise goes back to 0, as a share of it in a unit of time"                                    \
  }
#define ROW_NOISE_DT(T)                                                                                                \
  {                                                                                                                    \
    .key = "noise_dt", .offset = offsetof(T, noise.dt), .type = OPTION_FLOAT, .default_value = "0.01", .min = 0.01,    \
    .max = 1, .only_when = "action_noise is ornstein-uhlenbeck",                                                       \
    .help = "units of time that a step takes; the noise lasts about 1 / (noise_theta noise_dt) "                       \
            "steps"                                                                                                    \
  }
#define ROWS_ACTION_NOISE(T) ROW_NOISE_KIND(T), ROW_NOISE_STD(T), ROW_NOISE_THETA(T), ROW_NOISE_DT(T)

/* priorities of steps (prioritized_replay.h) */
#define ROW_REPLAY(T, name) .key = "replay." #name, .offset = offsetof(T, settings.replay.name)
#define ROW_PRIORITIZED(T)                                                                                             \
  {                                                                                                                    \
    .key = "replay.prioritized", .offset = offsetof(T, settings.replay.is_on), .type = OPTION_BOOL,                    \
    .default_value = "false", .help = "whether steps with larger errors are drawn more often"                          \
  }
#define ROW_REPLAY_ALPHA(T)                                                                                            \
  {                                                                                                                    \
    ROW_REPLAY(T, alpha), .type = OPTION_FLOAT, .default_value = "0.6", .min = 0, .max = 1,                            \
                          .only_when = "replay.prioritized is true",                                                   \
                          .help = "how much priorities count: 0 not at all, 1 in proportion to the errors"             \
  }
#define ROW_REPLAY_BETA(T)                                                                                             \
  {                                                                                                                    \
    ROW_REPLAY(T, beta), .type = OPTION_FLOAT, .default_value = "0.4", .min = 0, .max = 1,                             \
                         .only_when = "replay.prioritized is true",                                                    \
                         .help = "how much weights make up for that at the start: 0 not at all, 1 wholly"              \
  }
#define ROW_REPLAY_BETA_FINAL(T)                                                                                       \
  {                                                                                                                    \
    ROW_REPLAY(T, beta_final), .type = OPTION_FLOAT, .default_value = "1", .min = 0, .max = 1,                         \
                               .only_when = "replay.prioritized is true", .help = "the same at the end of the run"     \
  }
#define ROW_REPLAY_EPSILON(T)                                                                                          \
  {                                                                                                                    \
    ROW_REPLAY(T, epsilon), .type = OPTION_FLOAT, .default_value = "1e-6", .min = 0, .min_exclusive = true, .max = 1,  \
                            .only_when = "replay.prioritized is true",                                                 \
                            .help = "added to an error, so that steps without error are drawn, too"                    \
  }

#define ROWS_PRIORITIZED(T)                                                                                            \
  ROW_PRIORITIZED(T), ROW_REPLAY_ALPHA(T), ROW_REPLAY_BETA(T), ROW_REPLAY_BETA_FINAL(T), ROW_REPLAY_EPSILON(T)

/* asynchronous runs (experience/rate_limiter.h) */
#define ROW_ASYNCHRONOUS(T)                                                                                            \
  {                                                                                                                    \
    ROW_SETTING(T, asynchronous), .type = OPTION_BOOL, .default_value = "false",                                       \
                                  .help = "whether neither actors nor the learner wait for each other, but for the "   \
                                          "ratio of samples to steps"                                                  \
  }
#define ROW_SAMPLES_PER_INSERT(T)                                                                                      \
  {                                                                                                                    \
    .key = "replay.samples_per_insert", .offset = offsetof(T, settings.samples_per_insert),                            \
    .type = OPTION_MAYBE_FLOAT, .default_value = "null", .min = 0, .min_exclusive = true, .max = 1e9,                  \
    .may_change = true, .only_when = "asynchronous is true",                                                           \
    .help = "how often a step is drawn; null: as by train_freq, gradient_steps and batch_size"                         \
  }
#define ROW_TOLERANCE(T)                                                                                               \
  {                                                                                                                    \
    .key = "replay.tolerance", .offset = offsetof(T, settings.tolerance), .type = OPTION_MAYBE_FLOAT,                  \
    .default_value = "null", .min = 0, .min_exclusive = true, .max = 1e15, .may_change = true,                         \
    .only_when = "asynchronous is true",                                                                               \
    .help = "steps that actors or the learner may be ahead of that ratio; null: what it takes"                         \
  }
#define ROWS_ASYNCHRONOUS(T) ROW_ASYNCHRONOUS(T), ROW_SAMPLES_PER_INSERT(T), ROW_TOLERANCE(T)

#endif
