/** base/err.h: one error value that knows where it happened.
 *
 *  Three verdicts.  BUG: our own mistake, abort with file and line.  die: the machine failed (memory, MPI), leave at
 *  once.  Return -1 with a filled `struct err`: the user's input or one job is at fault, and the program goes on.
 *  A `struct err` has a fixed size: nothing is allocated while failing, and it travels over MPI as bytes.
 */
#ifndef TOMBOLA_BASE_ERR_H
#define TOMBOLA_BASE_ERR_H

#include "base/checked.h"

#include <stdbool.h>
#include <stddef.h>

enum err_kind {
    ERR_NONE,
    ERR_SPEC,     /* usage or sweep file                  */
    ERR_IO,       /* a file is not there, not readable or not ours */
    ERR_LOCKED,   /* another run owns the store           */
    ERR_STORE,    /* the store is damaged                 */
    ERR_FULL,     /* the disk or a quota is full          */
    ERR_DISK,     /* the disk or the file system fails    */
    ERR_DIVERGED, /* a loss was not finite: fails one job */
    ERR_JOB,      /* anything else that fails one job     */
    ERR_STOPPED,  /* asked to leave early                 */
    ERR_INTERNAL,
    ERR_KINDS
};

// clang-format off
/** How the program ends: X(constant EXIT_..., code, name for scripts, meaning). */
#define EXIT_CODES(X) \
    X(EXIT_DONE, 0, "done", "all done") \
    X(EXIT_INTERNAL, 1, "internal", "internal error") \
    X(EXIT_USAGE, 2, "usage", "usage, a fault in the sweep file, or a path that cannot be used: nothing there, no permission, a " \
                              "read-only file system") \
    X(EXIT_LACKING, 3, "lacking", "finished, but some jobs failed or are blocked (skipped ones are no failure), or something asked for is " \
                                  "missing") \
    X(EXIT_LOCKED, 4, "locked", "the store is locked by another run") \
    X(EXIT_DAMAGE, 5, "damage", "the store is damaged, a disk fails or is full, or standard output cannot be written") \
    X(EXIT_STOPPED, 75, "stopped", "stopped early: the same command goes on") \
    X(EXIT_INTERRUPTED, 130, "interrupted", "interrupted twice")
// clang-format on
#define EXIT_CONSTANT(constant, code, name, means) constant = code,
enum exit_code { EXIT_CODES(EXIT_CONSTANT) };
struct exit_row {
    int code;
    const char *name, *means;
};
/** The same as a table; ends with name NULL. */
extern const struct exit_row exit_table[];

/** A place in a text file, counted from 1; line 0 means nowhere. */
struct mark {
    int line, col;
};
#define NOWHERE ((struct mark){ 0, 0 })

struct err {
    enum err_kind kind;
    struct mark at;
    char file[160]; /* "" if no file is at fault            */
    char path[128]; /* "grids[2].training.lr", "" if none   */
    char text[512]; /* what is wrong, what is allowed       */
};

/** Fill *e and return -1, so that `return err_set(e, ...)` reads well.  The first error wins: a filled *e is kept. */
int err_set(struct err *e, enum err_kind kind, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** The same with a place.  file and path may be NULL. */
int err_at(struct err *e, enum err_kind kind, const char *file, struct mark at, const char *path, const char *format,
           ...) __attribute__((format(printf, 6, 7)));

/** Write "file:line:col: path: text" without the parts that are empty.  Returns out. */
char *err_text(const struct err *e, char *out, size_t size);

/** What an errno means for a file: ERR_FULL of a full disk, a quota or a limit on the file's size, ERR_IO where its
 * name or its permissions are at fault, else ERR_DISK. */
enum err_kind err_kind_of(int number);
/** The same where the disk is at fault, else `usual`. */
enum err_kind err_kind_or(int number, enum err_kind usual);

/** The exit code that the kind of *e stands for. */
int err_exit_code(const struct err *e);

/** Errors gathered so that a user sees all of a file's at once.  Counts past the limit are kept, texts are not. */
struct err_list {
    struct err *item;
    size_t count, seen;
};
#define ERR_LIST_LIMIT 100
/** Append a copy of *e and clear *e for the next one. */
void err_list_add(struct err_list *list, struct err *e);
void err_list_release(struct err_list *list);

/** Print to stderr, exit 1.  For failures of the machine only. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void bug_at(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4), noreturn));
#define BUG(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
/** An assertion that stays on in every build. */
#define MUST(condition) ((condition) ? (void)0 : BUG("%s", #condition))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
