/* The checks of the conformance suite. Each one notes findings in subject->examination; one without a bad finding has
 * passed, and notes that itself, with what it has seen. */
#ifndef ENV_CONFORMANCE_CHECKS_H
#define ENV_CONFORMANCE_CHECKS_H

#include "env/conformance_player.h"

/* The first check: the table and the description. The witness (an environment of which only the description is asked
 * for) is not open yet. */
void check_description(struct subject *subject);

void check_options(struct subject *subject);
void check_episodes(struct subject *subject);
void check_values(struct subject *subject);
void check_actions(struct subject *subject);
void check_determinism(struct subject *subject);
void check_randomness(struct subject *subject);
void check_seeds(struct subject *subject);
void check_resets(struct subject *subject);
void check_truncation(struct subject *subject);
void check_buffers(struct subject *subject);
void check_state(struct subject *subject);
void check_changes(struct subject *subject);
void check_blocks(struct subject *subject);
void check_text(struct subject *subject);
void check_picture(struct subject *subject);
void check_leaks(struct subject *subject);
void check_speed(struct subject *subject);
/* Opens the subject by itself, since that may change the process. */
void check_process(struct subject *subject);

#endif
