/* Which host learns, which rank gets which environments, the map of the ranks, and warnings of placements that are
 * slow. */
#include "setup/placement.h"
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

/* ranks on hosts, the same number on each, in blocks or in turn; every rank may use all cores of its host */
static struct comm_place *make_places(int ranks, int hosts, bool in_turn, int cores) {
  struct comm_place *places = calloc((size_t)ranks, sizeof *places);
  if (places == NULL) abort();
  int each = (ranks + hosts - 1) / hosts;
  for (int rank = 0; rank < ranks; rank++) {
    snprintf(places[rank].host, sizeof places[rank].host, "node%d.cluster", in_turn ? rank % hosts : rank / each);
    places[rank].host_cores = cores;
    for (int core = 0; core < cores; core++) CPU_SET(core, &places[rank].cores);
  }
  return places;
}

static void bind(struct comm_place *place, int first, int last) {
  CPU_ZERO(&place->cores);
  for (int core = first; core <= last; core++) CPU_SET(core, &place->cores);
}

static struct run_config make_config(int num_envs, const char *learner_host, enum placement_kind kind) {
  struct run_config config = {.env.num_envs = num_envs};
  config.ranks.placement = (int)kind;
  config.ranks.blas_threads = 1;
  snprintf(config.ranks.learner_host, sizeof config.ranks.learner_host, "%s", learner_host);
  return config;
}

/* the text that a function writes; the caller frees it */
static char *written(const struct placement *placement, const struct ranks_options *warns) {
  char *text;
  size_t size;
  FILE *file = open_memstream(&text, &size);
  if (file == NULL) abort();
  if (warns == NULL)
    placement_write_map(placement, file);
  else
    placement_write_warnings(placement, warns, file);
  fclose(file);
  return text;
}

static int count_lines(const char *text) {
  int lines = 0;
  for (; *text != '\0'; text++) lines += *text == '\n';
  return lines;
}

/* each environment belongs to one rank, and the ranks that act, and only these, have some */
static void check_cover(const struct placement *placement, int num_envs) {
  const struct topology *topology = &placement->topology;
  int *owners = calloc((size_t)num_envs, sizeof *owners), total = 0;
  if (owners == NULL) abort();
  for (int rank = 0; rank < topology->ranks; rank++) {
    struct env_range range = topology_envs(topology, rank);
    CU_ASSERT_EQUAL(range.count == 0, !topology_rank_acts(topology, rank));
    for (int env = range.first; env < range.first + range.count; env++) owners[env]++;
    total += range.count;
  }
  CU_ASSERT_EQUAL(total, num_envs);
  for (int env = 0; env < num_envs; env++) CU_ASSERT_EQUAL(owners[env], 1);
  free(owners);
}

static void test_cover(void) {
  for (int ranks = 1; ranks <= 12; ranks++)
    for (int hosts = 1; hosts <= 4; hosts++)
      for (int kind = 0; kind <= 1; kind++)
        for (int num_envs = ranks; num_envs < 3 * ranks; num_envs += 3) {
          struct run_config config =
              make_config(num_envs, hosts > 1 && ranks >= 8 ? "node1" : "", (enum placement_kind)kind);
          struct placement placement;
          CHECK_OK_FATAL(placement_create(&config, make_places(ranks, hosts, false, 4), ranks, 0, &placement));
          check_cover(&placement, num_envs);
          placement_release(&placement);
        }
}

/* number of environments of a host */
static int host_envs(const struct placement *placement, int host) {
  int envs = 0;
  for (int rank = 0; rank < placement->topology.ranks; rank++)
    if (placement->hosts[rank] == host) envs += topology_envs(&placement->topology, rank).count;
  return envs;
}

/* 20 environments on 16 ranks, a learner and 15 actors, five of which have two: these are packed on the first hosts, or
 * spread over all */
static void test_spread(void) {
  struct run_config config = make_config(20, "", PLACEMENT_PACKED);
  struct placement packed, spread;
  CHECK_OK_FATAL(placement_create(&config, make_places(16, 4, false, 4), 16, 3, &packed));
  config.ranks.placement = PLACEMENT_SPREAD;
  CHECK_OK_FATAL(placement_create(&config, make_places(16, 4, false, 4), 16, 3, &spread));
  const int expected_packed[] = {6, 6, 4, 4}, expected_spread[] = {4, 6, 5, 5};
  for (int host = 0; host < 4; host++) {
    CU_ASSERT_EQUAL(host_envs(&packed, host), expected_packed[host]);
    CU_ASSERT_EQUAL(host_envs(&spread, host), expected_spread[host]);
  }
  /* neighbouring ranges lie on different hosts */
  for (int rank = 0; rank < 16; rank++)
    for (int other = 0; other < 16; other++) {
      struct env_range a = topology_envs(&spread.topology, rank), b = topology_envs(&spread.topology, other);
      if (a.count > 0 && b.count > 0 && a.first + a.count == b.first)
        CU_ASSERT_NOT_EQUAL(spread.hosts[rank], spread.hosts[other]);
    }
  placement_release(&packed);
  placement_release(&spread);
}

static void test_learner_host(void) {
  struct run_config config = make_config(64, "node2", PLACEMENT_PACKED);
  struct placement placement;
  CHECK_OK_FATAL(placement_create(&config, make_places(12, 3, false, 4), 12, 8, &placement));
  CU_ASSERT_EQUAL(placement.topology.learner, 8);
  CU_ASSERT_TRUE(placement.topology.learns && !placement.topology.acts);
  CU_ASSERT_STRING_EQUAL(topology_role(&placement.topology, 8), "learner");
  CU_ASSERT_STRING_EQUAL(topology_role(&placement.topology, 0), "actor");
  CU_ASSERT_EQUAL(topology_envs(&placement.topology, 0).first, 0);
  placement_release(&placement);

  /* the whole name counts: the same name in another domain is another host */
  config = make_config(64, "node1.cluster", PLACEMENT_PACKED);
  CHECK_OK_FATAL(placement_create(&config, make_places(12, 3, true, 4), 12, 0, &placement));
  CU_ASSERT_EQUAL(placement.topology.learner, 1);
  placement_release(&placement);
  config = make_config(64, "node1.elsewhere", PLACEMENT_PACKED);
  CHECK_FAILS(placement_create(&config, make_places(12, 3, true, 4), 12, 0, &placement), MUSTER_ERROR_USAGE,
              "expects one of node0.cluster, node1.cluster, node2.cluster");
  placement_release(&placement);
  config = make_config(64, "node", PLACEMENT_PACKED);
  CHECK_FAILS(placement_create(&config, make_places(12, 3, true, 4), 12, 0, &placement), MUSTER_ERROR_USAGE,
              "ranks.learner_host: node: ");
  placement_release(&placement);

  /* thousands of hosts do not overflow the message */
  CHECK_FAILS(placement_create(&config, make_places(3000, 3000, false, 4), 3000, 0, &placement), MUSTER_ERROR_USAGE,
              "ranks.learner_host: node: ");
  placement_release(&placement);
}

static void test_map(void) {
  struct run_config config = make_config(4000, "", PLACEMENT_SPREAD);
  struct placement placement;
  CHECK_OK_FATAL(placement_create(&config, make_places(1024, 16, true, 64), 1024, 0, &placement));
  char *text = written(&placement, NULL);
  CU_ASSERT_EQUAL(count_lines(text), 1 + 17);
  for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) CU_ASSERT_TRUE(strcspn(line, "\n") < 140);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "any of 64"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "1,17,33,49,...,1009"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "(4 or 3 each)"));
  free(text);
  placement_release(&placement);

  struct comm_place *places = make_places(4, 1, false, 8);
  for (int rank = 0; rank < 4; rank++) bind(&places[rank], rank, rank);
  config = make_config(6, "", PLACEMENT_PACKED);
  CHECK_OK_FATAL(placement_create(&config, places, 4, 0, &placement));
  text = written(&placement, NULL);
  CU_ASSERT_EQUAL(count_lines(text), 3);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "0 of 8"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "1-3 of 8"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "0-5 (2 each)"));
  free(text);
  placement_release(&placement);
}

/* the warnings of a placement contain `part`; if it is NULL, there are none */
static void check_warning(struct comm_place *places, int ranks, const struct ranks_options *options, const char *part) {
  struct run_config config = make_config(64, "", PLACEMENT_PACKED);
  struct placement placement;
  CHECK_OK_FATAL(placement_create(&config, places, ranks, 0, &placement));
  char *text = written(&placement, options);
  CU_ASSERT_EQUAL(count_lines(text), part != NULL);
  if (part != NULL) CU_ASSERT_PTR_NOT_NULL(strstr(text, part));
  free(text);
  placement_release(&placement);
}

static void test_warnings(void) {
  struct ranks_options options = {.blas_threads = 1};
  check_warning(make_places(4, 1, false, 4), 4, &options, NULL);
  check_warning(make_places(5, 1, false, 4), 5, &options,
                "more ranks than cores on 1 of 1 hosts (node0.cluster: 5 on 4");
  check_warning(make_places(40, 4, false, 8), 40, &options, "on 4 of 4 hosts");
  check_warning(make_places(1, 1, false, 1), 1, &options, NULL);

  /* ranks that are bound: alone on a core; with another rank on the same core; with one that can go elsewhere */
  struct comm_place *places = make_places(3, 1, false, 4);
  for (int rank = 0; rank < 3; rank++) bind(&places[rank], rank, rank);
  check_warning(places, 3, &options, NULL);
  places = make_places(3, 1, false, 4);
  for (int rank = 0; rank < 3; rank++) bind(&places[rank], rank / 2, rank / 2);
  check_warning(places, 3, &options, "the learner (rank 0 on node0.cluster) is bound to the same cores as rank 1");
  places = make_places(3, 1, false, 4);
  bind(&places[0], 0, 0);
  check_warning(places, 3, &options, NULL);
  /* three ranks on two cores, each of which has two of them at most */
  places = make_places(3, 1, false, 4);
  bind(&places[0], 0, 1);
  bind(&places[1], 0, 0);
  bind(&places[2], 1, 1);
  check_warning(places, 3, &options, "is bound to the same cores as rank 2");
  /* the same cores on another host are other cores */
  places = make_places(2, 2, false, 4);
  bind(&places[0], 0, 0);
  bind(&places[1], 0, 0);
  check_warning(places, 2, &options, NULL);

  /* threads matter only where BLAS multiplies */
  options.blas_threads = 3;
  check_warning(make_places(2, 1, false, 4), 2, &options, NULL);
  while (strcmp(run_kernel_names[options.kernels], "blas") != 0) options.kernels++;
  check_warning(make_places(2, 1, false, 4), 2, &options,
                "more threads of BLAS than cores on 1 of 1 hosts (node0.cluster: 6 on 4");
  check_warning(make_places(1, 1, false, 4), 1, &options, NULL);
}

static const struct check_case cases[] = {
    {"environments are covered once", test_cover},
    {"spread shares them out over the hosts", test_spread},
    {"the host that learns", test_learner_host},
    {"the map", test_map},
    {"warnings", test_warnings},
};

CHECK_MAIN("placement", cases)
