#include "train/learner.h"

#include "base/format.h"
#include "base/shell.h"
#include "base/shown.h"
#include "base/terminal.h"
#include "store/durable.h"
#include "train/trace.h"

static void print_evaluation(const struct learner *learner) {
  const struct evaluation *evaluation = &learner->evaluation;
  char cut[128];
  evaluation_describe_cut(evaluation, cut);
  printf("evaluation  return %.2f +- %.2f (min %g, max %g) over %lld episode%s%s, %s%s\n", evaluation->mean_return,
         evaluation->std_return, evaluation->min_return, evaluation->max_return, (long long)evaluation->episodes,
         plural((double)evaluation->episodes), cut,
         learner->run->config.evaluation.deterministic ? "deterministic" : "stochastic",
         run_config_has_evaluation_env(&learner->run->config) ? ", with evaluation.env" : "");
}

/* the criterion that ended the run, as its option has it */
static void print_stop(const struct learner *learner) {
  const struct run_config *config = &learner->run->config;
  const struct stop_options *stop = &config->stop;
  char value[32], steps[32];
  switch (learner->stopping.criterion) {
  case STOP_BY_MEAN_RETURN: snprintf(value, sizeof value, "%g", stop->mean_return); break;
  case STOP_BY_NO_GAIN: snprintf(value, sizeof value, "%lld", (long long)stop->evaluations_without_gain); break;
  default: snprintf(value, sizeof value, "%g", stop->seconds);
  }
  terminal_format_count((double)config->general.total_steps, steps, sizeof steps);
  printf("stopped     by stop.%s: %s, before the %s step%s of total_steps\n", stopping_name(&learner->stopping), value,
         steps, plural((double)config->general.total_steps));
}

static void print_result(const struct learner *learner) {
  const struct report *report = &learner->report;
  double seconds = report_seconds(report);
  char steps[32], rate[32];
  terminal_format_count((double)learner->total_steps, steps, sizeof steps);
  terminal_format_count((double)learner->total_steps / seconds, rate, sizeof rate);
  printf("\ntrained     %s step%s in %.2f s (%s steps/s)\n", steps, plural((double)learner->total_steps), seconds,
         rate);
  if (report->solved_steps >= 0) {
    terminal_format_count((double)report->solved_steps, steps, sizeof steps);
    printf("solved      after %s step%s, %.2f s (mean return of 100 episodes >= %g)\n", steps,
           plural((double)report->solved_steps), report->solved_seconds, report->reward_threshold);
  }
  if (learner->stopping.criterion != STOP_BY_NONE) print_stop(learner);
  if (learner->has_final_evaluation) print_evaluation(learner);
  shown_print(stdout, "run folder  %s\n", learner->folder->path);
}

static void print_next(const struct learner *learner) {
  const struct run_folder *folder = learner->folder;
  const struct shell_word program = shell_program(), path = shell_quote(folder->path);
  printf("\nnext:\n");
  printf("  %s eval %s\n", program.text, path.text);
  printf("  %s inspect %s\n", program.text, path.text);
  char metrics[RUN_PATH_SIZE + 32];
  snprintf(metrics, sizeof metrics, "%s/metrics.csv", folder->path);
  printf("  less %s\n", shell_quote(metrics).text);
}

/* of a run that was asked to end: how to go on */
static void print_interrupted(const struct learner *learner) {
  if (learner->transport->command->stop == STOP_DEAD)
    log_error(&learner->run->logger,
              "processes of environments died more often than env.max_restarts (%lld) allows; mend the environment",
              (long long)learner->run->config.env_host.max_restarts);
  bool is_trained = learner->total_steps >= learner->run->config.general.total_steps;
  printf("\ninterrupted %s%lld of %lld step%s; %s. To go on:\n  %s\n",
         is_trained ? "in the evaluation at the end, after " : "after ", (long long)learner->total_steps,
         (long long)learner->run->config.general.total_steps, plural((double)learner->run->config.general.total_steps),
         learner->total_steps > 0 ? "the checkpoint is written" : "there was nothing to write yet",
         learner_resume_command(learner).text);
}

/* where the time went: the table, and the trace if there is one */
static muster_status tell_times(struct learner *learner, const struct timings *timings) {
  putchar('\n');
  MUSTER_TRY(timings_print(stdout, timings));
  char path[DURABLE_PATH_SIZE];
  MUSTER_TRY(trace_write(learner->run, path, sizeof path));
  if (path[0] != '\0') printf("\ntrace       %s (for https://ui.perfetto.dev)\n", path);
  return MUSTER_OK;
}

/* the option that ended a run which is finished; NULL: another run, which it repeats */
static const char *stopped_by(const struct learner *learner) {
  if (learner->stopping.criterion != STOP_BY_NONE) return stopping_name(&learner->stopping);
  return learner->total_steps >= learner->run->config.general.total_steps ? "total_steps" : NULL;
}

/* summary and messages; a run that was asked to end has no final evaluation, since it is to end now */
static muster_status tell_result(struct learner *learner, const struct timings *timings) {
  bool is_finished = learner->transport->command->stop == STOP_FINISHED;
  MUSTER_TRY(report_write_summary(&learner->report, learner->folder, timings, learner->total_steps,
                                  episodes_summarize(&learner->episodes), is_finished,
                                  is_finished ? stopped_by(learner) : NULL,
                                  learner->has_final_evaluation ? &learner->evaluation : NULL));
  if (is_finished) {
    MUSTER_TRY(report_end(&learner->report, learner->total_steps));
    print_result(learner);
  }
  MUSTER_TRY(tell_times(learner, timings));
  if (is_finished)
    print_next(learner);
  else
    print_interrupted(learner);
  fflush(stdout);
  return MUSTER_OK;
}

muster_status learner_finish(struct learner *learner) {
  struct timings timings;
  phases_enter(learner->run->phases, PHASE_LOOP, learner->iteration + 1);
  muster_status status = timings_collect(learner->run, &timings);
  if (status == MUSTER_OK) status = tell_result(learner, &timings);
  timings_release(&timings);
  return status;
}
