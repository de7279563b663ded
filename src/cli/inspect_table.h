/* What `muster inspect` shows of a policy that is a table (policy_request.table): its values, and the greedy policy,
 * drawn by the environment where it can (render_policy of muster/env.h). */
#ifndef CLI_INSPECT_TABLE_H
#define CLI_INSPECT_TABLE_H

#include "store/checkpoint.h"
#include "store/json.h"

/* Shows the table of a checkpoint; nothing where its policy is none. As lines on standard output with json NULL, else
 * as an object "table" in the one that is open. Errors: those of reading. */
MUSTER_CHECKED muster_status inspect_table_show(struct checkpoint_reader *reader, struct json *json);

#endif
