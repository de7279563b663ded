/* Numbers with a point, whatever the locale of the process. */
#ifndef BASE_PLAIN_LOCALE_H
#define BASE_PLAIN_LOCALE_H

/* From now on this thread reads and writes numbers as the C locale does, also when some library changes the locale of
 * the process: with setlocale(LC_ALL, "") many take that of the user, who may write 0,5. Threads that print or read
 * numbers each begin with it. */
void plain_locale_use(void);

#endif
