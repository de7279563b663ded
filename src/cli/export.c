#include "policy/export.h"
#include "base/shown.h"
#include "cli/command.h"
#include "store/checkpoint.h"
#include "store/output.h"
#include "train/learning_state.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "usage: muster export RUN FILE.onnx [--stochastic] [--force]\n"
    "\n"
    "Writes a trained policy as an ONNX model, which programs such as onnxruntime run without muster. RUN is a run "
    "folder\n"
    "(its newest checkpoint) or a checkpoint. The model normalises observations, and brings actions within their "
    "bounds,\n"
    "as in training.\n"
    "\n"
    "  input obs          [batch, ...], as the environment gives them: float, uint8 for images, int64 for discrete "
    "kinds\n"
    "  input action_mask  bool [batch, choices], where the environment masks its actions: false = never chosen\n"
    "  input noise        float [batch, n], with --stochastic alone: random numbers, from which actions are drawn:\n"
    "                     standard normal ones for Box actions, else uniform ones in [0, 1)\n"
    "  output action      [batch, ...], float or int64\n"
    "\n"
    "      --stochastic   draw actions; without it the most probable ones are taken\n"
    "  -f, --force        replace FILE though muster did not make it\n"
    "  -h, --help         this text\n";

struct arguments {
  struct policy_export_request request;
  struct output_request output;
  const char *run;
};

/* returns -1 to go on, else an exit code */
static int parse(int argc, char **argv, struct arguments *arguments) {
  enum { STOCHASTIC = 1000 };
  static const struct option options[] = {{"stochastic", no_argument, NULL, STOCHASTIC},
                                          {"force", no_argument, NULL, 'f'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
  for (int letter; (letter = getopt_long(argc, argv, "fh", options, NULL)) != -1;) {
    switch (letter) {
    case STOCHASTIC: arguments->request.stochastic = true; break;
    case 'f': arguments->output.force = true; break;
    case 'h': fputs(help, stdout); return EXIT_DONE;
    default: return EXIT_USAGE;
    }
  }
  if (optind + 2 != argc)
    return command_usage_error("export", "expects a run or checkpoint and the file to write, got %d", argc - optind);
  arguments->run = argv[optind];
  arguments->output.path = argv[optind + 1];
  return -1;
}

static muster_status find_digest(const char *path, char digest[CHECKPOINT_DIGEST_SIZE]) {
  struct checkpoint_reader *reader;
  MUSTER_TRY(checkpoint_open(path, &reader));
  muster_status status = checkpoint_digest(reader, learning_state_has, digest);
  checkpoint_close(&reader);
  return status;
}

static muster_status write_model(struct arguments *arguments, const struct muster_policy *policy) {
  char digest[CHECKPOINT_DIGEST_SIZE];
  uint8_t *bytes;
  size_t size;
  MUSTER_TRY(find_digest(policy->path, digest));
  arguments->request.digest = digest;
  MUSTER_TRY(status_wrap(policy_export(policy, &arguments->request, &bytes, &size), "%s", policy->path));
  muster_status status = output_write(&arguments->output, bytes, size);
  free(bytes);
  return status;
}

int command_export(int argc, char **argv) {
  struct arguments arguments = {.output = {.option = "FILE"}};
  int exit_code = parse(argc, argv, &arguments);
  if (exit_code >= 0) return exit_code;
  muster_policy *policy = NULL;
  muster_status status = output_check(&arguments.output);
  if (status == MUSTER_OK) status = muster_policy_open(arguments.run, &policy);
  if (status == MUSTER_OK) status = write_model(&arguments, policy);
  if (status == MUSTER_OK && !output_is_stdout(arguments.output.path))
    shown_print(stdout, "%s\n", arguments.output.path);
  muster_policy_close(&policy);
  return command_finish("export", status);
}
