#include "algo/algorithm.h"
#include "base/format.h"
#include "base/shown.h"
#include "cli/command.h"
#include "cli/inspect_replay.h"
#include "cli/inspect_table.h"
#include "setup/config.h"
#include "store/checkpoint.h"
#include "store/json.h"
#include "train/learning_state.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] = "usage: muster inspect CHECKPOINT [--json | --digest]\n"
                           "\n"
                           "Shows what a checkpoint holds: environment, algorithm, steps, every tensor with its shape\n"
                           "and norm, the files of its replay, and the config; of a policy that is a table, such as\n"
                           "that of q-learning, also the values, and what is greedy by them: as a map where the\n"
                           "environment draws one, and as a list. CHECKPOINT is a file, or a run folder (its newest\n"
                           "one).\n"
                           "\n"
                           "      --json     print one JSON object\n"
                           "      --digest   print one hash over the state of learning alone: equal hash, equal state\n"
                           "  -h, --help     this text\n";

static const char *const text_names[] = {
    "about/env", "about/algorithm", "about/distribution", "about/muster_version", "about/git_hash", NULL};
static const char *const int_names[] = {"about/seed", "about/total_steps", "about/ranks", NULL};

/* the name under which a description is shown: its path without the group */
static const char *label(const char *path) { return strrchr(path, '/') + 1; }

/* how tensors are shown: as lines, or inside a JSON array */
struct view {
  struct checkpoint_reader *reader;
  struct json *json; /* NULL: text */
};

static void show_tensor_json(struct json *json, const struct tensor *tensor, double norm) {
  json_open_object(json, NULL);
  json_string(json, "name", tensor->name);
  json_string(json, "type", tensor_type_name(tensor->type));
  json_open_array(json, "shape");
  for (int i = 0; i < tensor->rank; i++) json_int(json, NULL, (int64_t)tensor->shape[i]);
  json_close_array(json);
  json_number(json, "norm", norm);
  if (tensor->rank == 0) json_number(json, "value", tensor_element(tensor, 0));
  json_close_object(json);
}

static void show_tensor_text(const struct tensor *tensor, double norm) {
  char shape[96] = "scalar";
  int used = 0;
  for (int i = 0; i < tensor->rank; i++)
    used += snprintf(shape + used, sizeof shape - (size_t)used, "%s%zu", i > 0 ? " x " : "", tensor->shape[i]);
  if (tensor->rank == 0)
    shown_print(stdout, "  %-28s %-8s %-14s value %.10g\n", tensor->name, tensor_type_name(tensor->type), shape,
                tensor_element(tensor, 0));
  else
    shown_print(stdout, "  %-28s %-8s %-14s norm %.6g\n", tensor->name, tensor_type_name(tensor->type), shape, norm);
}

static muster_status show_tensor(const struct tensor *described, void *context) {
  struct view *view = context;
  struct tensor tensor = *described;
  size_t bytes = tensor_bytes(&tensor);
  tensor.data = malloc(bytes > 0 ? bytes : 1);
  if (tensor.data == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: %s", tensor.name);
  muster_status status = checkpoint_read_tensor(view->reader, &tensor);
  if (status == MUSTER_OK) {
    double squares = 0;
    for (size_t i = 0; i < tensor_elements(&tensor); i++)
      squares += tensor_element(&tensor, i) * tensor_element(&tensor, i);
    if (view->json != NULL)
      show_tensor_json(view->json, &tensor, sqrt(squares));
    else
      show_tensor_text(&tensor, sqrt(squares));
  }
  free(tensor.data);
  return status;
}

static muster_status show_texts(struct view *view, const char *const *names) {
  for (; *names != NULL; names++) {
    char *text;
    MUSTER_TRY(checkpoint_read_text(view->reader, *names, &text));
    if (view->json != NULL)
      json_string(view->json, label(*names), text);
    else
      shown_print(stdout, "%-15s %s\n", label(*names), text);
    free(text);
  }
  return MUSTER_OK;
}

static muster_status show_numbers(struct view *view) {
  for (const char *const *name = int_names; *name != NULL; name++) {
    int64_t value;
    MUSTER_TRY(checkpoint_read_int(view->reader, *name, &value));
    if (view->json != NULL)
      json_int(view->json, label(*name), value);
    else
      printf("%-15s %lld\n", label(*name), (long long)value);
  }
  double mean_return;
  MUSTER_TRY(checkpoint_read_float(view->reader, "about/mean_return", &mean_return));
  if (view->json != NULL)
    json_number(view->json, "mean_return", mean_return);
  else
    printf("%-15s %g\n", "mean_return", mean_return);
  return MUSTER_OK;
}

static muster_status read_elements(struct view *view, const char *name, struct tensor *tensor) {
  *tensor = (struct tensor){.name = name};
  MUSTER_TRY(checkpoint_describe_tensor(view->reader, tensor));
  const size_t bytes = tensor_bytes(tensor);
  tensor->data = malloc(bytes > 0 ? bytes : 1);
  if (tensor->data == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: %s", name);
  return checkpoint_read_tensor(view->reader, tensor);
}

/* steps that are in a replay of which each environment has begun so many slots, its newest one open */
static muster_status count_steps(struct view *view, int64_t slots, int64_t *steps) {
  struct tensor written;
  muster_status status = read_elements(view, "replay/written", &written);
  *steps = 0;
  for (size_t i = 0; status == MUSTER_OK && i < tensor_elements(&written); i++) {
    const int64_t begun = (int64_t)tensor_element(&written, i);
    *steps += (begun < slots ? begun : slots) - (begun > 0);
  }
  free(written.data);
  return status;
}

/* how far an algorithm with a replay is: updates, and how full the replay is */
static muster_status show_replay(struct view *view) {
  if (!checkpoint_has(view->reader, "replay/written")) return MUSTER_OK;
  char *text;
  struct run_config *config = malloc(sizeof *config);
  if (config == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  int64_t steps = 0, capacity = 0, updates = 0;
  muster_status status = checkpoint_read_text(view->reader, "about/config", &text);
  if (status == MUSTER_OK) status = run_config_parse("config", text, config), free(text);
  if (status == MUSTER_OK) {
    const int64_t kept = (int64_t)algorithm_needs(run_config_algorithm(config), config->algorithm).replay;
    const int64_t envs = config->env.num_envs, each = (kept + envs - 1) / envs, slots = (each < 2 ? 2 : each) + 1;
    capacity = envs * (slots - 1);
    status = count_steps(view, slots, &steps);
  }
  free(config);
  struct tensor counter = {.name = "algorithm/updates", .type = TENSOR_I64, .data = &updates};
  if (status == MUSTER_OK) status = checkpoint_read_tensor(view->reader, &counter);
  if (status == MUSTER_OK && view->json != NULL) {
    json_int(view->json, "updates", updates);
    json_int(view->json, "replay_steps", steps);
    json_int(view->json, "replay_capacity", capacity);
  } else if (status == MUSTER_OK) {
    printf("%-15s %lld\n%-15s %lld of %lld step%s\n", "updates", (long long)updates, "replay", (long long)steps,
           (long long)capacity, plural((double)capacity));
  }
  return status;
}

static muster_status show_config(struct view *view) {
  if (view->json != NULL) return show_texts(view, (const char *const[]){"about/config", NULL});
  char *text;
  MUSTER_TRY(checkpoint_read_text(view->reader, "about/config", &text));
  printf("\nconfig\n");
  for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) shown_print(stdout, "  %s\n", line);
  free(text);
  return MUSTER_OK;
}

static muster_status show_description(struct view *view) {
  MUSTER_TRY(show_texts(view, text_names));
  /* texts that version 0.1.0 did not write */
  static const char *const later[] = {"about/kernels", NULL};
  if (checkpoint_has(view->reader, later[0])) MUSTER_TRY(show_texts(view, later));
  MUSTER_TRY(show_numbers(view));
  return show_replay(view);
}

static muster_status show_all(struct view *view, const char *path) {
  if (view->json != NULL) {
    json_open_object(view->json, NULL);
    json_string(view->json, "checkpoint", path);
  } else {
    shown_print(stdout, "%-15s %s\n", "checkpoint", path);
  }
  /* a file of a replay (train/replay_files.h) has tensors alone */
  const bool is_described = !checkpoint_has(view->reader, "replay/first");
  if (is_described) MUSTER_TRY(show_description(view));
  if (view->json != NULL)
    json_open_array(view->json, "tensors");
  else
    printf("\ntensors\n");
  MUSTER_TRY(checkpoint_for_each(view->reader, show_tensor, view));
  if (view->json != NULL) json_close_array(view->json);
  MUSTER_TRY(inspect_replay(view->reader, path, view->json));
  if (is_described) MUSTER_TRY(inspect_table_show(view->reader, view->json));
  if (is_described) MUSTER_TRY(show_config(view));
  if (view->json != NULL) json_close_object(view->json);
  return MUSTER_OK;
}

static muster_status show_digest(struct view *view) {
  char digest[CHECKPOINT_DIGEST_SIZE];
  MUSTER_TRY(checkpoint_digest(view->reader, learning_state_has, digest));
  printf("%s\n", digest);
  return MUSTER_OK;
}

int command_inspect(int argc, char **argv) {
  enum { JSON = 1000, DIGEST };
  static const struct option options[] = {
      {"json", no_argument, NULL, JSON}, {"digest", no_argument, NULL, DIGEST}, {"help", no_argument, NULL, 'h'}, {0}};
  bool as_json = false, as_digest = false;
  for (int letter; (letter = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
    switch (letter) {
    case JSON: as_json = true; break;
    case DIGEST: as_digest = true; break;
    case 'h': fputs(help, stdout); return EXIT_DONE;
    default: return EXIT_USAGE;
    }
  }
  if (optind + 1 != argc) return command_usage_error("inspect", "expects one checkpoint, got %d", argc - optind);

  char path[1100];
  struct checkpoint_reader *reader = NULL;
  struct json json = json_begin(stdout);
  muster_status status = checkpoint_resolve(argv[optind], path, sizeof path);
  if (status == MUSTER_OK) status = checkpoint_open(path, &reader);
  struct view view = {reader, as_json ? &json : NULL};
  if (status == MUSTER_OK) status = status_wrap(as_digest ? show_digest(&view) : show_all(&view, path), "%s", path);
  checkpoint_close(&reader);
  return command_finish("inspect", status);
}
