/* Playing whole episodes with a fixed policy. Episode i is a pure function of seed and i: the result does not depend on
 * which rank plays it, nor on how many are played at once. */
#ifndef TRAIN_EVALUATION_H
#define TRAIN_EVALUATION_H

#include "env/pool.h"
#include "nn/model.h"
#include "setup/curriculum.h"

/* The most environments that one process plays at once. */
#define EVALUATION_ENVS 64

/* Steps after which an episode is cut where neither the environment nor the config knows a limit: a fixed policy may
 * never end one. */
#define EVALUATION_FALLBACK_STEPS 10000

/* A viewer is shown every state of the episodes, which are then played one after the other. `env.look` may set
 * `enough`: the evaluation then ends, and the episodes that have ended count. */
struct evaluation_viewer {
  struct env_viewer env;
  bool enough;
};

struct evaluation_request {
  const muster_env_type *type;
  const muster_env_setting *settings;  /* may be NULL */
  const struct curriculum *curriculum; /* whose last values the environments get; NULL: none */
  struct env_wrappers wrappers;
  const muster_space *observation, *action; /* of the policy; NULL: known to be the environment's */
  uint64_t seed;           /* the same seed gives the same episodes, none of which is one of training */
  int32_t first, episodes; /* numbers of the episodes: first .. first + episodes - 1 */
  int32_t envs;            /* the most that are played at once; 0: EVALUATION_ENVS */
  bool deterministic;
  bool tolerates_faults;            /* a NaN or infinity ends its episode only, not the evaluation */
  struct evaluation_viewer *viewer; /* NULL: nobody looks */
};

/* How an episode went. */
enum { EPISODE_CUT = 4 }; /* added to ENV_TRUNCATED: after EVALUATION_FALLBACK_STEPS */
struct evaluated_episode {
  double episode_return; /* the mean over its agents */
  int32_t length;
  int32_t ended; /* ENV_TERMINATED, ENV_TRUNCATED, EPISODE_CUT; 0: it has not ended yet */
};

/* Environments that play a range of episodes, any number of times. */
struct evaluation_player;

/* The results go to `episodes` [request->episodes]; it and what the request points to are borrowed. USAGE error where
 * the environment's spaces are not those of the policy. */
MUSTER_CHECKED muster_status evaluation_player_create(const struct evaluation_request *request,
                                                      struct evaluated_episode *episodes,
                                                      struct evaluation_player **out);
void evaluation_player_destroy(struct evaluation_player **player); /* accepts NULL inside */

/* Starts all episodes from the beginning. */
MUSTER_CHECKED muster_status evaluation_player_begin(struct evaluation_player *player);

/* Plays until all episodes have ended (`*is_done`), or clock_seconds() is past `until` (INFINITY: never), or a signal
 * asks something of this process. Changes neither the model's parameters nor its statistics of observations; the
 * weights of the policy must be packed. */
MUSTER_CHECKED muster_status evaluation_player_play(struct evaluation_player *player, struct model *model, double until,
                                                    bool *is_done);

struct evaluation {
  int64_t episodes, steps;
  int64_t cut;                                            /* episodes that ended after EVALUATION_FALLBACK_STEPS */
  double mean_return, std_return, min_return, max_return; /* std of the population, as NumPy's default */
  double mean_length, std_length, min_length, max_length;
};

/* Statistics of the n episodes, in their order; those that have not ended do not count. */
MUSTER_CHECKED muster_status evaluation_summarize(const struct evaluated_episode *episodes, size_t n,
                                                  struct evaluation *out);

/* Writes how many episodes were cut: ", 3 of them cut off at 10000 steps, ..."; "" when none was. */
void evaluation_describe_cut(const struct evaluation *evaluation, char text[128]);

/* Plays all episodes in this process. Which episodes are played does not depend on their lengths, so that short ones do
 * not count more. Where the viewer had enough, out->episodes is smaller than asked for; the other numbers mean nothing
 * when it is 0. */
MUSTER_CHECKED muster_status evaluation_run(struct model *model, const struct evaluation_request *request,
                                            struct evaluation *out);

#endif
