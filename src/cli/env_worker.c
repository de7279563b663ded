/* muster env-worker: a child process with environments, which a run with `env.isolation: process` starts by itself. */
#include "cli/command.h"
#include "env/isolation.h"

int command_env_worker(int argc, char **argv) {
  long long memory, event;
  if (argc != 3) return command_usage_error("env-worker", "is started by muster itself, for env.isolation: process");
  if (!command_parse_count("env-worker", "memory", argv[1], 3, &memory)) return EXIT_USAGE;
  if (!command_parse_count("env-worker", "event", argv[2], 3, &event)) return EXIT_USAGE;
  return isolation_worker((int)memory, (int)event);
}
