/* A program outside of this project: opens a trained policy through the public headers and acts.
 * usage: outside RUN_OR_CHECKPOINT */
#include <math.h>
#include <muster/env.h>
#include <muster/policy.h>
#include <muster/version.h>
#include <stdio.h>
#include <string.h>

#define ROWS 5

static int failures;

#define EXPECT(condition)                                                                                              \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "outside.c:%d: %s\n", __LINE__, #condition);                                                     \
      failures++;                                                                                                      \
    }                                                                                                                  \
  } while (0)

/* the call succeeds; otherwise its message is printed */
static int succeeds(muster_status status) {
  int right = status == MUSTER_OK;
  if (!right) fprintf(stderr, "%s\n", muster_status_message(status));
  muster_status_clear(&status);
  return right;
}

/* the call fails with this code and says why */
static int fails(muster_status status, muster_code code) {
  int right = muster_status_code(status) == code && muster_status_message(status)[0] != '\0';
  muster_status_clear(&status);
  return right && status == NULL;
}

static void look(const muster_policy *policy) {
  EXPECT(strcmp(muster_policy_env(policy), "CartPole-v1") == 0);
  EXPECT(strcmp(muster_policy_algorithm(policy), "ppo") == 0);
  EXPECT(muster_policy_total_steps(policy) == 30720);
  const muster_space *observation = muster_policy_observation_space(policy);
  EXPECT(observation->kind == MUSTER_SPACE_BOX && observation->rank == 1 && observation->shape[0] == 4);
  const muster_space *action = muster_policy_action_space(policy);
  EXPECT(action->kind == MUSTER_SPACE_DISCRETE && action->counts[0] == 2);
  EXPECT(muster_space_elements(observation) == 4 && muster_space_elements(action) == 1);
}

static void act(muster_policy *policy) {
  /* a pole that falls to the right needs a push to the right, and the other way round */
  float rows[ROWS][4] = {{0, 0, 0.1f, 1.0f}, {0, 0, -0.1f, -1.0f}, {0, 0, 0, 0}, {1, 0, 0.1f, 0}, {-1, 0, -0.1f, 0}};
  int32_t together[ROWS], alone[ROWS], sampled[3][ROWS * 40];
  EXPECT(succeeds(muster_policy_act(policy, ROWS, &rows[0][0], MUSTER_ACT_DETERMINISTIC, together)));
  EXPECT(together[0] == 1 && together[1] == 0);

  /* an action does not depend on the other rows */
  for (int i = 0; i < ROWS; i++)
    EXPECT(succeeds(muster_policy_act(policy, 1, rows[i], MUSTER_ACT_DETERMINISTIC, &alone[i])));
  EXPECT(memcmp(together, alone, sizeof alone) == 0);

  /* samples follow from the seed */
  for (int run = 0; run < 3; run++) {
    muster_policy_seed(policy, run == 2 ? 8 : 7);
    for (int i = 0; i < 40; i++)
      EXPECT(succeeds(muster_policy_act(policy, ROWS, &rows[0][0], MUSTER_ACT_STOCHASTIC, sampled[run] + ROWS * i)));
  }
  EXPECT(memcmp(sampled[0], sampled[1], sizeof sampled[0]) == 0);
  EXPECT(memcmp(sampled[0], sampled[2], sizeof sampled[0]) != 0);

  /* a NaN is refused, and nothing is written */
  rows[3][2] = NAN;
  memset(together, 0x55, sizeof together);
  muster_status status = muster_policy_act(policy, ROWS, &rows[0][0], MUSTER_ACT_DETERMINISTIC, together);
  EXPECT(fails(status, MUSTER_ERROR_NUMERIC));
  for (int i = 0; i < ROWS; i++) EXPECT(together[i] == 0x55555555);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  muster_policy *policy = NULL, *second = NULL;
  EXPECT(fails(muster_policy_open("/nowhere/at/all", &policy), MUSTER_ERROR_IO));
  EXPECT(policy == NULL);
  EXPECT(fails(muster_policy_open(__FILE__, &policy), MUSTER_ERROR_FORMAT));
  if (!succeeds(muster_policy_open(argv[1], &policy)) || !succeeds(muster_policy_open(argv[1], &second))) return 1;
  look(policy);
  act(policy);
  muster_policy_close(&policy);
  EXPECT(policy == NULL);
  muster_policy_close(&policy);

  /* the other policy is still open */
  look(second);
  muster_policy_close(&second);
  printf("muster %s, environments of ABI %d\n", MUSTER_VERSION, MUSTER_ENV_ABI);
  return failures == 0 ? 0 : 1;
}
