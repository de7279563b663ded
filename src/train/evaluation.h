/* Playing whole episodes with a fixed policy. Episode i is a pure function of seed and i, so it does not matter who
 * plays which of them, nor how many at once. */
#ifndef TRAIN_EVALUATION_H
#define TRAIN_EVALUATION_H

#include "env/pool.h"
#include "nn/model.h"

/* Environments that one process plays at once at most. */
#define EVALUATION_ENVS 64

/* Steps after which an episode is cut where neither the environment nor the config knows a limit: a fixed policy may
 * never end one. */
#define EVALUATION_FALLBACK_STEPS 10000

/* Who looks at every state while episodes are played, which are then played one after the other. `enough` is for
 * `env.look` to set: the evaluation then ends with the episodes that have finished. */
struct evaluation_viewer {
  struct env_viewer env;
  bool enough;
};

struct evaluation_request {
  const muster_env_type *type;
  const muster_env_setting *settings; /* may be NULL */
  struct env_wrappers wrappers;
  const muster_space *observation, *action; /* of the policy; NULL: they are known to be the environment's */
  uint64_t seed;                            /* the episodes are the same for the same seed; training never sees them */
  int32_t first, episodes;                  /* numbers of the episodes: first .. first + episodes - 1 */
  int32_t envs;                             /* that are played at once at most; 0: EVALUATION_ENVS */
  bool deterministic;
  bool tolerates_faults;            /* a NaN or infinity ends its episode, and not the evaluation */
  struct evaluation_viewer *viewer; /* NULL: nobody looks */
};

/* How an episode went. */
enum { EPISODE_CUT = 4 }; /* beside ENV_TERMINATED and ENV_TRUNCATED: after EVALUATION_FALLBACK_STEPS */
struct evaluated_episode {
  double episode_return; /* the mean over its agents */
  int32_t length;
  int32_t ended; /* 0: it has not ended yet */
};

/* Environments that play a range of episodes, as often as one likes. */
struct evaluation_player;

/* `episodes` [request->episodes] is where the results go; it and what the request points to are borrowed. USAGE error
 * where the environment's spaces are not those of the policy. */
MUSTER_CHECKED muster_status evaluation_player_create(const struct evaluation_request *request,
                                                      struct evaluated_episode *episodes,
                                                      struct evaluation_player **out);
void evaluation_player_destroy(struct evaluation_player **player); /* accepts NULL inside */

/* Starts with all episodes anew. */
MUSTER_CHECKED muster_status evaluation_player_begin(struct evaluation_player *player);

/* Plays until all episodes have ended (`*is_done`), the clock has come to `until` (base/clock.h; INFINITY: never), or
 * this process has been asked to stop. Nothing that the model has learned changes, statistics of observations included;
 * its policy weights must be packed. */
MUSTER_CHECKED muster_status evaluation_player_play(struct evaluation_player *player, struct model *model, double until,
                                                    bool *is_done);

struct evaluation {
  int64_t episodes, steps;
  int64_t cut;                                            /* episodes that EVALUATION_FALLBACK_STEPS ended */
  double mean_return, std_return, min_return, max_return; /* std of the population, as NumPy's default */
  double mean_length, std_length, min_length, max_length;
};

/* Statistics of the n episodes, in their order; those that have not ended do not count. */
MUSTER_CHECKED muster_status evaluation_summarize(const struct evaluated_episode *episodes, size_t n,
                                                  struct evaluation *out);

/* Says in words what is to be known beside the numbers: ", 3 of them cut off at 10000 steps"; "" when there is
 * nothing. */
void evaluation_describe_cut(const struct evaluation *evaluation, char text[128]);

/* Plays all episodes alone. Each environment plays one at a time, so that short episodes do not count more than long
 * ones. Where the viewer had enough, out->episodes is smaller than asked for; the numbers say nothing when it is 0. */
MUSTER_CHECKED muster_status evaluation_run(struct model *model, const struct evaluation_request *request,
                                            struct evaluation *out);

#endif
