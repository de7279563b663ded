#include "setup/placement.h"

#include <stdlib.h>
#include <string.h>

/* --- who is where --- */

/* whether two names are of one host: equal, or one of them is the other without its domain */
static bool is_same_host(const char *a, const char *b) {
  size_t short_a = strcspn(a, "."), short_b = strcspn(b, ".");
  if (a[short_a] != '\0' && b[short_b] != '\0') return strcmp(a, b) == 0;
  return short_a == short_b && strncmp(a, b, short_a) == 0;
}

/* numbers the hosts in the order of their first ranks, and the ranks of each */
static void number_hosts(struct placement *placement) {
  for (int rank = 0; rank < placement->topology.ranks; rank++) {
    int before = rank - 1;
    while (before >= 0 && strcmp(placement->places[before].host, placement->places[rank].host) != 0) before--;
    placement->hosts[rank] = before < 0 ? placement->n_hosts++ : placement->hosts[before];
    placement->local_ranks[rank] = before < 0 ? 0 : placement->local_ranks[before] + 1;
  }
}

/* the first rank of the host that is to learn */
static muster_status find_learner(const struct placement *placement, const char *wanted, int *learner) {
  int ranks = placement->topology.ranks;
  *learner = 0;
  if (wanted[0] == '\0') return MUSTER_OK;
  for (int rank = 0; rank < ranks; rank++) {
    *learner = rank;
    if (placement->local_ranks[rank] == 0 && is_same_host(placement->places[rank].host, wanted)) return MUSTER_OK;
  }
  char names[1024] = "";
  size_t length = 0;
  for (int rank = 0; rank < ranks && length < sizeof names - COMM_HOST_SIZE - 8; rank++)
    if (placement->local_ranks[rank] == 0)
      length += (size_t)snprintf(names + length, sizeof names - length, "%s%s", length > 0 ? ", " : "",
                                 placement->places[rank].host);
  return status_error(MUSTER_ERROR_USAGE, "ranks.learner_host: %s: no rank of this job is there; expects one of %s",
                      wanted, names);
}

/* all ranks in the order in which they become learners: first `learner` and the ranks after it on its host, then those
 * of the other hosts, host by host */
static void list_learners(struct placement *placement, int learner) {
  int ranks = placement->topology.ranks, n = 0;
  for (int i = 0; i < placement->n_hosts; i++) {
    int host = (placement->hosts[learner] + i) % placement->n_hosts;
    for (int rank = 0; rank < ranks; rank++)
      if (placement->hosts[rank] == host) placement->group[n++] = rank;
  }
}

muster_status placement_create(const struct run_config *config, struct comm_place *places, int ranks, int rank,
                               struct placement *placement) {
  size_t count = (size_t)ranks;
  *placement = (struct placement){
      .topology = topology_create(ranks, rank, (int32_t)config->env.num_envs),
      .places = places,
      .hosts = calloc(count, sizeof(int)),
      .local_ranks = calloc(count, sizeof(int)),
      .turns = calloc(count, sizeof(int)),
      .group = calloc(count, sizeof(int)),
  };
  if (placement->hosts == NULL || placement->local_ranks == NULL || placement->turns == NULL ||
      placement->group == NULL)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: places of %d ranks", ranks);
  number_hosts(placement);
  int learner;
  MUSTER_TRY(find_learner(placement, config->ranks.learner_host, &learner));
  struct topology *topology = &placement->topology;
  list_learners(placement, learner);
  topology_set_group(topology, placement->group, run_config_learners(config, ranks), config->ranks.colocate);
  if (config->ranks.placement == PLACEMENT_SPREAD)
    topology_spread(topology, placement->local_ranks, placement->turns);
  else
    topology_pack(topology, placement->turns);
  return MUSTER_OK;
}

muster_status placement_gather(const struct run_config *config, struct comm *comm, struct placement *placement) {
  const struct comm_place mine = comm_place(comm);
  struct comm_place *places = calloc((size_t)comm_size(comm), sizeof *places);
  if (places == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: places of %d ranks", comm_size(comm));
  muster_status status = comm_gather(comm, &mine, sizeof mine, places);
  if (status == MUSTER_OK) return placement_create(config, places, comm_size(comm), comm_rank(comm), placement);
  free(places);
  return status;
}

void placement_release(struct placement *placement) {
  free(placement->places);
  free(placement->hosts);
  free(placement->local_ranks);
  free(placement->turns);
  free(placement->group);
  *placement = (struct placement){.places = NULL};
}

int placement_host_ranks(const struct placement *placement, int host) {
  int count = 0;
  for (int rank = 0; rank < placement->topology.ranks; rank++) count += placement->hosts[rank] == host;
  return count;
}

/* --- the map --- */

/* Writes ascending numbers for people: "0-3,8,10-12"; of a long list only the beginning and the end. */
struct number_list {
  char text[80];
  int first, last, pieces;
};

#define PIECES 4

static void end_piece(struct number_list *list, bool is_end) {
  if (list->pieces == 0) return;
  size_t length = strlen(list->text);
  char *at = list->text + length;
  const char *comma = list->pieces > 1 ? "," : "";
  if (list->pieces > PIECES && !is_end) return;
  if (list->pieces > PIECES + 1) comma = ",...,";
  if (list->first == list->last)
    snprintf(at, sizeof list->text - length, "%s%d", comma, list->first);
  else
    snprintf(at, sizeof list->text - length, "%s%d-%d", comma, list->first, list->last);
}

static void list_add(struct number_list *list, int first, int last) {
  if (list->pieces > 0 && first == list->last + 1) {
    list->last = last;
    return;
  }
  end_piece(list, false);
  list->first = first;
  list->last = last;
  list->pieces++;
}

static const char *list_end(struct number_list *list) {
  end_piece(list, true);
  return list->pieces > 0 ? list->text : "-";
}

/* the ranks of one role on one host */
struct map_line {
  int rank; /* the first of them */
  int count;
  struct number_list ranks, envs;
  int fewest_envs, most_envs;
  cpu_set_t cores; /* of all of them together */
};

static void map_add(const struct placement *placement, int rank, struct map_line *line) {
  if (line->count++ == 0) *line = (struct map_line){.rank = rank, .count = 1, .fewest_envs = INT32_MAX};
  list_add(&line->ranks, rank, rank);
  struct env_range range = topology_envs(&placement->topology, rank);
  if (range.count > 0) list_add(&line->envs, range.first, range.first + range.count - 1);
  if (range.count < line->fewest_envs) line->fewest_envs = range.count;
  if (range.count > line->most_envs) line->most_envs = range.count;
  CPU_OR(&line->cores, &line->cores, &placement->places[rank].cores);
}

static void write_cores(const struct placement *placement, const struct map_line *line, char *text, size_t size) {
  const struct comm_place *place = &placement->places[line->rank];
  if (CPU_COUNT(&place->cores) >= place->host_cores) {
    snprintf(text, size, "any of %d", place->host_cores);
    return;
  }
  struct number_list cores = {.pieces = 0};
  for (int core = 0; core < CPU_SETSIZE; core++)
    if (CPU_ISSET(core, &line->cores)) list_add(&cores, core, core);
  snprintf(text, size, "%s of %d", list_end(&cores), place->host_cores);
}

static void write_line(const struct placement *placement, int host_width, struct map_line *line, FILE *file) {
  char cores[112], each[48] = "";
  write_cores(placement, line, cores, sizeof cores);
  if (line->count > 1 && line->most_envs > 0 && line->fewest_envs == line->most_envs)
    snprintf(each, sizeof each, " (%d each)", line->most_envs);
  else if (line->count > 1 && line->most_envs > 0)
    snprintf(each, sizeof each, " (%d or %d each)", line->most_envs, line->fewest_envs);
  const char *ranks = list_end(&line->ranks), *envs = list_end(&line->envs);
  fprintf(file, "%-*s  %-17s  %5d  %-19s  %-14s  %s%s\n", host_width, placement->places[line->rank].host,
          topology_role(&placement->topology, line->rank), line->count, ranks, cores, envs, each);
}

void placement_write_map(const struct placement *placement, FILE *file) {
  const struct topology *topology = &placement->topology;
  int host_width = 4;
  for (int rank = 0; rank < topology->ranks; rank++)
    if ((int)strlen(placement->places[rank].host) > host_width) host_width = (int)strlen(placement->places[rank].host);
  fprintf(file, "%-*s  %-17s  %5s  %-19s  %-14s  %s\n", host_width, "host", "role", "ranks", "which", "cores",
          "environments");
  for (int host = 0; host < placement->n_hosts; host++) {
    struct map_line learners = {.count = 0}, actors = {.count = 0};
    for (int rank = 0; rank < topology->ranks; rank++)
      if (placement->hosts[rank] == host)
        map_add(placement, rank, topology_rank_learns(topology, rank) ? &learners : &actors);
    if (learners.count > 0) write_line(placement, host_width, &learners, file);
    if (actors.count > 0) write_line(placement, host_width, &actors, file);
  }
}

/* --- warnings --- */

/* prints on how many hosts there are more of something than cores, and where it is worst */
static void warn_crowded(const struct placement *placement, int each, const char *what, const char *cure, FILE *file) {
  int crowded = 0, worst = 0, worst_count = 0;
  double worst_load = 0;
  for (int rank = 0; rank < placement->topology.ranks; rank++) {
    if (placement->local_ranks[rank] != 0) continue;
    int count = each * placement_host_ranks(placement, placement->hosts[rank]);
    double load = (double)count / placement->places[rank].host_cores;
    crowded += load > 1;
    if (load <= worst_load) continue;
    worst_load = load;
    worst_count = count;
    worst = rank;
  }
  if (crowded == 0) return;
  const struct comm_place *place = &placement->places[worst];
  fprintf(file, "warning: more %s than cores on %d of %d hosts (%s: %d on %d cores): %s\n", what, crowded,
          placement->n_hosts, place->host, worst_count, place->host_cores, cure);
}

/* the number of ranks that are bound to no other cores than the learner's, including itself; `*other`: one of them */
static int count_ranks_on_learners_cores(const struct placement *placement, int *other) {
  const int learner = placement->topology.learner;
  const cpu_set_t *own = &placement->places[learner].cores;
  int count = 0;
  for (int rank = 0; rank < placement->topology.ranks; rank++) {
    cpu_set_t outside;
    if (placement->hosts[rank] != placement->hosts[learner]) continue;
    CPU_XOR(&outside, &placement->places[rank].cores, own);
    CPU_AND(&outside, &outside, &placement->places[rank].cores);
    if (CPU_COUNT(&outside) > 0) continue;
    count++;
    if (rank != learner) *other = rank;
  }
  return count;
}

static void warn_learner_bound(const struct placement *placement, FILE *file) {
  const int learner = placement->topology.learner;
  const struct comm_place *place = &placement->places[learner];
  int cores = CPU_COUNT(&place->cores), other = learner;
  if (cores >= place->host_cores || count_ranks_on_learners_cores(placement, &other) <= cores) return;
  fprintf(file,
          "warning: the learner (rank %d on %s) is bound to the same cores as rank %d, and waits for it: "
          "mpirun --bind-to core with no more ranks than cores, or --bind-to none\n",
          learner, place->host, other);
}

void placement_write_warnings(const struct placement *placement, const struct ranks_options *options, FILE *file) {
  warn_crowded(placement, 1, "ranks", "they take turns; start fewer ranks, or use more hosts", file);
  warn_learner_bound(placement, file);
  if (strcmp(run_kernel_names[options->kernels], "blas") == 0 && options->blas_threads > 1)
    warn_crowded(placement, (int)options->blas_threads, "threads of BLAS", "lower ranks.blas_threads", file);
}
