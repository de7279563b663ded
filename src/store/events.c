#include "store/events.h"

#include "base/clock.h"
#include "base/file.h"
#include "store/appender.h"
#include "store/durable.h"
#include "store/events.pb-c.h"
#include "store/tfrecord.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "events.out.tfevents."
#define LAST_SECOND 9999999999 /* the largest with ten digits, as in file names */
#define FIRST_WRITE 65536      /* initial room for records that wait */
#define SESSION_START_TAG "_hparams_/session_start_info"
#define SESSION_END_TAG "_hparams_/session_end_info"

struct events {
  struct appender file; /* its pieces are records */
  size_t max_scalars;
  Tensorboard__Summary__Value *scalars;  /* [max_scalars], owned */
  Tensorboard__Summary__Value **pointer; /* [max_scalars] pointers to those in use, owned */
};

/* --- the files of a folder --- */

struct files {
  struct dirent **entry; /* [n] in the order of their names, the oldest first */
  int n;
};

static int is_event_file(const struct dirent *entry) { return strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0; }

static muster_status list_files(const char *folder, struct files *files) {
  files->n = scandir(folder, &files->entry, is_event_file, alphasort);
  if (files->n >= 0) return MUSTER_OK;
  return status_errno(MUSTER_ERROR_IO, "cannot read the folder '%s'", folder);
}

static void free_files(struct files *files) {
  for (int i = 0; i < files->n; i++) free(files->entry[i]);
  free(files->entry);
}

static muster_status make_path(const char *folder, const char *name, char path[DURABLE_PATH_SIZE]) {
  if (snprintf(path, DURABLE_PATH_SIZE, "%s/%s", folder, name) < DURABLE_PATH_SIZE) return MUSTER_OK;
  return status_error(MUSTER_ERROR_IO, "the path '%.60s...' is longer than %d bytes", path, DURABLE_PATH_SIZE);
}

void events_remove(const char *folder) {
  struct files files;
  char path[DURABLE_PATH_SIZE];
  muster_status status = list_files(folder, &files);
  if (status == MUSTER_OK) {
    for (int i = 0; i < files.n && status == MUSTER_OK; i++) {
      status = make_path(folder, files.entry[i]->d_name, path);
      if (status == MUSTER_OK) unlink(path);
    }
    free_files(&files);
  }
  muster_status_clear(&status);
}

/* --- cutting back --- */

/* whether an event is to be kept */
static bool belongs(const struct tfrecord_payload *payload, int64_t last_step) {
  Tensorboard__Event *event = tensorboard__event__unpack(NULL, payload->size, payload->bytes);
  if (event == NULL) return false;
  const Tensorboard__Summary *summary = event->what_case == TENSORBOARD__EVENT__WHAT_SUMMARY ? event->summary : NULL;
  bool ends = summary != NULL && summary->n_value > 0 && strcmp(summary->value[0]->tag, SESSION_END_TAG) == 0;
  bool stays = event->step <= last_step && !ends;
  tensorboard__event__free_unpacked(event, NULL);
  return stays;
}

/* where the last event ends that is to be kept */
static muster_status find_end(FILE *stream, const char *path, int64_t last_step, off_t *end) {
  struct tfrecord_payload payload = {0};
  bool found;
  *end = 0;
  muster_status status = tfrecord_read(stream, path, &payload, &found);
  while (status == MUSTER_OK && found && belongs(&payload, last_step)) {
    *end += (off_t)(TFRECORD_FRAME + payload.size);
    status = tfrecord_read(stream, path, &payload, &found);
  }
  free(payload.bytes);
  return status;
}

static muster_status cut_file(const char *path, int64_t last_step) {
  FILE *stream;
  MUSTER_TRY(file_open_stream(path, "r+", &stream));
  off_t end;
  muster_status status = find_end(stream, path, last_step, &end);
  if (status == MUSTER_OK && ftruncate(fileno(stream), end) != 0)
    status = status_errno(MUSTER_ERROR_IO, "cannot cut '%s' back to %lld bytes", path, (long long)end);
  fclose(stream);
  return status;
}

muster_status events_cut_back(const char *folder, int64_t last_step) {
  struct files files;
  char path[DURABLE_PATH_SIZE];
  MUSTER_TRY(list_files(folder, &files));
  muster_status status = MUSTER_OK;
  for (int i = 0; i < files.n && status == MUSTER_OK; i++) {
    status = make_path(folder, files.entry[i]->d_name, path);
    if (status == MUSTER_OK) status = cut_file(path, last_step);
  }
  free_files(&files);
  return status;
}

/* --- events --- */

static muster_status add_event(struct events *events, Tensorboard__Event *event) {
  event->wall_time = clock_wall_seconds();
  size_t size = tensorboard__event__get_packed_size(event);
  char *room;
  MUSTER_TRY(appender_reserve(&events->file, TFRECORD_FRAME + size, &room));
  unsigned char *record = (unsigned char *)room;
  tensorboard__event__pack(event, record + TFRECORD_HEADER);
  tfrecord_frame(record, size);
  appender_add(&events->file, TFRECORD_FRAME + size);
  return MUSTER_OK;
}

static muster_status add_summary(struct events *events, int64_t step, Tensorboard__Summary__Value **values, size_t n) {
  Tensorboard__Summary summary = TENSORBOARD__SUMMARY__INIT;
  summary.value = values;
  summary.n_value = n;
  Tensorboard__Event event = TENSORBOARD__EVENT__INIT;
  event.step = step;
  event.what_case = TENSORBOARD__EVENT__WHAT_SUMMARY;
  event.summary = &summary;
  return add_event(events, &event);
}

/* TensorBoard's scalars are floats: a number too large for them becomes the largest float, not infinity */
static float to_scalar(double value) {
  return isinf(value) ? (float)value : (float)fmax(-FLT_MAX, fmin(value, FLT_MAX));
}

muster_status events_add_scalars(struct events *events, int64_t step, const char *const *tags, const double *values,
                                 size_t n) {
  assert(n <= events->max_scalars);
  size_t used = 0;
  for (size_t i = 0; i < n; i++) {
    if (isnan(values[i])) continue;
    Tensorboard__Summary__Value *scalar = &events->scalars[used];
    tensorboard__summary__value__init(scalar);
    scalar->tag = (char *)tags[i];
    scalar->value_case = TENSORBOARD__SUMMARY__VALUE__VALUE_SIMPLE_VALUE;
    scalar->simple_value = to_scalar(values[i]);
    events->pointer[used++] = scalar;
  }
  return used > 0 ? add_summary(events, step, events->pointer, used) : MUSTER_OK;
}

muster_status events_add_histogram(struct events *events, int64_t step, const char *tag,
                                   const struct histogram *histogram) {
  if (histogram->n_buckets == 0) return MUSTER_OK;
  Tensorboard__HistogramProto proto = TENSORBOARD__HISTOGRAM_PROTO__INIT;
  proto.min = histogram->min;
  proto.max = histogram->max;
  proto.num = histogram->num;
  proto.sum = histogram->sum;
  proto.sum_squares = histogram->sum_squares;
  proto.n_bucket_limit = proto.n_bucket = histogram->n_buckets;
  proto.bucket_limit = (double *)histogram->limit;
  proto.bucket = (double *)histogram->count;
  Tensorboard__Summary__Value value = TENSORBOARD__SUMMARY__VALUE__INIT;
  value.tag = (char *)tag;
  value.value_case = TENSORBOARD__SUMMARY__VALUE__VALUE_HISTO;
  value.histo = &proto;
  return add_summary(events, step, &(Tensorboard__Summary__Value *){&value}, 1);
}

/* --- the session: what the HParams plug-in reads --- */

static muster_status add_session(struct events *events, int64_t step, const char *tag,
                                 const Tensorboard__HParamsPluginData *session) {
  Tensorboard__SummaryMetadata__PluginData plugin = TENSORBOARD__SUMMARY_METADATA__PLUGIN_DATA__INIT;
  plugin.plugin_name = (char *)"hparams";
  plugin.content.len = tensorboard__hparams_plugin_data__get_packed_size(session);
  plugin.content.data = malloc(plugin.content.len);
  if (plugin.content.data == NULL)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: hyper-parameters of '%s'", events->file.path);
  tensorboard__hparams_plugin_data__pack(session, plugin.content.data);
  Tensorboard__SummaryMetadata metadata = TENSORBOARD__SUMMARY_METADATA__INIT;
  metadata.plugin_data = &plugin;
  Tensorboard__Summary__Value value = TENSORBOARD__SUMMARY__VALUE__INIT;
  value.tag = (char *)tag;
  value.metadata = &metadata;
  muster_status status = add_summary(events, step, &(Tensorboard__Summary__Value *){&value}, 1);
  free(plugin.content.data);
  return status;
}

static void fill_hyperparameter(const struct hyperparameter *from, Tensorboard__SessionStartInfo__Hyperparameter *to,
                                Tensorboard__Value *value) {
  tensorboard__session_start_info__hyperparameter__init(to);
  tensorboard__value__init(value);
  to->key = (char *)from->name;
  to->value = value;
  switch (from->kind) {
  case HYPERPARAMETER_NUMBER:
    value->kind_case = TENSORBOARD__VALUE__KIND_NUMBER_VALUE;
    value->number_value = from->number;
    break;
  case HYPERPARAMETER_BOOL:
    value->kind_case = TENSORBOARD__VALUE__KIND_BOOL_VALUE;
    value->bool_value = from->number != 0;
    break;
  case HYPERPARAMETER_TEXT:
    value->kind_case = TENSORBOARD__VALUE__KIND_STRING_VALUE;
    value->string_value = (char *)from->text;
    break;
  }
}

static muster_status add_start(struct events *events, const struct hyperparameter *hyperparameters, size_t n) {
  struct {
    Tensorboard__SessionStartInfo__Hyperparameter pair;
    Tensorboard__Value value;
  } *room = malloc((n + 1) * sizeof *room);
  Tensorboard__SessionStartInfo__Hyperparameter **pairs = malloc((n + 1) * sizeof *pairs);
  muster_status status = MUSTER_OK;
  if (room == NULL || pairs == NULL) {
    status = status_error(MUSTER_ERROR_MEMORY, "out of memory: hyper-parameters of '%s'", events->file.path);
  } else {
    for (size_t i = 0; i < n; i++) {
      fill_hyperparameter(&hyperparameters[i], &room[i].pair, &room[i].value);
      pairs[i] = &room[i].pair;
    }
    Tensorboard__SessionStartInfo start = TENSORBOARD__SESSION_START_INFO__INIT;
    start.n_hparams = n;
    start.hparams = pairs;
    start.start_time_secs = clock_wall_seconds();
    Tensorboard__HParamsPluginData data = TENSORBOARD__HPARAMS_PLUGIN_DATA__INIT;
    data.data_case = TENSORBOARD__HPARAMS_PLUGIN_DATA__DATA_SESSION_START_INFO;
    data.session_start_info = &start;
    status = add_session(events, 0, SESSION_START_TAG, &data);
  }
  free(pairs);
  free(room);
  return status;
}

muster_status events_add_end(struct events *events, int64_t step) {
  Tensorboard__SessionEndInfo end = TENSORBOARD__SESSION_END_INFO__INIT;
  end.status = TENSORBOARD__SESSION_END_INFO__STATUS__STATUS_SUCCESS;
  end.end_time_secs = clock_wall_seconds();
  Tensorboard__HParamsPluginData data = TENSORBOARD__HPARAMS_PLUGIN_DATA__INIT;
  data.data_case = TENSORBOARD__HPARAMS_PLUGIN_DATA__DATA_SESSION_END_INFO;
  data.session_end_info = &end;
  return add_session(events, step, SESSION_END_TAG, &data);
}

/* --- opening --- */

/* a name as TensorFlow's, of seconds of the clock, host and process, that sorts after those of all files in the folder:
 * a clock may go back, and a run may be resumed within a second */
static muster_status choose_path(const char *folder, char path[DURABLE_PATH_SIZE]) {
  struct files files;
  MUSTER_TRY(list_files(folder, &files));
  long long seconds = (long long)clock_wall_seconds();
  long long newest = files.n > 0 ? strtoll(files.entry[files.n - 1]->d_name + strlen(PREFIX), NULL, 10) : 0;
  if (newest >= seconds && newest < LAST_SECOND) seconds = newest + 1;
  free_files(&files);
  char host[128] = "", name[256];
  gethostname(host, sizeof host - 1);
  snprintf(name, sizeof name, PREFIX "%010lld.%s.%ld.0", seconds, host, (long)getpid());
  return make_path(folder, name, path);
}

/* the events at the head of a file */
static muster_status begin(struct events *events, const struct hyperparameter *hyperparameters, size_t n,
                           int64_t after_step) {
  Tensorboard__Event version = TENSORBOARD__EVENT__INIT;
  version.what_case = TENSORBOARD__EVENT__WHAT_FILE_VERSION;
  version.file_version = (char *)"brain.Event:2";
  MUSTER_TRY(add_event(events, &version));
  if (after_step >= 0) {
    Tensorboard__SessionLog log = TENSORBOARD__SESSION_LOG__INIT;
    log.status = TENSORBOARD__SESSION_LOG__SESSION_STATUS__START;
    Tensorboard__Event restart = TENSORBOARD__EVENT__INIT;
    restart.step = after_step + 1;
    restart.what_case = TENSORBOARD__EVENT__WHAT_SESSION_LOG;
    restart.session_log = &log;
    MUSTER_TRY(add_event(events, &restart));
  }
  MUSTER_TRY(add_start(events, hyperparameters, n));
  return events_flush(events);
}

muster_status events_open(const char *folder, const struct hyperparameter *hyperparameters, size_t n,
                          int64_t after_step, size_t max_scalars, struct events **out) {
  char path[DURABLE_PATH_SIZE];
  MUSTER_TRY(choose_path(folder, path));
  struct events *events = calloc(1, sizeof *events);
  if (events == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: cannot open '%s'", path);
  events->max_scalars = max_scalars;
  events->scalars = malloc(max_scalars * sizeof *events->scalars);
  events->pointer = malloc(max_scalars * sizeof *events->pointer);
  muster_status status = appender_open(&events->file, path, FIRST_WRITE);
  if (status == MUSTER_OK && (events->scalars == NULL || events->pointer == NULL))
    status = status_error(MUSTER_ERROR_MEMORY, "out of memory: cannot open '%s'", path);
  if (status == MUSTER_OK) status = begin(events, hyperparameters, n, after_step);
  if (status != MUSTER_OK)
    events_close(&events);
  else
    *out = events;
  return status;
}

void events_close(struct events **events) {
  if (*events == NULL) return;
  appender_close(&(*events)->file);
  free((*events)->pointer);
  free((*events)->scalars);
  free(*events);
  *events = NULL;
}

muster_status events_flush(struct events *events) { return appender_flush(&events->file); }

muster_status events_sync(struct events *events) { return appender_sync(&events->file); }
