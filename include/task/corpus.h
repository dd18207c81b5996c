/** task/corpus.h: texts that are positive or negative, as lists of words.
 *
 *  Two layouts are read, and say the same if they hold the same texts, in whatever order:
 *
 *      a folder     train/pos, train/neg, test/pos and test/neg with a text in each *.txt, as aclImdb has them (Maas
 * et al., ACL 2011) a CSV file   a line review,sentiment, then rows of a text and positive or negative, fields quoted
 * where they hold commas or line ends, "" for a quote, as Kaggle's "IMDB Dataset of 50K Movie Reviews"
 *
 *  Words: white space splits, and so does <br />; of what stands between, letters stay, in lower case, and so do the
 *  bytes of letters beyond ASCII; digits and punctuation are taken out ("don't" is dont, "10/10" is no word).  So do
 *  Liu et al. (arXiv 2210.01117), but that they glue the br of <br /> to words.
 */
#ifndef TOMBOLA_TASK_CORPUS_H
#define TOMBOLA_TASK_CORPUS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What is read of a corpus at most; what is more is refused, at the first line or file that is too much. */
enum {
    CORPUS_FILE = 1 << 30,    /* bytes of a CSV file                        */
    CORPUS_TEXT = 1 << 20,    /* bytes of one text                          */
    CORPUS_TEXTS = 1 << 20,   /* texts                                      */
    CORPUS_WORDS = 1 << 26,   /* words of all texts together                */
    CORPUS_LETTERS = 1 << 26, /* bytes of all different words, and a NUL each */
};

struct corpus {
    size_t texts, words;     /* words: different ones                                           */
    const char *const *word; /* [words] in the order of their bytes                             */
    const size_t *start;     /* [texts + 1] where each text begins in `said`; texts are in an order that depends on
                                what they say alone */
    const uint32_t *said;    /* indices of words                                                */
    const int32_t *label;    /* [texts] 1: positive, 0: negative                                */
    struct id digest;        /* of all this                                                     */
};

/** Read the folder or file at path, once a process: a path that was read last is not looked at again.  The corpus is
 * valid until another path is asked for.  ERR_SPEC names the file at fault. */
CHECKED int corpus_open(const char *path, const struct corpus **out, struct err *e);

/** The index of a word, SIZE_MAX if no text has it. */
size_t corpus_find(const struct corpus *c, const char *word);

/** The words of a text, one after the other. */
struct word_reader {
    const char *at, *end;
    struct buf word; /* the caller's to release */
};
/** Put the next word into r->word; false if there is none. */
CHECKED bool corpus_next_word(struct word_reader *r);

#endif
