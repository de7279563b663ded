#include "base/shown.h"
#include "cli/command.h"
#include "env/conformance.h"
#include "env/plugin.h"
#include "env/source.h"
#include "store/json.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: muster check-env NAME|PLUGIN [--name NAME] [--option KEY=VALUE]... [--json]\n"
    "\n"
    "Holds an environment to the contract of muster/env.h: a built-in one by its name, or those of a plug-in\n"
    "(./libmyenv.so). PASS: the contract is kept; NOTE: allowed, but good to know; FAIL: broken, with what was\n"
    "expected and what to do. Each check runs in a process of its own: a crash is a line of the report.\n"
    "\n"
    "  -n, --name NAME          of a plug-in with several environments, only this one\n"
    "  -o, --option KEY=VALUE   an option of the environment; may be repeated\n"
    "  -s, --seed S             which episodes are played (default 1)\n"
    "  -t, --timeout SECONDS    after which a check counts as hanging (default 60)\n"
    "      --json               print a JSON array, an object for each environment\n"
    "  -h, --help               this text\n"
    "\n"
    "Exit codes: 0 the contract is kept, 1 it is broken, 2 wrong use.\n";

#define MAX_OPTIONS 64

struct check_request {
  const char *subject, *name;
  long long seed, seconds;
  bool json;
  int n_options;
  muster_env_setting options[MAX_OPTIONS + 1];
};

/* ---- printing ---- */

static void print_text(const muster_env_type *type, const struct conformance_report *report) {
  for (int32_t i = 0; i < report->count; i++) {
    const struct conformance_finding *finding = &report->finding[i];
    shown_print(stdout, "%s  %-15s %s", conformance_verdict_name(finding->verdict), finding->check, finding->text);
    if (finding->count > 1) printf(" (the first of %d times", (int)finding->count);
    if (finding->also[0] != '\0') printf("; also in: %s", finding->also);
    puts(finding->count > 1 ? ")" : "");
  }
  shown_print(stdout, "%s: %s the contract (%d passed, %d notes, %d failures)\n", type->name,
              report->failures > 0 ? "BREAKS" : "keeps", (int)report->passes, (int)report->notes,
              (int)report->failures);
}

/* null for what was not measured */
static double measured(double steps_per_second) { return steps_per_second > 0 ? steps_per_second : NAN; }

static void print_json(struct json *json, const muster_env_type *type, const struct conformance_report *report) {
  json_open_object(json, NULL);
  json_string(json, "env", type->name);
  json_bool(json, "keeps_contract", report->failures == 0);
  json_int(json, "failures", report->failures);
  json_int(json, "notes", report->notes);
  json_number(json, "steps_per_second", measured(report->steps_per_second));
  json_number(json, "pool_steps_per_second", measured(report->pool_steps_per_second));
  json_open_array(json, "findings");
  for (int32_t i = 0; i < report->count; i++) {
    json_open_object(json, NULL);
    json_string(json, "verdict", conformance_verdict_name(report->finding[i].verdict));
    json_string(json, "check", report->finding[i].check);
    json_string(json, "text", report->finding[i].text);
    json_int(json, "count", report->finding[i].count);
    json_string(json, "also_in", report->finding[i].also);
    json_close_object(json);
  }
  json_close_array(json);
  json_close_object(json);
}

/* ---- checking ---- */

static muster_status check(const struct check_request *request, const muster_env_type *type, struct json *json,
                           bool *fails) {
  const struct conformance_request wanted = {.type = type,
                                             .options = request->options,
                                             .seed = (uint64_t)request->seed,
                                             .check_seconds = (int)request->seconds};
  struct conformance_report *report = malloc(sizeof *report);
  if (report == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  muster_status status = conformance_run(&wanted, report);
  if (status == MUSTER_OK) {
    *fails |= report->failures > 0;
    if (request->json)
      print_json(json, type, report);
    else
      print_text(type, report);
  }
  free(report);
  return status;
}

/* the environments of a plug-in: all, or the one that was named */
static muster_status check_plugin(const struct check_request *request, struct json *json, bool *fails) {
  char found[1024];
  struct env_plugin *plugin;
  MUSTER_TRY(env_plugin_locate(request->subject, NULL, found, sizeof found));
  MUSTER_TRY(env_plugin_open(found, &plugin));
  muster_status status = MUSTER_OK;
  if (request->name != NULL) {
    const muster_env_type *type;
    status = env_plugin_find(plugin, request->name, &type);
    if (status == MUSTER_OK) status = check(request, type, json, fails);
  } else {
    const muster_env_type *const *type = env_plugin_types(plugin);
    for (; *type != NULL && status == MUSTER_OK; type++) status = check(request, *type, json, fails);
  }
  env_plugin_close(&plugin);
  return status;
}

/* one that is built in, or one of Python */
static muster_status check_named(const struct check_request *request, struct json *json, bool *fails) {
  const struct env_source_request wanted = {.name = request->subject};
  struct env_source source;
  MUSTER_TRY(env_source_open(&wanted, &source));
  muster_status status = check(request, source.type, json, fails);
  env_source_close(&source);
  return status;
}

static muster_status check_all(const struct check_request *request, FILE *answer, bool *fails) {
  struct json json = json_begin(answer);
  if (request->json) json_open_array(&json, NULL);
  if (command_is_plugin(request->subject)) {
    MUSTER_TRY(check_plugin(request, &json, fails));
  } else {
    MUSTER_TRY(check_named(request, &json, fails));
  }
  if (request->json) json_close_array(&json);
  return MUSTER_OK;
}

/* ---- the command line ---- */

/* splits KEY=VALUE in place */
static bool add_option(struct check_request *request, char *text) {
  char *equals = strchr(text, '=');
  if (equals == NULL || equals == text || request->n_options == MAX_OPTIONS) return false;
  *equals = '\0';
  request->options[request->n_options++] = (muster_env_setting){text, equals + 1};
  return true;
}

/* returns -1 to go on, else an exit code */
static int parse(int argc, char **argv, struct check_request *request) {
  enum { JSON = 1000 };
  static const struct option options[] = {{"name", required_argument, NULL, 'n'},
                                          {"option", required_argument, NULL, 'o'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"timeout", required_argument, NULL, 't'},
                                          {"json", no_argument, NULL, JSON},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
  for (int letter; (letter = getopt_long(argc, argv, "n:o:s:t:h", options, NULL)) != -1;) {
    switch (letter) {
    case 'n': request->name = optarg; break;
    case 'o':
      if (!add_option(request, optarg))
        return command_usage_error("check-env", "--option: \"%s\": expects key=value", optarg);
      break;
    case 's':
      if (!command_parse_seed("check-env", optarg, &request->seed)) return EXIT_USAGE;
      break;
    case 't':
      if (!command_parse_range("check-env", "--timeout", optarg, 1, 1000000, &request->seconds)) return EXIT_USAGE;
      break;
    case JSON: request->json = true; break;
    case 'h': fputs(help, stdout); return EXIT_DONE;
    default: return EXIT_USAGE;
    }
  }
  if (optind + 1 != argc)
    return command_usage_error("check-env", "expects one environment or plug-in, got %d", argc - optind);
  request->subject = argv[optind];
  if (request->name != NULL && !command_is_plugin(request->subject))
    return command_usage_error("check-env", "--name is for a plug-in; \"%s\" is the name of an environment",
                               request->subject);
  return -1;
}

int command_check_env(int argc, char **argv) {
  struct check_request request = {.seed = 1, .seconds = 60};
  int exit_code = parse(argc, argv, &request);
  if (exit_code >= 0) return exit_code;
  bool fails = false;
  FILE *answer = command_open_answer(request.json);
  muster_status status = check_all(&request, answer, &fails);
  exit_code = command_finish("check-env", command_close_answer(answer, status));
  return exit_code == EXIT_DONE && fails ? EXIT_FAILED : exit_code;
}
