"""V-trace targets and advantages in float64, as the direct double sum of eq. 1 and section 4.2 of Espeholt et al. 2018
(arXiv:1802.01561), not as a recursion: FILE. Usage: python vtrace.py vtrace.h5
"""

import sys

import h5py
import numpy as np

ROWS, STEPS = 12, 40
# gamma, lambda, rho_bar, c_bar, clip of the advantage's weight (0: it has none)
SETTINGS = {
    "paper": (0.99, 1.0, 1.0, 1.0, 1.0),
    "lambda": (0.97, 0.9, 1.0, 1.0, 1.0),
    "wide": (0.95, 1.0, 3.0, 1.5, 2.0),
    "narrow": (0.99, 0.8, 0.7, 0.4, 0.5),
    "one_step": (0.9, 0.0, 2.0, 1.0, 4.0),
    "unweighted": (0.99, 1.0, 1.0, 1.0, 0.0),
    "unclipped": (0.98, 0.95, 1e9, 1e9, 1e9),
}
rng = np.random.default_rng(11)


def exact(values):
    """Numbers that are exact in float32."""
    return np.asarray(values, np.float32).astype(np.float64)


def draw():
    """Rows whose actions another policy took, with episodes that end either way, some at the last step."""
    terminated = rng.random((ROWS, STEPS)) < 0.06
    truncated = rng.random((ROWS, STEPS)) < 0.06
    terminated[0], truncated[0] = False, False
    terminated[1, -1], truncated[2, -1] = True, True
    terminated[3, 7], truncated[3, 7] = True, True
    length = np.full(ROWS, STEPS)
    length[4], length[5], length[6] = 1, 17, 33
    return dict(
        rewards=exact(rng.normal(size=(ROWS, STEPS))),
        values=exact(2.0 * rng.normal(size=(ROWS, STEPS + 1))),
        last_values=exact(2.0 * rng.normal(size=(ROWS, STEPS))),
        ratios=exact(np.exp(0.7 * rng.normal(size=(ROWS, STEPS)))),
        terminated=terminated.astype(np.uint8),
        truncated=truncated.astype(np.uint8),
        length=length.astype(np.int32),
    )


def following(data, n, t):
    """The value of what follows step t, and whether the episode goes on there."""
    if data["terminated"][n, t]:
        return 0.0, False
    if data["truncated"][n, t]:
        return data["last_values"][n, t], False
    return data["values"][n, t + 1], t + 1 < data["length"][n]


def target(data, n, s, gamma, lam, rho_bar, c_bar):
    """v_s = V(x_s) + sum_t gamma^(t - s) (prod_{i = s}^{t - 1} c_i) delta_t V, up to the end of episode or row."""
    total, t = data["values"][n, s], s
    while True:
        after, goes_on = following(data, n, t)
        rho = min(rho_bar, data["ratios"][n, t])
        delta = rho * (data["rewards"][n, t] + gamma * after - data["values"][n, t])
        c = np.prod([lam * min(c_bar, data["ratios"][n, i]) for i in range(s, t)])
        total += gamma ** (t - s) * c * delta
        if not goes_on:
            return total
        t += 1


def vtrace(data, gamma, lam, rho_bar, c_bar, pg_rho_bar):
    targets, advantages = np.full((ROWS, STEPS), np.nan), np.full((ROWS, STEPS), np.nan)
    for n in range(ROWS):
        for s in range(data["length"][n]):
            targets[n, s] = target(data, n, s, gamma, lam, rho_bar, c_bar)
        for s in range(data["length"][n]):
            after, goes_on = following(data, n, s)
            q = data["rewards"][n, s] + gamma * (targets[n, s + 1] if goes_on else after)
            weight = min(pg_rho_bar, data["ratios"][n, s]) if pg_rho_bar > 0 else 1.0
            advantages[n, s] = weight * (q - data["values"][n, s])
    return targets, advantages


with h5py.File(sys.argv[1], "w") as file:
    inputs = draw()
    for name, array in inputs.items():
        file[name] = array
    for name, numbers in SETTINGS.items():
        group = file.create_group(name)
        rounded = [float(exact(number)) for number in numbers]
        for key, number in zip(["gamma", "lambda", "rho_bar", "c_bar", "pg_rho_bar"], rounded):
            group.attrs[key] = number
        group["targets"], group["advantages"] = vtrace(inputs, *rounded)
