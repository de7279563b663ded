#include "store/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int number_print(double value, char text[NUMBER_SIZE]) {
  if (fabs(value) < 1e15 && trunc(value) == value) return snprintf(text, NUMBER_SIZE, "%.0f", value);
  int length = 0;
  for (int digits = 1; digits <= 17; digits++) {
    length = snprintf(text, NUMBER_SIZE, "%.*g", digits, value);
    if (strtod(text, NULL) == value) break;
  }
  return length;
}
