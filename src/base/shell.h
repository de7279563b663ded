/* Commands in hints, written so that a user can copy them into a shell: words are quoted where they need it, and this
 * program has the name by which the user's shell finds it. */
#ifndef BASE_SHELL_H
#define BASE_SHELL_H

/* Room for a path of 4095 bytes even if each byte needs quotes of its own, and a terminating zero. */
#define SHELL_WORD_SIZE (4 * 4096 + 3)
/* Three such words, and what stands between them. */
#define SHELL_COMMAND_SIZE (3 * SHELL_WORD_SIZE + 128)

/* Returned by value, so that a hint is one expression: printf("%s eval %s", shell_program().text,
 * shell_quote(path).text). */
struct shell_word {
  char text[SHELL_WORD_SIZE];
};
struct shell_command {
  char text[SHELL_COMMAND_SIZE];
};

/* `word` as a POSIX shell reads it back, byte for byte: as it is, or in single quotes. */
struct shell_word shell_quote(const char *word);

/* How the user calls this program, quoted: `muster` where PATH leads to it, else the path it was started by, relative
 * where it lies below the working directory. `muster`, too, where this process is another program that uses muster as a
 * library. */
struct shell_word shell_program(void);

/* The command with which the user started training on `ranks` ranks, up to and including the word `train`: with
 * scripts/train, with mpirun and its options where the command line of mpirun can be read, or the program alone. */
struct shell_command shell_train(int ranks);

#endif
