/* How your own program uses a trained policy: this one balances a pole.
 *
 * The physics below stand for your simulator: the policy sees only four numbers and answers with 0 or 1.
 *
 *   act RUN_OR_CHECKPOINT [STEPS] */
#include <math.h>
#include <muster/policy.h>
#include <stdio.h>
#include <stdlib.h>

struct cart_pole {
  double x, x_dot, theta, theta_dot; /* m, m/s, rad, rad/s */
};

/* one Euler step of 0.02 s; `push` is 0 (left) or 1 (right), 10 N */
static void advance(struct cart_pole *cart, int32_t push) {
  const double gravity = 9.8, total_mass = 1.1, pole_mass = 0.1, half_length = 0.5, tau = 0.02;
  double force = push == 1 ? 10.0 : -10.0, sine = sin(cart->theta), cosine = cos(cart->theta);
  double common = (force + pole_mass * half_length * cart->theta_dot * cart->theta_dot * sine) / total_mass;
  double angular =
      (gravity * sine - cosine * common) / (half_length * (4.0 / 3.0 - pole_mass * cosine * cosine / total_mass));
  double linear = common - pole_mass * half_length * angular * cosine / total_mass;
  cart->x += tau * cart->x_dot;
  cart->x_dot += tau * linear;
  cart->theta += tau * cart->theta_dot;
  cart->theta_dot += tau * angular;
}

static int fail(muster_status status) {
  fprintf(stderr, "act: %s\n", muster_status_message(status));
  muster_status_clear(&status);
  return 1;
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: act RUN_OR_CHECKPOINT [STEPS]\n");
    return 2;
  }
  int steps = argc > 2 ? atoi(argv[2]) : 500;
  muster_policy *policy;
  muster_status status = muster_policy_open(argv[1], &policy);
  if (status != MUSTER_OK) return fail(status);
  if (muster_space_elements(muster_policy_observation_space(policy)) != 4 ||
      muster_policy_action_space(policy)->kind != MUSTER_SPACE_DISCRETE) {
    fprintf(stderr, "act: this policy was trained on %s, not on a cart-pole\n", muster_policy_env(policy));
    muster_policy_close(&policy);
    return 1;
  }

  struct cart_pole cart = {.theta = 0.03};
  int balanced = 0;
  while (balanced < steps && fabs(cart.x) <= 2.4 && fabs(cart.theta) <= 12 * 3.14159265358979 / 180) {
    float observation[4] = {(float)cart.x, (float)cart.x_dot, (float)cart.theta, (float)cart.theta_dot};
    int32_t push;
    status = muster_policy_act(policy, 1, observation, MUSTER_ACT_DETERMINISTIC, &push);
    if (status != MUSTER_OK) {
      muster_policy_close(&policy);
      return fail(status);
    }
    advance(&cart, push);
    balanced++;
  }
  printf("balanced for %d steps, %.2f s; the cart stands at %.3f m, the pole at %.3f rad\n", balanced, 0.02 * balanced,
         cart.x, cart.theta);
  muster_policy_close(&policy);
  return balanced == steps ? 0 : 1;
}
