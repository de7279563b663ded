/* Decimal points in numbers, whatever the locale of the process. */
#ifndef BASE_PLAIN_LOCALE_H
#define BASE_PLAIN_LOCALE_H

/* From now on this thread reads and writes numbers as the C locale does, also when some library changes the locale of
 * the process: with setlocale(LC_ALL, "") many libraries set that of the user, which may write 0,5. Every thread that
 * prints or reads numbers begins with this call. */
void plain_locale_use(void);

#endif
