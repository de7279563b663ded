#include "runs/summary.h"

#include "runs/seeds.h"

#include <stdlib.h>
#include <string.h>

/* --- the runs --- */

static muster_status add_run(struct summary *summary, struct run_record *record) {
  MUSTER_TRY(run_record_take_failure(record));
  if (!record->is_run)
    return status_error(MUSTER_ERROR_IO, "there is no run in %s: a run folder has a config.yaml", record->path);
  if (!run_record_has_config(record)) return MUSTER_OK;
  char file[4096 + 16];
  snprintf(file, sizeof file, "%s/config.yaml", record->path);
  struct summary_run *run = &summary->runs[summary->n];
  run->record = record;
  MUSTER_TRY(run_config_read(file, &run->config));
  summary->n++;
  return MUSTER_OK;
}

/* --- groups --- */

/* room for what the runs of a group have: a value and a seed each */
struct samples {
  double *values; /* [n of the summary] */
  int64_t *seeds;
};

/* over the member at `offset` of the records of a group */
static struct run_statistics summarize(const struct summary *summary, size_t group, size_t offset,
                                       struct samples samples) {
  size_t n = 0;
  for (size_t i = 0; i < summary->n; i++) {
    if (summary->runs[i].group != group) continue;
    samples.seeds[n] = summary->runs[i].config.general.seed;
    samples.values[n++] = *(const double *)((const char *)summary->runs[i].record + offset);
  }
  n = seeds_merge(n, samples.seeds, samples.values);
  const struct statistics statistics = statistics_of(n, samples.values);
  return (struct run_statistics){n, statistics.mean, statistics.sample_std, statistics_median(n, samples.values)};
}

static size_t count_seeds(const struct summary *summary, size_t group, struct samples samples) {
  size_t n = 0;
  for (size_t i = 0; i < summary->n; i++)
    if (summary->runs[i].group == group) samples.seeds[n++] = summary->runs[i].config.general.seed;
  return seeds_count(n, samples.seeds);
}

/* gives each run its group: that of the first run with the same config */
static void find_groups(struct summary *summary) {
  for (size_t i = 0; i < summary->n; i++) {
    struct summary_run *run = &summary->runs[i];
    char difference[2];
    for (run->group = 0; run->group < summary->n_groups; run->group++) {
      const struct run_config *other = &summary->runs[summary->groups[run->group].first].config;
      if (!run_config_is_alike(other, &run->config)) continue;
      run_config_list_differences(&run->config, &other, 1, difference, sizeof difference);
      if (difference[0] == '\0') break;
    }
    if (run->group == summary->n_groups) summary->groups[summary->n_groups++] = (struct summary_group){.first = i};
    summary->groups[run->group].runs++;
    if (run->record->state == RUN_FINISHED) summary->groups[run->group].finished++;
  }
}

static int compare_runs(const void *a, const void *b) {
  const struct summary_run *x = a, *y = b;
  if (x->group != y->group) return x->group < y->group ? -1 : 1;
  int64_t seed_x = x->config.general.seed, seed_y = y->config.general.seed;
  return seed_x != seed_y ? (seed_x < seed_y ? -1 : 1) : strcmp(x->record->path, y->record->path);
}

static muster_status group_runs(struct summary *summary) {
  summary->groups = calloc(summary->n, sizeof *summary->groups);
  struct samples samples = {calloc(summary->n, sizeof *samples.values), calloc(summary->n, sizeof *samples.seeds)};
  const struct run_config **configs = calloc(summary->n, sizeof *configs);
  bool fits = summary->groups != NULL && samples.values != NULL && samples.seeds != NULL && configs != NULL;
  if (fits) {
    find_groups(summary);
    qsort(summary->runs, summary->n, sizeof *summary->runs, compare_runs);
    for (size_t i = summary->n; i-- > 0;) summary->groups[summary->runs[i].group].first = i;
    for (size_t g = 0; g < summary->n_groups; g++) configs[g] = &summary->runs[summary->groups[g].first].config;
  }
  for (size_t g = 0; g < summary->n_groups; g++) {
    struct summary_group *group = &summary->groups[g];
    group->seeds = count_seeds(summary, g, samples);
    group->mean_return = summarize(summary, g, offsetof(struct run_record, mean_return), samples);
    group->evaluation_return = summarize(summary, g, offsetof(struct run_record, evaluation_return), samples);
    group->solved_at_steps = summarize(summary, g, offsetof(struct run_record, solved_at_steps), samples);
    group->steps_per_second = summarize(summary, g, offsetof(struct run_record, average_speed), samples);
    run_config_list_differences(configs[g], configs, summary->n_groups, group->settings, sizeof group->settings);
  }
  free(samples.values);
  free(samples.seeds);
  free(configs);
  return fits ? MUSTER_OK : status_error(MUSTER_ERROR_MEMORY, "out of memory for %zu runs", summary->n);
}

/* --- all of it --- */

static muster_status read_all(struct summary *summary, const char *const *paths, int n) {
  MUSTER_TRY(run_list_find(&summary->list, paths, n));
  run_list_refresh(&summary->list);
  summary->runs = calloc((size_t)summary->list.n, sizeof *summary->runs);
  if (summary->runs == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory for %d runs", summary->list.n);
  for (int i = 0; i < summary->list.n; i++) MUSTER_TRY(add_run(summary, summary->list.records[i]));
  if (summary->n == 0) return status_error(MUSTER_ERROR_IO, "there is no run in %s yet", paths[0]);
  return group_runs(summary);
}

muster_status summary_read(const char *const *paths, int n, struct summary **out) {
  struct summary *summary = calloc(1, sizeof *summary);
  if (summary == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory for %d runs", n);
  muster_status status = read_all(summary, paths, n);
  if (status != MUSTER_OK)
    summary_destroy(&summary);
  else
    *out = summary;
  return status;
}

void summary_destroy(struct summary **handle) {
  struct summary *summary = *handle;
  if (summary == NULL) return;
  run_list_destroy(&summary->list);
  free(summary->runs);
  free(summary->groups);
  free(summary);
  *handle = NULL;
}
