/* Keys of rl-zoo and Stable-Baselines3, and names of algorithms, that muster does not have, or has under another name.
 */
#ifndef CONFIG_OTHER_TOOLS_H
#define CONFIG_OTHER_TOOLS_H

/* A text that says what such a key is called in muster, or what it is and what to do without it. Only the last word of
 * `key` is compared, since rl-zoo has no sections. NULL for any other key. */
const char *other_tools_advice(const char *key);

/* The algorithm of muster, with its options, that is known by this name elsewhere ("qrdqn"); NULL for any other name.
 */
const char *other_tools_algorithm(const char *name);

#endif
