#include "store/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int number_print(double value, char text[NUMBER_SIZE]) {
  if (fabs(value) < 1e15 && trunc(value) == value) return snprintf(text, NUMBER_SIZE, "%.0f", value);
  /* A text of at most DBL_DIG digits that reads back as a normal value is what DBL_DIG digits print: no shorter one is
   * missed. */
  int digits = fabs(value) < DBL_MIN ? 1 : DBL_DIG, length;
  do length = snprintf(text, NUMBER_SIZE, "%.*g", digits, value);
  while (strtod(text, NULL) != value && ++digits <= DBL_DIG + 2);
  return length;
}
