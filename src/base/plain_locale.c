#include "base/plain_locale.h"

#include <locale.h>

void plain_locale_use(void) {
  locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (plain != (locale_t)0) uselocale(plain);
}
