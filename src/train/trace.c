#include "train/trace.h"

#include "base/clock.h"
#include "comm/collect.h"
#include "muster/version.h"
#include "store/durable.h"
#include "store/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* at most so many events of a rank are kept for each iteration: about twice of what there are */
#define EVENTS_PER_ITERATION 24

muster_status trace_prepare(struct run *run, double zero, int64_t iteration) {
  const struct run_options *options = &run->config.run;
  if (!options->trace) return MUSTER_OK;
  struct trace_base *trace = &run->trace;
  trace->zero = zero;
  trace->iteration = iteration;
  trace->capacity = (size_t)(options->trace_iterations + 1) * EVENTS_PER_ITERATION;
  MUSTER_TRY(ARENA_TAKE(run->arena, trace->capacity, "the trace", &trace->events));
  return clock_offset_measure(run->comm, run->topology.learner, &trace->offset);
}

/* --- the events of a rank --- */

struct trace_part {
  char host[COMM_HOST_SIZE];
  int pid;         /* of its host: the first rank there */
  double accuracy; /* of the clock, seconds */
  size_t count;
  struct stage_event events[]; /* by their ends; times of the learner's clock */
};

/* a time on the learner's clock; the offset is taken to change evenly between its two measurements */
static double align(const struct clock_offset *start, const struct clock_offset *end, double moment) {
  double between = end->at - start->at, drift = end->seconds - start->seconds;
  return moment + start->seconds + (between > 0 ? drift * (moment - start->at) / between : 0.0);
}

static int first_rank_here(const struct run *run) {
  int rank = 0;
  while (rank != run->topology.rank && !comm_is_local(run->comm, rank)) rank++;
  return rank;
}

/* Copies the events of the newest iterations; whoever calls frees the part. Where each rank counts iterations for
 * itself, a message has no number that both of its ends know: it is left out. */
static muster_status make_part(const struct run *run, struct clock_offset end, struct trace_part **out) {
  const struct stages *stages = &run->phases->clock;
  const bool has_messages = run->schedule->counts_together;
  struct clock_offset start = run->trace.offset;
  clock_offset_reconcile(&start, &end);
  size_t recorded = stages_recorded(stages);
  struct trace_part *part = calloc(1, sizeof *part + recorded * sizeof *part->events);
  if (part == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: a trace of %zu events", recorded);
  const int64_t first = stages->iteration - 1 - run->config.run.trace_iterations; /* the last one is the end */
  *part = (struct trace_part){.pid = first_rank_here(run), .accuracy = fmax(start.accuracy, end.accuracy)};
  snprintf(part->host, sizeof part->host, "%s", comm_host(run->comm));
  for (size_t i = 0; i < recorded; i++) {
    struct stage_event event = *stages_event(stages, i);
    if (event.iteration < first || (event.kind > EVENT_ITERATION && !has_messages)) continue;
    event.begin = align(&start, &end, event.begin);
    event.end = align(&start, &end, event.end);
    part->events[part->count++] = event;
  }
  *out = part;
  return MUSTER_OK;
}

/* --- messages --- */

/* the learner's end of each, which all ranks get */
struct messages {
  size_t count;
  struct stage_event *events; /* [count] in the order of iterations */
};

static void copy_messages(const struct trace_part *part, struct messages *messages) {
  for (size_t i = 0; i < part->count; i++)
    if (part->events[i].kind > EVENT_ITERATION) messages->events[messages->count++] = part->events[i];
}

/* the caller frees the events, also after an error */
static muster_status share_messages(const struct run *run, const struct trace_part *part, struct messages *messages) {
  const int learner = run->topology.learner;
  size_t room = part->count;
  MUSTER_TRY(comm_broadcast(run->comm, &room, sizeof room, learner));
  messages->events = calloc(room + 1, sizeof *messages->events);
  MUSTER_TRY(comm_agree(run->comm, messages->events != NULL
                                       ? MUSTER_OK
                                       : status_error(MUSTER_ERROR_MEMORY, "out of memory: a trace's messages")));
  if (run->topology.leads) copy_messages(part, messages);
  MUSTER_TRY(comm_broadcast(run->comm, &messages->count, sizeof messages->count, learner));
  return comm_broadcast(run->comm, messages->events, messages->count * sizeof *messages->events, learner);
}

/* when a message of this kind left or reached the learner in this iteration; NAN where the trace does not say */
static double learner_moment(const struct messages *messages, int32_t kind, int64_t iteration) {
  size_t first = 0, end = messages->count;
  while (first < end) {
    size_t middle = first + (end - first) / 2;
    if (messages->events[middle].iteration < iteration)
      first = middle + 1;
    else
      end = middle;
  }
  for (; first < messages->count && messages->events[first].iteration == iteration; first++)
    if (messages->events[first].kind == kind) return messages->events[first].begin;
  return NAN;
}

/* moves an actor's times so that its messages come after they were sent; fmin() and fmax() pass over NAN */
static muster_status shift_part(const struct run *run, const struct messages *messages, struct trace_part *part) {
  double least = -INFINITY, most = INFINITY, shift;
  for (size_t i = 0; i < part->count; i++) {
    const struct stage_event *event = &part->events[i];
    if (event->kind <= EVENT_ITERATION) continue;
    const double difference = learner_moment(messages, event->kind, event->iteration) - event->begin;
    if (event->kind == EVENT_COMMAND)
      least = fmax(least, difference);
    else
      most = fmin(most, difference);
  }
  MUSTER_TRY(clock_offset_shift(run->comm, run->topology.learner, least, most, &shift));
  for (size_t i = 0; i < part->count; i++) {
    part->events[i].begin += shift;
    part->events[i].end += shift;
  }
  return MUSTER_OK;
}

/* An actor's end of an arrow: a nanosecond from the learner's where they fall together, or clocks have drifted by more
 * than a shift can mend. Viewers refuse arrows that lead backwards. */
static double arrow_moment(const struct messages *messages, const struct stage_event *event) {
  const double other = learner_moment(messages, event->kind, event->iteration), nanosecond = 1e-9;
  return event->kind == EVENT_COMMAND ? fmax(event->begin, other + nanosecond) : fmin(event->begin, other - nanosecond);
}

/* --- the file --- */

struct trace_file {
  FILE *file; /* NULL: it could not be opened */
  struct json json;
  const struct topology *topology;
  const struct messages *messages;
  double zero;
  int64_t iteration; /* before the first of this process */
};

/* takes the first name that is free, so that a resumed run keeps the trace of the one before */
static FILE *open_free(const char *folder, char *path, size_t size) {
  for (int number = 1;; number++) {
    char suffix[16] = "";
    if (number > 1) snprintf(suffix, sizeof suffix, "-%d", number);
    snprintf(path, size, "%s/trace%s.json", folder, suffix);
    FILE *file = fopen(path, "wx");
    if (file != NULL || errno != EEXIST) return file;
  }
}

/* microseconds in the file, in whole nanoseconds, so that what touches in time touches in the file */
static double microseconds(const struct trace_file *trace, double moment) {
  return (double)llround(1e9 * (moment - trace->zero)) / 1e3;
}

/* what all events have; the caller adds to the line and closes it */
static void open_event(struct trace_file *trace, const char *name, const char *phase, int pid, int rank) {
  struct json *json = &trace->json;
  json_open_line(json, NULL);
  json_string(json, "name", name);
  json_string(json, "ph", phase);
  json_int(json, "pid", pid);
  json_int(json, "tid", rank);
}

static void write_name(struct trace_file *trace, const char *what, const char *name, int pid, int rank) {
  open_event(trace, what, "M", pid, rank);
  json_open_object(&trace->json, "args");
  json_string(&trace->json, "name", name);
  json_close_object(&trace->json);
  json_close_object(&trace->json);
}

static void write_names(struct trace_file *trace, const struct trace_part *part, int rank) {
  char text[COMM_HOST_SIZE + 64];
  int length = snprintf(text, sizeof text, "%s", part->host);
  if (part->accuracy > 0)
    snprintf(text + length, sizeof text - (size_t)length, ", clock within %.1f us", 1e6 * part->accuracy);
  if (rank == part->pid) write_name(trace, "process_name", text, part->pid, rank);
  snprintf(text, sizeof text, "rank %d (%s)", rank, topology_role(trace->topology, rank));
  write_name(trace, "thread_name", text, part->pid, rank);
}

static const char *slice_name(const struct stage_event *event) {
  if (event->kind < STAGES) return stage_names[event->kind];
  return event->steps > 0 ? "iteration" : "end";
}

/* an iteration, what follows the last one, or a stage */
static void write_slice(struct trace_file *trace, const struct trace_part *part, int rank,
                        const struct stage_event *event) {
  struct json *json = &trace->json;
  double begin = microseconds(trace, event->begin), end = microseconds(trace, event->end);
  open_event(trace, slice_name(event), "X", part->pid, rank);
  json_number(json, "ts", begin);
  json_number(json, "dur", round(1e3 * (end - begin)) / 1e3);
  json_open_object(json, "args");
  json_int(json, "iteration", trace->iteration + event->iteration + 1);
  if (event->kind == EVENT_ITERATION) json_int(json, "steps", event->steps);
  json_close_object(json);
  json_close_object(json);
}

/* the learner's steps per second, from the iteration's begin to its end */
static void write_rate(struct trace_file *trace, const struct trace_part *part, int rank,
                       const struct stage_event *event) {
  struct json *json = &trace->json;
  open_event(trace, "steps/s", "C", part->pid, rank);
  json_number(json, "ts", microseconds(trace, event->begin));
  json_open_object(json, "args");
  json_number(json, "steps/s", (double)event->steps / (event->end - event->begin));
  json_close_object(json);
  json_close_object(json);
}

/* one end of the arrow of a message between the learner and an actor */
static void write_arrow_end(struct trace_file *trace, const struct trace_part *part, int rank, int actor,
                            const struct stage_event *event, double moment) {
  struct json *json = &trace->json;
  bool is_command = event->kind == EVENT_COMMAND, starts = is_command == (rank == trace->topology->learner);
  /* viewers match both ends by a number, which no other arrow has; Perfetto takes no words */
  int64_t number = (trace->iteration + event->iteration + 1) * trace->topology->ranks + actor;
  open_event(trace, is_command ? "command" : "rollout", starts ? "s" : "f", part->pid, rank);
  json_string(json, "cat", "message");
  json_int(json, "id", 2 * number + !is_command);
  /* the arrow of a command ends in the stage in which it comes, that of a rollout where the learner has all of them */
  if (!starts && is_command) json_string(json, "bp", "e");
  json_number(json, "ts", microseconds(trace, moment));
  json_close_object(json);
}

/* an actor has one end of an arrow, the learner one for each actor */
static void write_arrow_ends(struct trace_file *trace, const struct trace_part *part, int rank,
                             const struct stage_event *event) {
  const struct topology *topology = trace->topology;
  if (rank != topology->learner) {
    write_arrow_end(trace, part, rank, rank, event, arrow_moment(trace->messages, event));
    return;
  }
  for (int actor = 0; actor < topology->ranks; actor++)
    if (actor != rank && topology_rank_acts(topology, actor))
      write_arrow_end(trace, part, rank, actor, event, event->begin);
}

static muster_status write_part(void *context, int rank, const void *data, size_t bytes) {
  (void)bytes;
  struct trace_file *trace = context;
  const struct trace_part *part = data;
  if (trace->file == NULL) return MUSTER_OK;
  write_names(trace, part, rank);
  for (size_t i = 0; i < part->count; i++) {
    const struct stage_event *event = &part->events[i];
    if (event->kind > EVENT_ITERATION)
      write_arrow_ends(trace, part, rank, event);
    else
      write_slice(trace, part, rank, event);
    if (event->kind == EVENT_ITERATION && event->steps > 0 && rank == trace->topology->learner)
      write_rate(trace, part, rank, event);
  }
  return MUSTER_OK;
}

/* opens the file on the learner; on other ranks there is none */
static struct trace_file begin_file(const struct run *run, const struct messages *messages, char *path, size_t size) {
  const struct trace_base *base = &run->trace;
  struct trace_file trace = {
      .topology = &run->topology, .messages = messages, .zero = base->zero, .iteration = base->iteration};
  if (!run->topology.leads) return trace;
  trace.file = open_free(run->folder, path, size);
  if (trace.file == NULL) {
    log_warn(&run->logger, "no trace: cannot write %s: %s", path, strerror(errno));
    path[0] = '\0';
    return trace;
  }
  trace.json = json_begin(trace.file);
  json_open_object(&trace.json, NULL);
  json_string(&trace.json, "displayTimeUnit", "ms");
  json_open_object(&trace.json, "otherData");
  json_string(&trace.json, "muster", MUSTER_VERSION);
  json_string(&trace.json, "env", run->config.env.name);
  json_string(&trace.json, "algorithm", run->config.algorithm_name);
  json_int(&trace.json, "ranks", run->topology.ranks);
  json_close_object(&trace.json);
  json_open_array(&trace.json, "traceEvents");
  return trace;
}

static void end_file(const struct run *run, struct trace_file *trace, char *path) {
  if (trace->file == NULL) return;
  json_close_array(&trace->json);
  json_close_object(&trace->json);
  bool failed = ferror(trace->file) != 0;
  failed |= fclose(trace->file) != 0;
  if (!failed) return;
  log_warn(&run->logger, "no trace: cannot write %s: %s", path, strerror(errno));
  unlink(path);
  path[0] = '\0';
}

/* the events of a rank, on the learner's clock; the caller frees both, also after an error */
static muster_status prepare_part(struct run *run, struct messages *messages, struct trace_part **part) {
  struct clock_offset end;
  MUSTER_TRY(clock_offset_measure(run->comm, run->topology.learner, &end));
  MUSTER_TRY(comm_agree(run->comm, make_part(run, end, part)));
  MUSTER_TRY(share_messages(run, *part, messages));
  return shift_part(run, messages, *part);
}

muster_status trace_write(struct run *run, char *path, size_t size) {
  if (run->topology.leads) path[0] = '\0';
  if (!run->config.run.trace) return MUSTER_OK;
  struct messages messages = {0};
  struct trace_part *part = NULL;
  muster_status status = prepare_part(run, &messages, &part);
  if (status == MUSTER_OK) {
    struct trace_file trace = begin_file(run, &messages, path, size);
    status = comm_collect(run->comm, run->topology.learner, part, sizeof *part + part->count * sizeof *part->events,
                          write_part, &trace);
    end_file(run, &trace, path);
  }
  free(part);
  free(messages.events);
  return status;
}

void trace_write_alone(struct run *run) {
  if (!run->config.run.trace) return;
  stages_end_iteration(&run->phases->clock, 0);
  const struct messages none = {0};
  struct trace_part *part;
  muster_status status = make_part(run, run->trace.offset, &part);
  if (status == MUSTER_OK) {
    char path[DURABLE_PATH_SIZE];
    struct trace_file trace = begin_file(run, &none, path, sizeof path);
    status = write_part(&trace, run->topology.rank, part, 0);
    free(part);
    end_file(run, &trace, path);
  }
  muster_status_clear(&status);
}
