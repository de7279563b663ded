#include "base/path.h"
#include "base/shown.h"
#include "cli/command.h"
#include "cli/showing.h"
#include "math/blas.h"
#include "run/evaluation.h"
#include "run/policy.h"
#include "store/json.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>

static const char help[] =
    "usage: muster eval RUN_OR_CHECKPOINT [--episodes N] [--seed S] [--stochastic] [--json]\n"
    "                   [--render] [--gif FILE [--force]] [--fps F] [--max-frames N]\n"
    "\n"
    "Plays whole episodes with a trained policy; RUN is a run folder (its newest checkpoint), or name the file.\n"
    "\n"
    "  -n, --episodes N   episodes to play (default 100; with --render or --gif 1)\n"
    "  -s, --seed S       which episodes (default 1); the same seed plays the same ones\n"
    "      --stochastic   sample actions instead of taking the most probable one\n"
    "      --json         print one JSON object\n"
    "      --render       show each state as text: moving pictures on a terminal, else one below the other\n"
    "      --gif FILE     draw each state into an animated GIF\n"
    "  -f, --force        replace FILE though muster did not make it\n"
    "      --fps F        states a second (default: the environment's own pace; a GIF shows at most 50)\n"
    "      --max-frames N stop after so many states (default 5000)\n"
    "  -h, --help         this text\n";

struct eval_request {
  const char *path;
  long long episodes, seed; /* episodes: 0 stands for the default */
  bool stochastic, json;
  struct showing_request show;
};

static bool is_shown(const struct eval_request *request) {
  return request->show.text || request->show.gif.path != NULL;
}

static muster_status play(const struct eval_request *request, struct evaluation_request *evaluation,
                          struct muster_policy *policy, struct evaluation *out) {
  if (!is_shown(request)) return evaluation_run(&policy->model, evaluation, out);
  struct showing *showing = NULL;
  MUSTER_TRY(showing_create(&request->show, evaluation->type, &showing));
  evaluation->viewer = showing_viewer(showing);
  muster_status status = evaluation_run(&policy->model, evaluation, out);
  if (status == MUSTER_OK) status = showing_finish(showing, request->json);
  showing_destroy(&showing);
  return status;
}

static muster_status evaluate(const struct eval_request *request, struct muster_policy *policy,
                              struct evaluation *out) {
  muster_env_setting settings[OPTION_MAP_MAX + 1];
  run_config_env_settings(&policy->config, settings);
  struct env_source_request wanted = run_config_env_source(&policy->config);
  /* what is to be drawn has to be in this process */
  if (request->show.gif.path != NULL) wanted.isolates = false;
  struct env_source source;
  MUSTER_TRY(env_source_open(&wanted, &source));
  struct evaluation_request evaluation = {
      .type = source.type,
      .settings = settings,
      .wrappers = run_config_env_wrappers(&policy->config),
      .seed = (uint64_t)request->seed,
      .episodes = request->episodes,
      .deterministic = !request->stochastic,
  };
  muster_status status = play(request, &evaluation, policy, out);
  env_source_close(&source);
  return status;
}

static void print_json(FILE *answer, const struct eval_request *request, const struct muster_policy *policy,
                       const struct evaluation *result) {
  struct json json = json_begin(answer);
  json_open_object(&json, NULL);
  json_string(&json, "checkpoint", policy->path);
  json_string(&json, "env", policy->config.env.name);
  json_int(&json, "episodes", result->episodes);
  json_int(&json, "seed", request->seed);
  json_bool(&json, "deterministic", !request->stochastic);
  json_number(&json, "mean_return", result->mean_return);
  json_number(&json, "std_return", result->std_return);
  json_number(&json, "min_return", result->min_return);
  json_number(&json, "max_return", result->max_return);
  json_number(&json, "mean_length", result->mean_length);
  json_number(&json, "std_length", result->std_length);
  json_number(&json, "min_length", result->min_length);
  json_number(&json, "max_length", result->max_length);
  json_close_object(&json);
}

static void print_text(const struct eval_request *request, const struct muster_policy *policy,
                       const struct evaluation *result) {
  shown_print(stdout, "%s, %lld steps of training, %lld episodes, %s\n", policy->config.env.name,
              (long long)policy->total_steps, (long long)result->episodes,
              request->stochastic ? "stochastic" : "deterministic");
  if (result->episodes < request->episodes)
    printf("stopped after %lld frames (--max-frames)\n", request->show.max_frames);
  if (result->episodes == 0) return;
  printf("          %10s %10s %10s %10s\n", "mean", "std", "min", "max");
  printf("return    %10.2f %10.2f %10.2f %10.2f\n", result->mean_return, result->std_return, result->min_return,
         result->max_return);
  printf("length    %10.2f %10.2f %10.0f %10.0f\n", result->mean_length, result->std_length, result->min_length,
         result->max_length);
}

static int parse(int argc, char **argv, struct eval_request *request) {
  enum { STOCHASTIC = 1000, JSON, RENDER, GIF, FPS, MAX_FRAMES };
  static const struct option options[] = {{"episodes", required_argument, NULL, 'n'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"stochastic", no_argument, NULL, STOCHASTIC},
                                          {"json", no_argument, NULL, JSON},
                                          {"render", no_argument, NULL, RENDER},
                                          {"gif", required_argument, NULL, GIF},
                                          {"force", no_argument, NULL, 'f'},
                                          {"fps", required_argument, NULL, FPS},
                                          {"max-frames", required_argument, NULL, MAX_FRAMES},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
  for (int letter; (letter = getopt_long(argc, argv, "n:s:fh", options, NULL)) != -1;) {
    switch (letter) {
    case 'n':
      if (!command_parse_count("eval", "--episodes", optarg, 1, &request->episodes)) return EXIT_USAGE;
      break;
    case 's':
      if (!command_parse_seed("eval", optarg, &request->seed)) return EXIT_USAGE;
      break;
    case STOCHASTIC: request->stochastic = true; break;
    case JSON: request->json = true; break;
    case RENDER: request->show.text = true; break;
    case GIF: request->show.gif.path = optarg; break;
    case 'f': request->show.gif.force = true; break;
    case FPS:
      if (!command_parse_count("eval", "--fps", optarg, 1, &request->show.fps)) return EXIT_USAGE;
      break;
    case MAX_FRAMES:
      if (!command_parse_count("eval", "--max-frames", optarg, 1, &request->show.max_frames)) return EXIT_USAGE;
      break;
    case 'h': fputs(help, stdout); return EXIT_DONE;
    default: return EXIT_USAGE;
    }
  }
  if (optind + 1 != argc)
    return command_usage_error("eval", "expects one run folder or checkpoint, got %d", argc - optind);
  request->path = argv[optind];
  if (request->show.text && request->json)
    return command_usage_error("eval", "--render and --json both want standard output: give one");
  if (!is_shown(request) && (request->show.fps > 0 || request->show.max_frames > 0))
    return command_usage_error("eval", "--fps and --max-frames go with --render or --gif");
  if (request->episodes == 0) request->episodes = is_shown(request) ? 1 : 100;
  if (request->show.max_frames == 0) request->show.max_frames = 5000;
  return -1;
}

int command_eval(int argc, char **argv) {
  struct eval_request request = {.seed = 1, .show = {.gif = {.option = "--gif"}}};
  int exit_code = parse(argc, argv, &request);
  if (exit_code >= 0) return exit_code;
  blas_set_threads(1);
  /* the same file when the environment has changed the working directory */
  char home[PATH_MAX], gif[2 * PATH_MAX];
  path_here(home, sizeof home);
  if (request.show.gif.path != NULL) {
    path_absolute(home, request.show.gif.path, gif, sizeof gif);
    request.show.gif.path = gif;
  }
  FILE *answer = command_open_answer(request.json);
  struct muster_policy *policy = NULL;
  struct evaluation result;
  muster_status status = muster_policy_open(request.path, &policy);
  if (status == MUSTER_OK) status = evaluate(&request, policy, &result);
  if (status == MUSTER_OK) {
    if (request.json)
      print_json(answer, &request, policy, &result);
    else
      print_text(&request, policy, &result);
  }
  muster_policy_close(&policy);
  return command_finish("eval", command_close_answer(answer, status));
}
