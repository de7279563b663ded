#include "plan/plan.h"
#include "cli/command.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "usage: [mpirun -n N] muster plan --ranks N [--config FILE] [--set key=value]... [--json]\n"
    "\n"
    "Measures what rollouts, inference, the update and messages take here, and predicts the speed of training at 1, "
    "2,\n"
    "3, 4, 8, ... N ranks on a cluster of such machines, its bottleneck and the best split of learner and actors. "
    "Under\n"
    "mpirun on one host, best with one rank more than it has cores, messages within a node are measured, too; alone\n"
    "they are assumed. The model is described in docs/planning.md.\n"
    "\n"
    "  -n, --ranks N             plan for up to so many ranks, 10000 at most\n"
    "  -c, --config FILE         for this config (default: the defaults of all options)\n"
    "  -s, --set key=value       set an option over the file; may be repeated\n"
    "  -e, --envs-per-actor N    give each actor so many environments, in the place of env.num_envs for all of them\n"
    "      --cores-per-node N    (default: the cores of this host)\n"
    "      --ranks-per-node N    (default: one for each core)\n"
    "      --latency US          between nodes, in microseconds (default 2)\n"
    "      --overhead US         that a rank is busy with a message between nodes, in microseconds (default 1)\n"
    "      --bandwidth GB        between nodes, in gigabytes per second (default 12.5, which is 100 Gbit/s)\n"
    "  -j, --json                one object with all that was measured, assumed and predicted\n"
    "  -q, --quick               few repetitions: shows that it works, measures nothing\n"
    "  -h, --help                this text\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 wrong use.\n";

/* reads a positive number from an option; false and a message when the text is no such number */
static bool parse_positive(const char *option, const char *text, double *value) {
  char *end;
  errno = 0;
  *value = strtod(text, &end);
  if (errno == 0 && end != text && *end == '\0' && *value > 0 && *value < 1e9) return true;
  command_usage_error("plan", "%s: %s: expects a number above 0", option, text);
  return false;
}

static bool parse_count(const char *option, const char *text, long long most, int *value) {
  long long number;
  if (!command_parse_count("plan", option, text, 1, &number)) return false;
  if (number > most) command_usage_error("plan", "%s: %s: expects at most %lld", option, text, most);
  *value = (int)number;
  return number <= most;
}

enum { CORES = 256, RANKS, LATENCY, OVERHEAD, BANDWIDTH };

/* handles one option; returns -1 to go on, else an exit code */
static int take_option(int letter, const char *text, struct plan_request *request, const char **sets) {
  struct plan_cluster *cluster = &request->cluster;
  struct plan_link *network = &cluster->network;
  double number = 1;
  bool good = true;
  switch (letter) {
  case 'n': good = parse_count("--ranks", text, PLAN_MAX_RANKS, &request->ranks); break;
  case 'c': request->config_path = text; break;
  case 's': sets[request->n_sets++] = text; break;
  case 'e': good = parse_count("--envs-per-actor", text, 100000, &request->envs_per_actor); break;
  case CORES: good = parse_count("--cores-per-node", text, PLAN_MAX_RANKS, &cluster->cores_per_node); break;
  case RANKS: good = parse_count("--ranks-per-node", text, PLAN_MAX_RANKS, &cluster->ranks_per_node); break;
  case LATENCY:
    good = parse_positive("--latency", text, &number);
    network->latency = 1e-6 * number;
    break;
  case OVERHEAD:
    good = parse_positive("--overhead", text, &number);
    network->overhead = 1e-6 * number;
    break;
  case BANDWIDTH:
    good = parse_positive("--bandwidth", text, &number);
    network->gap = 1e-9 / number;
    break;
  case 'j': request->json = true; break;
  case 'q': request->effort = PLAN_QUICK; break;
  case 'h': fputs(help, stdout); return EXIT_DONE;
  default: return EXIT_USAGE; /* getopt_long() said what is wrong */
  }
  return good ? -1 : EXIT_USAGE;
}

/* `sets` has room for argc entries; returns -1 to go on, else an exit code */
static int parse(int argc, char **argv, struct plan_request *request, const char **sets) {
  static const struct option options[] = {{"ranks", required_argument, NULL, 'n'},
                                          {"config", required_argument, NULL, 'c'},
                                          {"set", required_argument, NULL, 's'},
                                          {"envs-per-actor", required_argument, NULL, 'e'},
                                          {"cores-per-node", required_argument, NULL, CORES},
                                          {"ranks-per-node", required_argument, NULL, RANKS},
                                          {"latency", required_argument, NULL, LATENCY},
                                          {"overhead", required_argument, NULL, OVERHEAD},
                                          {"bandwidth", required_argument, NULL, BANDWIDTH},
                                          {"json", no_argument, NULL, 'j'},
                                          {"quick", no_argument, NULL, 'q'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
  *request = (struct plan_request){.sets = sets, .cluster.network = PLAN_NETWORK};
  for (int letter; (letter = getopt_long(argc, argv, "n:c:s:e:jqh", options, NULL)) != -1;) {
    int exit_code = take_option(letter, optarg, request, sets);
    if (exit_code >= 0) return exit_code;
  }
  if (optind != argc) return command_usage_error("plan", "expects options only, got %s", argv[optind]);
  if (request->ranks == 0) return command_usage_error("plan", "expects --ranks N");
  return -1;
}

static int plan(int argc, char **argv, const struct plan_request *request) {
  struct comm *comm;
  muster_status status = comm_create(&argc, &argv, &comm);
  if (status != MUSTER_OK) return command_finish("plan", status);
  bool together;
  status = plan_run(comm, request, &together);
  int exit_code = command_finish("plan", status);
  if (!together && comm_size(comm) > 1) comm_abort(comm, exit_code);
  comm_destroy(&comm);
  return exit_code;
}

int command_plan(int argc, char **argv) {
  struct plan_request request;
  const char **sets = calloc((size_t)argc, sizeof *sets);
  if (sets == NULL) return command_finish("plan", status_error(MUSTER_ERROR_MEMORY, "out of memory"));
  int exit_code = parse(argc, argv, &request, sets);
  if (exit_code < 0) exit_code = plan(argc, argv, &request);
  free(sets);
  return exit_code;
}
