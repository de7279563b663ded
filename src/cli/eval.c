#include "base/format.h"
#include "base/path.h"
#include "base/shown.h"
#include "cli/command.h"
#include "cli/renderer.h"
#include "comm/collect.h"
#include "math/blas.h"
#include "policy/policy.h"
#include "store/checkpoint.h"
#include "store/durable.h"
#include "store/json.h"
#include "train/evaluation.h"

#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: [mpirun -n N] muster eval RUN_OR_CHECKPOINT [--episodes N] [--seed S] [--stochastic] [--json]\n"
    "                   [--set env.KEY=VALUE]... [--render] [--gif FILE [--force]] [--fps F] [--max-frames N]\n"
    "\n"
    "Plays whole episodes with a trained policy; RUN is a run folder (its newest checkpoint), or name the file. The "
    "ranks\n"
    "of a job share the episodes, and the result is the same. Where the run's config has an evaluation.env, that is "
    "what\n"
    "is played. An episode that neither the environment nor the config limits is cut off at 10000 steps.\n"
    "\n"
    "  -n, --episodes N   episodes to play (default 100; with --render or --gif 1)\n"
    "  -s, --seed S       which episodes (default 1); the same seed plays the same ones\n"
    "      --stochastic   sample actions instead of taking the most probable one\n"
    "      --set KEY=VALUE\n"
    "                     another environment than the run's: env.options.KEY, env.plugin (where it lies now),\n"
    "                     env.max_steps, env.name and the other options of env; may be repeated\n"
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
  const char **sets; /* [n_sets] assignments to env.* */
  size_t n_sets;
  struct renderer_request show;
};

static bool is_shown(const struct eval_request *request) {
  return request->show.text || request->show.gif.path != NULL;
}

/* only one process can show what it plays */
static muster_status play_shown(const struct eval_request *request, struct evaluation_request *evaluation,
                                struct muster_policy *policy, struct evaluation *out) {
  struct renderer *renderer = NULL;
  MUSTER_TRY(renderer_create(&request->show, evaluation->type, &renderer));
  evaluation->viewer = renderer_viewer(renderer);
  muster_status status = evaluation_run(&policy->model, evaluation, out);
  if (status == MUSTER_OK) status = renderer_finish(renderer, request->json);
  renderer_destroy(&renderer);
  return status;
}

/* where the first rank collects the episodes of all ranks; the order of ranks is the order of episodes */
struct gathered {
  struct evaluated_episode *episodes;
  size_t n;
};

static muster_status take_episodes(void *context, int rank, const void *data, size_t bytes) {
  struct gathered *gathered = context;
  (void)rank;
  if (bytes > 0) memmove(gathered->episodes + gathered->n, data, bytes);
  gathered->n += bytes / sizeof *gathered->episodes;
  return MUSTER_OK;
}

static muster_status play_part(const struct evaluation_request *part, struct model *model,
                               struct evaluated_episode *episodes) {
  struct evaluation_player *player = NULL;
  bool is_done;
  if (part->episodes == 0) return MUSTER_OK;
  muster_status status = evaluation_player_create(part, episodes, &player);
  if (status == MUSTER_OK) status = evaluation_player_begin(player);
  if (status == MUSTER_OK) status = evaluation_player_play(player, model, INFINITY, &is_done);
  evaluation_player_destroy(&player);
  return status;
}

/* each rank plays a part of the episodes, and the first rank gets the results of all. Collective. */
static muster_status play_together(const struct evaluation_request *whole, struct muster_policy *policy,
                                   struct comm *comm, struct evaluation *out) {
  const int64_t rank = comm_rank(comm), ranks = comm_size(comm), n = whole->episodes;
  struct evaluation_request part = *whole;
  part.first = (int32_t)(n * rank / ranks);
  part.episodes = (int32_t)(n * (rank + 1) / ranks) - part.first;
  struct gathered gathered = {.episodes = calloc((size_t)n, sizeof *gathered.episodes)};
  muster_status status = gathered.episodes == NULL
                             ? status_error(MUSTER_ERROR_MEMORY, "out of memory: %lld episodes", (long long)n)
                             : play_part(&part, &policy->model, gathered.episodes);
  status = comm_agree(comm, status);
  if (status == MUSTER_OK)
    status = comm_collect(comm, 0, gathered.episodes, (size_t)part.episodes * sizeof *gathered.episodes, take_episodes,
                          &gathered);
  if (status == MUSTER_OK && rank == 0) status = evaluation_summarize(gathered.episodes, (size_t)n, out);
  free(gathered.episodes);
  return status;
}

static muster_status play(const struct eval_request *request, struct evaluation_request *evaluation,
                          struct muster_policy *policy, struct comm *comm, struct evaluation *out) {
  if (!is_shown(request)) return play_together(evaluation, policy, comm, out);
  return comm_rank(comm) == 0 ? play_shown(request, evaluation, policy, out) : MUSTER_OK;
}

/* `config`: that of the run, with the environment to be played */
static muster_status evaluate(const struct eval_request *request, const struct run_config *config,
                              struct muster_policy *policy, struct comm *comm, struct evaluation *out) {
  muster_env_setting settings[RUN_CONFIG_ENV_SETTINGS];
  run_config_env_settings(config, settings);
  struct env_source_request wanted = run_config_env_source(config);
  /* an environment can be drawn only in this process */
  if (request->show.gif.path != NULL) wanted.isolates = false;
  struct env_source source = {0};
  struct curriculum curriculum;
  run_config_curriculum(config, &curriculum);
  MUSTER_TRY(comm_agree(comm, env_source_open(&wanted, &source)));
  struct evaluation_request evaluation = {
      .type = source.type,
      .settings = settings,
      .curriculum = &curriculum,
      .wrappers = run_config_env_wrappers(config),
      .observation = &policy->observation,
      .action = &policy->action,
      .seed = (uint64_t)request->seed,
      .episodes = (int32_t)request->episodes,
      .deterministic = !request->stochastic,
  };
  muster_status status = play(request, &evaluation, policy, comm, out);
  env_source_close(&source);
  return status;
}

static void print_json(FILE *answer, const struct eval_request *request, const struct run_config *config,
                       const struct muster_policy *policy, const struct evaluation *result) {
  struct json json = json_begin(answer);
  json_open_object(&json, NULL);
  json_string(&json, "checkpoint", policy->path);
  json_string(&json, "env", config->env.name);
  json_bool(&json, "evaluation_env", run_config_has_evaluation_env(&policy->config));
  json_open_array(&json, "set");
  for (size_t i = 0; i < request->n_sets; i++) json_string(&json, NULL, request->sets[i]);
  json_close_array(&json);
  json_int(&json, "episodes", result->episodes);
  json_int(&json, "cut_episodes", result->cut);
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

static void print_text(const struct eval_request *request, const struct run_config *config,
                       const struct muster_policy *policy, const struct evaluation *result) {
  char cut[128];
  evaluation_describe_cut(result, cut);
  shown_print(stdout, "%s, %lld step%s of training, %lld episode%s%s, %s%s", config->env.name,
              (long long)policy->total_steps, plural((double)policy->total_steps), (long long)result->episodes,
              plural((double)result->episodes), cut, request->stochastic ? "stochastic" : "deterministic",
              run_config_has_evaluation_env(&policy->config) ? ", with the run's evaluation.env" : "");
  for (size_t i = 0; i < request->n_sets; i++) shown_print(stdout, ", %s", request->sets[i]);
  putchar('\n');
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
  enum { STOCHASTIC = 1000, SET, JSON, RENDER, GIF, FPS, MAX_FRAMES };
  static const struct option options[] = {{"episodes", required_argument, NULL, 'n'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"stochastic", no_argument, NULL, STOCHASTIC},
                                          {"set", required_argument, NULL, SET},
                                          {"json", no_argument, NULL, JSON},
                                          {"render", no_argument, NULL, RENDER},
                                          {"gif", required_argument, NULL, GIF},
                                          {"force", no_argument, NULL, 'f'},
                                          {"fps", required_argument, NULL, FPS},
                                          {"max-frames", required_argument, NULL, MAX_FRAMES},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
  opterr = command_speaks();
  for (int letter; (letter = getopt_long(argc, argv, "n:s:fh", options, NULL)) != -1;) {
    switch (letter) {
    case 'n':
      if (!command_parse_count("eval", "--episodes", optarg, 1, &request->episodes)) return EXIT_USAGE;
      if (request->episodes > INT32_MAX)
        return command_usage_error("eval", "--episodes: %s: expects at most %d", optarg, INT32_MAX);
      break;
    case 's':
      if (!command_parse_seed("eval", optarg, &request->seed)) return EXIT_USAGE;
      break;
    case STOCHASTIC: request->stochastic = true; break;
    case SET: request->sets[request->n_sets++] = optarg; break;
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
    case 'h':
      if (command_speaks()) fputs(help, stdout);
      return EXIT_DONE;
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

/* all ranks open the checkpoint that the first rank has found: a run that is still training may write a newer one at
 * any moment */
static muster_status open_policy(const char *path, struct comm *comm, struct muster_policy **policy) {
  char found[DURABLE_PATH_SIZE] = "";
  muster_status status = comm_rank(comm) == 0 ? checkpoint_resolve(path, found, sizeof found) : MUSTER_OK;
  MUSTER_TRY(comm_agree(comm, status));
  MUSTER_TRY(comm_broadcast(comm, found, sizeof found, 0));
  return comm_agree(comm, muster_policy_open(found, policy));
}

static muster_status run(const struct eval_request *request, FILE *answer, struct comm *comm) {
  struct muster_policy *policy = NULL;
  struct evaluation result;
  struct run_config *config = malloc(sizeof *config);
  muster_status status = config == NULL ? status_error(MUSTER_ERROR_MEMORY, "out of memory") : MUSTER_OK;
  if (status == MUSTER_OK) status = open_policy(request->path, comm, &policy);
  if (status == MUSTER_OK) {
    *config = policy->config;
    status = comm_agree(comm, run_config_change_env(policy->path, request->sets, request->n_sets, config));
  }
  if (status == MUSTER_OK) status = evaluate(request, config, policy, comm, &result);
  bool prints = status == MUSTER_OK && comm_rank(comm) == 0;
  if (prints && request->json) print_json(answer, request, config, policy, &result);
  if (prints && !request->json) print_text(request, config, policy, &result);
  muster_policy_close(&policy);
  free(config);
  return status;
}

/* an error that all ranks have is printed once */
static int finish(struct comm *comm, muster_status status) {
  bool speaks;
  bool knows = muster_status_message(status)[0] != '\0';
  int exit_code = comm_agree_exit_code(comm, status_exit_code(status), knows, &speaks);
  if (status != MUSTER_OK && (speaks || comm_size(comm) == 1)) return command_finish("eval", status);
  muster_status_clear(&status);
  if (comm_rank(comm) != 0) return exit_code;
  const int printed = command_finish("eval", MUSTER_OK);
  return exit_code != EXIT_DONE ? exit_code : printed;
}

/* the whole command, once the arguments are read */
static int evaluate_together(struct eval_request *request, struct comm *comm) {
  /* made absolute, since the environment may change the working directory */
  char home[PATH_MAX], gif[2 * PATH_MAX];
  path_here(home, sizeof home);
  if (request->show.gif.path != NULL) {
    path_absolute(home, request->show.gif.path, gif, sizeof gif);
    request->show.gif.path = gif;
  }
  FILE *answer = command_open_answer(request->json);
  return finish(comm, command_close_answer(answer, run(request, answer, comm)));
}

int command_eval(int argc, char **argv) {
  struct eval_request request = {
      .seed = 1, .show = {.gif = {.option = "--gif"}}, .sets = calloc((size_t)argc, sizeof *request.sets)};
  if (request.sets == NULL) return command_finish("eval", status_error(MUSTER_ERROR_MEMORY, "out of memory"));
  int exit_code = parse(argc, argv, &request);
  /* a rank that prints nothing must not fail: mpirun could end the printing rank before its message is out */
  if (exit_code == EXIT_USAGE && !command_speaks()) exit_code = EXIT_DONE;
  if (exit_code < 0) {
    struct comm *comm;
    blas_set_threads(1);
    muster_status status = comm_create(&argc, &argv, &comm);
    if (status != MUSTER_OK) {
      exit_code = command_finish("eval", status);
    } else {
      exit_code = evaluate_together(&request, comm);
      comm_destroy(&comm);
    }
  }
  free(request.sets);
  return exit_code;
}
