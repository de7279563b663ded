"""Plays episodes of a Gymnasium environment with a policy that muster has trained, and prints their mean return.

usage: play_gymnasium.py RUN_OR_CHECKPOINT [ENVIRONMENT] [EPISODES]

The environment is that of the same name by default. `policy.predict()` is that of Stable-Baselines3's models, so the
policy also goes where these go, such as stable_baselines3.common.evaluation.evaluate_policy().
"""

import sys

import gymnasium
import muster


def play(policy, env, seed):
    """The return of one episode."""
    observation, _ = env.reset(seed=seed)
    total, ended = 0.0, False
    while not ended:
        action, _ = policy.predict(observation, deterministic=True)
        observation, reward, terminated, truncated, _ = env.step(action)
        total += float(reward)
        ended = terminated or truncated
    return total


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__.split("\n\n")[1])
    policy = muster.load(sys.argv[1])
    env = gymnasium.make(sys.argv[2] if len(sys.argv) > 2 else policy.env)
    episodes = int(sys.argv[3]) if len(sys.argv) > 3 else 10
    returns = [play(policy, env, seed) for seed in range(episodes)]
    print(f"{policy.algorithm} on {policy.env}: mean return {sum(returns) / episodes:.2f} over {episodes} episodes")


if __name__ == "__main__":
    main()
