/* When an option counts: the conditions of option_spec.only_when, "KEY is VALUE", "KEY is VALUE, VALUE", or "KEY is not
 * VALUE". KEY is another option of the same table, as the table has it; a VALUE is written as option_format() writes
 * it, and one that ends with * stands for all that begin so. */
#ifndef CONFIG_CONDITION_H
#define CONFIG_CONDITION_H

#include "config/option.h"

/* The option that the condition of `option` is about; NULL where there is no such option, or the text is no condition.
 */
const struct option_spec *condition_subject(const struct option_table *table, const struct option_spec *option);

/* Whether an option with a condition counts under the other values of `object`; true where the condition is none. */
bool condition_holds(const struct option_table *table, const struct option_spec *option, const void *object);

#endif
