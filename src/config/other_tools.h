/* Keys of rl-zoo and Stable-Baselines3 that muster does not have, or has under another name. */
#ifndef CONFIG_OTHER_TOOLS_H
#define CONFIG_OTHER_TOOLS_H

/* A text that says what such a key is called in muster, or what it is and what to do without it. Only the last word of
 * `key` is compared, since rl-zoo has no sections. NULL for any other key. */
const char *other_tools_advice(const char *key);

#endif
