/* Numbers as text for the files that other programs read. */
#ifndef STORE_NUMBER_H
#define STORE_NUMBER_H

#define NUMBER_SIZE 32

/* Writes a finite value in the shortest decimal form that reads back to the same double; whole numbers below 1e15
 * without an exponent. Returns the length. */
int number_print(double value, char text[NUMBER_SIZE]);

#endif
