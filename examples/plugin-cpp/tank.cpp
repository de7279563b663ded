// Tank-v0, a plug-in in C++ with one environment: a class is the simulator, and a thin layer makes it an environment.
// The layer turns exceptions of the class into errors of the environment, since none may leave a function that C calls.
#include <muster/env.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <iterator>
#include <stdexcept>
#include <string>
#include <type_traits>

// ---- the simulator, which knows nothing about muster ----

// A water tank with a leak and a pump with three speeds; the water level has to stay at the mark.
class Tank {
public:
  struct State {
    double level;  // m
    double demand; // m/s, by how much consumers lower it
  };

  explicit Tank(double mark) : mark_(mark) {
    if (!(mark > 0.5 && mark < 4.5)) throw std::invalid_argument("option mark: expects a number between 0.5 and 4.5");
  }

  void restart(double level, double demand) { state_ = {level, demand}; }

  // pumps for one step of 1 s at speed 0, 1 or 2; returns whether the tank is empty or overflows
  bool pump(int speed) {
    if (speed < 0 || speed > 2) throw std::out_of_range("the pump has no speed " + std::to_string(speed));
    const double leak = 0.02 * std::sqrt(std::max(state_.level, 0.0));
    state_.level += 0.1 * speed - state_.demand - leak;
    return state_.level <= 0.0 || state_.level >= 5.0;
  }

  double error() const { return state_.level - mark_; }
  const State &state() const { return state_; }
  void set_state(const State &state) { state_ = state; }

private:
  double mark_;
  State state_{};
};

// ---- the environment ----

namespace {

const muster_env_option options[] = {{"mark", "2.5", "level to keep, m, between 0.5 and 4.5"}, {nullptr, nullptr, nullptr}};
const float low[] = {-10.0f, 0.0f}, high[] = {10.0f, 1.0f};
const int32_t action_counts[] = {3};

Tank &tank(void *env) { return *static_cast<Tank *>(env); }
const Tank &tank(const void *env) { return *static_cast<const Tank *>(env); }

// runs a function that may throw; an exception becomes the error
template <class Function> int guarded(muster_env_error *error, Function &&function) {
  try {
    function();
    return 0;
  } catch (const std::exception &exception) {
    return muster_env_fail(error, "%s", exception.what());
  } catch (...) {
    return muster_env_fail(error, "an exception of an unknown type");
  }
}

int create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  return guarded(error, [&] {
    std::size_t used = 0;
    const std::string text = settings[0].value;
    const double mark = std::stod(text, &used);
    if (used != text.size()) throw std::invalid_argument("option mark: expects a number, got \"" + text + "\"");
    *env = new Tank(mark);
  });
}

void destroy(void *env) { delete &tank(env); }

void describe(const void *, muster_env_spec *spec) {
  spec->observation = {};
  spec->observation.kind = MUSTER_SPACE_BOX;
  spec->observation.rank = 1;
  spec->observation.shape[0] = static_cast<int32_t>(std::size(low));
  spec->observation.low = low;
  spec->observation.high = high;
  spec->action = {};
  spec->action.kind = MUSTER_SPACE_DISCRETE;
  spec->action.counts = action_counts;
  spec->agents = 1;
  spec->max_steps = 100;
  spec->reward_threshold = 85.0;
  spec->state_bytes = sizeof(Tank::State);
}

void observe(const Tank &self, void *observation) {
  auto *values = static_cast<float *>(observation);
  values[0] = static_cast<float>(std::clamp(self.error(), -10.0, 10.0));
  values[1] = static_cast<float>(10.0 * self.state().demand);
}

int reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  return guarded(error, [&] {
    const double level = muster_random_uniform(random, 1.0, 4.0);
    tank(env).restart(level, muster_random_uniform(random, 0.02, 0.08));
    observe(tank(env), result->observation);
  });
}

int step(void *env, const void *action, muster_random *, muster_env_result *result, muster_env_error *error) {
  return guarded(error, [&] {
    result->terminated = tank(env).pump(*static_cast<const int32_t *>(action));
    result->reward[0] = result->terminated ? 0.0 : 1.0 - std::min(1.0, std::abs(tank(env).error()));
    observe(tank(env), result->observation);
  });
}

static_assert(std::is_trivially_copyable_v<Tank::State>);

void save_state(const void *env, void *bytes) {
  const auto &state = tank(env).state();
  std::copy_n(reinterpret_cast<const char *>(&state), sizeof state, static_cast<char *>(bytes));
}

int load_state(void *env, const void *bytes, muster_env_error *) {
  Tank::State state;
  std::copy_n(static_cast<const char *>(bytes), sizeof state, reinterpret_cast<char *>(&state));
  tank(env).set_state(state);
  return 0;
}

muster_env_type make_type() {
  muster_env_type type{};
  type.abi = MUSTER_ENV_ABI;
  type.struct_size = sizeof type;
  type.name = "Tank-v0";
  type.summary = "keep the level of a leaking tank with a pump";
  type.options = options;
  type.create = create;
  type.destroy = destroy;
  type.describe = describe;
  type.reset = reset;
  type.step = step;
  type.save_state = save_state;
  type.load_state = load_state;
  return type;
}

const muster_env_type tank_type = make_type();

} // namespace

MUSTER_ENV_PLUGIN(&tank_type)
