#include "bench/single_rank.h"

muster_status single_rank_create(const char *text, struct single_rank *single) {
  struct run_config config;
  *single = (struct single_rank){0};
  MUSTER_TRY(run_config_parse("muster bench", text, &config));
  return single_rank_create_for(&config, single);
}

muster_status single_rank_begin(const struct run_config *config, struct single_rank *single) {
  *single = (struct single_rank){0};
  MUSTER_TRY(comm_create_alone(&single->comm));
  MUSTER_TRY(run_create(config, NULL, "", single->comm, &single->run));
  single->run.logger.level = LOG_WARN;
  return gathering_create(&single->run, &single->gathering);
}

muster_status single_rank_create_for(const struct run_config *config, struct single_rank *single) {
  MUSTER_TRY(single_rank_begin(config, single));
  return transport_create(NULL, &single->gathering, NULL, &single->transport);
}

void single_rank_release(struct single_rank *single) {
  transport_release(&single->transport);
  gathering_release(&single->gathering);
  run_release(&single->run);
  comm_destroy(&single->comm);
}
