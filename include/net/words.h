/** net/words.h: one entry of a list: "dense $d bias=no as=fc1" -> an operation and its keys. */
#ifndef TOMBOLA_NET_WORDS_H
#define TOMBOLA_NET_WORDS_H

#include "base/names.h"
#include "net/graph.h"
#include "net/operation.h"
#include "sweep/tree.h"

enum { NET_WORD = 64 };

struct net_words {
    const struct net_operation *op;
    int id;            /* enum net_op */
    void *keys;        /* of op->kind.fields, in the arena */
    char as[NET_WORD]; /* the name that the user gives it; "" */
};

/** Fill *out; ERR_SPEC with the place of the word that is wrong. */
CHECKED int net_words_read(struct net_words *out, const struct node *n, const struct net_source *from,
                           struct arena *a, struct err *e);
/** Append its canonical text. */
void net_words_print(const struct net_words *w, struct buf *out);

/** A whole number of a list, as `repeat: 2` or `repeat: $n`. */
CHECKED int net_words_number(int64_t *out, const char *what, const struct node *n, const struct net_source *from,
                             struct err *e);

/** The operations and the combinators, NULL-terminated: the parts of model net. */
const struct kind *const *net_words_kinds(void);

/** Every word that a list may begin with, and what maps may be; NULL-terminated. */
const char *const *net_words_known(void);

#endif
