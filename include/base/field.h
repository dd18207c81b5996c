/** base/field.h: a key is declared once, as data.
 *
 *  From one row come the parser, the range error, the default, the canonical text, the store's column, and the line
 * of `tombola kinds`.  A table ends with FIELD_END.
 */
#ifndef TOMBOLA_BASE_FIELD_H
#define TOMBOLA_BASE_FIELD_H

#include "base/buf.h"
#include "base/err.h"
#include "base/names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_type {
    FIELD_INT,    /* int64_t                                        */
    FIELD_REAL,   /* double                                         */
    FIELD_BOOL,   /* bool: true, false                              */
    FIELD_CHOICE, /* int: index into choices                        */
    FIELD_TEXT,   /* char[count], NUL-terminated                    */
    FIELD_PATH,   /* the same: where a file or folder is found; no part of what a job is */
    FIELD_REALS,  /* double[count], exactly count of them: [a, b]   */
    FIELD_NAMES,  /* uint64_t: a set of choices, bit i = choices[i] */
    FIELD_WORDS,  /* char[count], "[a,b]": sorted, without repeats; whoever reads it knows which words there are */
    FIELD_LINES,  /* char[count], "[a b,c]": in their order; check, which must be given, reads it */
    FIELD_TREE,  /* const char * of base/intern.h: lists and maps in YAML's flow style; whoever reads it knows them */
    FIELD_TABLE, /* the same, of a map */
    FIELD_ARRAYS, /* char[count], "[a,b]": names of arrays in a file, in their order; as FIELD_PATH no part of what a
                     job is */
    FIELD_AMOUNT, /* struct field_amount: 512, 50 % or min(512, 50 %); range is that of the number */
    FIELD_INDEX,  /* int64_t: 0, 1, 2, ..., or -1 - i for choices[i] */
    FIELD_CODE,   /* a struct of count bytes that set reads and print writes; range says in words what is allowed.  It
                     begins with the int64_t that it is where it is a number, COLUMN_NO_INT where it is none */
    FIELD_TYPES
};

struct field {
    const char *key;
    enum field_type type;
    size_t offset;              /* of the value in the config struct                                 */
    size_t count;               /* see field_type; 0 elsewhere                                       */
    const char *standard;       /* the default as one would type it; NULL: must be given             */
    const char *range;          /* of numbers, as mathematicians write it: "(0, 1]"; NULL: any finite */
    const char *const *choices; /* NULL-terminated names                                             */
    const char *unit, *help;
    const char *blocks; /* of FIELD_WORDS: a sweep's library; the words are names of its blocks or kinds.  Or NULL */
    /* Optional.  Checks text and writes its canonical form (at most size bytes); -1 with *e filled if it is wrong. */
    int (*check)(const char *text, char *canonical, size_t size, struct err *e);
    /* Of a FIELD_CODE, which must give them.  set: -1 with *e filled if text is wrong.  print: the canonical text. */
    int (*set)(const struct field *f, void *place, const char *text, struct err *e);
    void (*print)(const void *place, struct buf *out);
};
#define FIELD_END                                                                                                    \
    {                                                                                                                \
        .key = NULL                                                                                                  \
    }
/** Rows of a table: the key is the name of its member of struct `of`, type the end of its FIELD_ name.
 *  FIELD_NUMBER: INT, REAL, REALS, AMOUNT.  FIELD_CHOSEN: CHOICE, NAMES.  FIELD_CHARS: TEXT, PATH, WORDS,
 * LINES. */
#define FIELD_ROW(of, name, type_, standard_, ...)                                                                   \
    {                                                                                                                \
        .key = #name, .type = FIELD_##type_, .offset = offsetof(struct of, name), .standard = standard_, __VA_ARGS__ \
    }
#define FIELD_NUMBER(of, name, type, standard, range_, unit_, help_)                                                 \
    FIELD_ROW(of, name, type, standard, .range = range_, .unit = unit_, .help = help_,                               \
              .count = FIELD_##type == FIELD_REALS ? sizeof((struct of *)0)->name / sizeof(double) : 0)
#define FIELD_CHOSEN(of, name, type, standard, choices_, help_)                                                      \
    FIELD_ROW(of, name, type, standard, .choices = choices_, .unit = "", .help = help_)
#define FIELD_FLAG(of, name, standard, help_) FIELD_ROW(of, name, BOOL, standard, .unit = "", .help = help_)
#define FIELD_CHARS(of, name, type, standard, ...)                                                                   \
    FIELD_ROW(of, name, type, standard, .unit = "", .count = sizeof((struct of *)0)->name, .help = __VA_ARGS__)

/** So many, or a share of what there is, or the smaller of the two; of what is 0 there is none. */
struct field_amount {
    int64_t number; /* the first member: a column of the store holds it alone */
    double percent; /* up to 100 */
};
/** Of a whole that is known, where a share is rounded up. */
int64_t field_amount_of(const struct field_amount *a, int64_t whole);
enum { FIELD_WORD = 64 }; /* bytes of a word, with its NUL */
/** Is the value a char[count]? */
static inline bool field_is_text(const struct field *f)
{
    return f->type == FIELD_TEXT || f->type == FIELD_PATH || f->type == FIELD_WORDS || f->type == FIELD_LINES ||
           f->type == FIELD_ARRAYS;
}
/** Does it say where something is found, and nothing of what a job is? */
static inline bool field_is_place(const struct field *f)
{
    return f->type == FIELD_PATH || f->type == FIELD_ARRAYS;
}
static inline bool field_is_whole(const struct field *f)
{
    return f->type == FIELD_INT || f->type == FIELD_AMOUNT;
}
static inline bool field_is_tree(const struct field *f)
{
    return f->type == FIELD_TREE || f->type == FIELD_TABLE;
}
/** A list in brackets is one value of such a field, not several values. */
static inline bool field_takes_list(const struct field *f)
{
    return f->type == FIELD_REALS || f->type == FIELD_NAMES || f->type == FIELD_WORDS || f->type == FIELD_LINES ||
           f->type == FIELD_TREE || f->type == FIELD_ARRAYS;
}

/** A plug-in as everybody sees it: every table of the registry begins with one. */
struct kind {
    const char *name, *summary, *source; /* source: the paper and equation, or "" */
    const struct field *fields;
    size_t config_size; /* bytes of the struct that the fields point into */
    /** What its trees are made of, NULL-terminated; NULL: it has none. */
    const struct kind *const *(*parts)(void);
    bool own_keys; /* blocks of this kind may have keys of the user's own: field_own */
};

/** The field of a key that a user invented: a number or a word.  One for each key, kept until the process ends. */
const struct field *field_own(const char *key);

const struct field *field_find(const struct field *fields, const char *key);

/** Set every field that has a default. */
void field_defaults(const struct field *fields, void *config);

/** Parse text into the field's place.  The error text names the key, the value and what is allowed; ERR_SPEC. */
CHECKED int field_set(const struct field *f, void *config, const char *text, struct err *e);

/** Append the canonical text of the value: what field_set reads back to the same bits. */
void field_print(const struct field *f, const void *config, struct buf *out);
bool field_is_default(const struct field *f, const void *config);

/** The numbers of a range text; open ends are marked.  A NULL range is (-inf, inf). */
struct range {
    double low, high;
    bool low_open, high_open;
};
struct range range_parse(const char *text);

/** The next word of a FIELD_WORDS value; *text moves on.  False at the end. */
CHECKED bool field_next_word(const char **text, char word[FIELD_WORD]);

#endif
