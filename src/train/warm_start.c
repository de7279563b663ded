#include "train/warm_start.h"

#include "store/checkpoint.h"
#include "train/learning_state.h"

#include "config/text.h"

#include <stdlib.h>
#include <string.h>

static const char normalizer_name[] = "normalizer", optimizer_name[] = "optimizer";

struct warm_start {
  struct checkpoint_reader *reader;
  char path[RUN_PATH_SIZE + 96];
};

/* whether a name stands for the tensor: it is its name, or that of a network or layer that it belongs to */
static bool names_tensor(const char *name, const char *tensor) {
  const size_t length = strlen(name);
  return strncmp(name, tensor, length) == 0 && (tensor[length] == '/' || tensor[length] == '\0');
}

static bool list_names(const struct option_text_list *list, const char *tensor) {
  for (int32_t i = 0; i < list->count; i++)
    if (names_tensor(list->items[i], tensor)) return true;
  return false;
}

static bool is_learned(const struct model *model, const struct parameter *parameter) {
  return parameter->offset < model->learned_count;
}

/* the networks of a run, "policy, value" */
static void write_networks(const struct model *model, char *text, size_t size) {
  const struct parameters *parameters = &model->parameters;
  char last[64] = "";
  struct text_sink sink = text_sink_start(text, size);
  for (int i = 0; i < parameters->tensors && is_learned(model, &parameters->tensor[i]); i++) {
    char network[64];
    snprintf(network, sizeof network, "%.*s", (int)strcspn(parameters->tensor[i].name, "/"),
             parameters->tensor[i].name);
    if (strcmp(network, last) == 0) continue;
    text_print(&sink, "%s%s", last[0] != '\0' ? ", " : "", network);
    strcpy(last, network);
  }
}

/* refuses a name that stands for nothing that the run learns */
static muster_status check_names(const struct model *model, const char *key, const struct option_text_list *list,
                                 bool has_state) {
  const struct parameters *parameters = &model->parameters;
  for (int32_t i = 0; i < list->count; i++) {
    const char *name = list->items[i];
    bool is_known = has_state && (strcmp(name, normalizer_name) == 0 || strcmp(name, optimizer_name) == 0);
    for (int k = 0; k < parameters->tensors && !is_known; k++)
      is_known = is_learned(model, &parameters->tensor[k]) && names_tensor(name, parameters->tensor[k].name);
    if (is_known) continue;
    char networks[512];
    write_networks(model, networks, sizeof networks);
    return status_error(MUSTER_ERROR_USAGE,
                        "%s: %s is nothing that this run learns; expects networks of %s%s, or their "
                        "layers (policy/0)",
                        key, name, networks, has_state ? ", normalizer, optimizer" : "");
  }
  return MUSTER_OK;
}

/* takes the status; what is wrong with the source is wrong use */
static muster_status as_usage(muster_status status) {
  if (status == MUSTER_OK) return MUSTER_OK;
  muster_status usage = status_error(MUSTER_ERROR_USAGE, "train.from: %s", muster_status_message(status));
  muster_status_clear(&status);
  return usage;
}

/* --- the source --- */

/* notes the digest and the steps of the source in the config, or refuses one that is another than the config says */
static muster_status check_digest(struct warm_start *start, struct train_options *options) {
  char digest[CHECKPOINT_DIGEST_SIZE];
  MUSTER_TRY(checkpoint_digest(start->reader, learning_state_has, digest));
  if (options->from_digest[0] != '\0' && strcmp(options->from_digest, digest) != 0)
    return status_error(MUSTER_ERROR_FORMAT, "%s has the digest %s, not %s as train.from_digest says", start->path,
                        digest, options->from_digest);
  strcpy(options->from_digest, digest);
  return checkpoint_read_int(start->reader, CHECKPOINT_STEPS, &options->from_steps);
}

static muster_status open_source(struct warm_start *start, struct train_options *options) {
  MUSTER_TRY(checkpoint_resolve(options->from, start->path, sizeof start->path));
  MUSTER_TRY(checkpoint_open(start->path, &start->reader));
  return check_digest(start, options);
}

/* whether the run goes on from a checkpoint of its own, in which all is that it took from the source */
static muster_status has_own_checkpoint(const struct learner *learner, bool *has) {
  char name[RUN_PATH_SIZE] = "";
  if (learner->folder != NULL && learner->folder->resumes)
    MUSTER_TRY(checkpoint_newest_name(learner->folder->checkpoints, name, sizeof name));
  *has = name[0] != '\0';
  return MUSTER_OK;
}

muster_status warm_start_open(struct learner *learner, struct warm_start **out) {
  struct train_options *options = &learner->run->config.train;
  bool goes_on;
  if (options->from[0] == '\0') return MUSTER_OK;
  MUSTER_TRY(has_own_checkpoint(learner, &goes_on));
  if (goes_on) return MUSTER_OK;
  struct warm_start *start = calloc(1, sizeof *start);
  if (start == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  muster_status status = as_usage(open_source(start, options));
  if (status == MUSTER_OK)
    *out = start;
  else
    warm_start_close(&start);
  return status;
}

void warm_start_close(struct warm_start **start) {
  if (*start == NULL) return;
  checkpoint_close(&(*start)->reader);
  free(*start);
  *start = NULL;
}

/* --- loading --- */

static muster_status load_tensor(struct warm_start *start, const struct tensor *tensor) {
  if (!checkpoint_has(start->reader, tensor->name))
    return status_error(MUSTER_ERROR_USAGE,
                        "train.from: %s has no %s, which this run has; name in train.load what is "
                        "to be taken from it",
                        start->path, tensor->name);
  return as_usage(checkpoint_restore_tensor(start->reader, tensor));
}

muster_status warm_start_load_parameters(struct warm_start *start, struct learner *learner) {
  if (start == NULL) return MUSTER_OK;
  struct model *model = &learner->model;
  const struct option_text_list *load = &learner->run->config.train.load;
  const struct parameters *parameters = &model->parameters;
  MUSTER_TRY(check_names(model, "train.load", load, true));
  for (int i = 0; i < parameters->tensors; i++) {
    const struct parameter *parameter = &parameters->tensor[i];
    if (!is_learned(model, parameter) || !(load->is_null || list_names(load, parameter->name))) continue;
    const struct tensor tensor = parameter_tensor(parameters, parameter);
    MUSTER_TRY(load_tensor(start, &tensor));
  }
  /* target copies begin as what they copy */
  memset(parameters->values + model->learned_count, 0,
         (parameters->count - model->learned_count) * sizeof *parameters->values);
  model_update_targets(model, 1.0f);
  return MUSTER_OK;
}

/* all but the returns of episodes that are under way, which this run does not have */
static muster_status load_normalizer(struct warm_start *start, struct learner *learner) {
  struct tensor list[NORMALIZER_STATE];
  const int n = normalizer_state(&learner->normalizer, list);
  const bool is_wanted = list_names(&learner->run->config.train.load, normalizer_name);
  if (n == 0 && is_wanted)
    return status_error(MUSTER_ERROR_USAGE,
                        "train.load: normalizer: this run normalises nothing; expects normalize.norm_obs: true");
  for (int i = 0; i < n; i++)
    if (strcmp(list[i].name, "normalizer/returns") != 0) MUSTER_TRY(load_tensor(start, &list[i]));
  normalizer_publish(&learner->normalizer);
  return MUSTER_OK;
}

static muster_status load_optimizer(struct warm_start *start, struct learner *learner) {
  struct tensor list[ALGORITHM_MAX_STATE];
  const int n = algorithm_state(learner->type, learner->algorithm, list);
  int loaded = 0;
  for (int i = 0; i < n; i++) {
    if (!names_tensor(optimizer_name, list[i].name)) continue;
    MUSTER_TRY(load_tensor(start, &list[i]));
    loaded++;
  }
  if (loaded > 0) return MUSTER_OK;
  return status_error(MUSTER_ERROR_USAGE, "train.load: optimizer: %s has none", learner->type->name);
}

muster_status warm_start_load_state(struct warm_start *start, struct learner *learner) {
  if (start == NULL) return MUSTER_OK;
  const struct option_text_list *load = &learner->run->config.train.load;
  if (load->is_null || list_names(load, normalizer_name)) MUSTER_TRY(load_normalizer(start, learner));
  if (list_names(load, optimizer_name)) MUSTER_TRY(load_optimizer(start, learner));
  log_info(&learner->run->logger, "begins from %s, digest %s", start->path, learner->run->config.train.from_digest);
  return MUSTER_OK;
}

/* --- freezing --- */

muster_status warm_start_freeze(struct learner *learner) {
  struct parameters *parameters = &learner->model.parameters;
  const struct option_text_list *freeze = &learner->run->config.train.freeze;
  MUSTER_TRY(check_names(&learner->model, "train.freeze", freeze, false));
  for (int i = 0; i < parameters->tensors; i++) {
    parameters->tensor[i].is_frozen = list_names(freeze, parameters->tensor[i].name);
    parameters->has_frozen |= parameters->tensor[i].is_frozen;
  }
  return MUSTER_OK;
}
