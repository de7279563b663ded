/* Keys of rl-zoo and Stable-Baselines3 that muster does not have, or calls otherwise. */
#ifndef CONFIG_OTHER_TOOLS_H
#define CONFIG_OTHER_TOOLS_H

/* What such a key is called here, or what it is and what to do without it; by its last word, since rl-zoo has no
 * sections. NULL for any other key. */
const char *other_tools_advice(const char *key);

#endif
