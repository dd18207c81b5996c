/** task/corpus.h: texts that are positive or negative, as lists of words.
 *
 *  `python3 analysis/data.py imdb` makes the file of aclImdb or of Kaggle's CSV file, whose arrays are
 *
 *      letters  the different words in the order of their bytes, each with a NUL behind it
 *      said     indices of words, text by text
 *      start    where each text begins in `said`, and where the last one ends
 *      label    1: positive, 0: negative
 */
#ifndef TOMBOLA_TASK_CORPUS_H
#define TOMBOLA_TASK_CORPUS_H

#include "base/err.h"
#include "base/hash.h"

#include <stddef.h>
#include <stdint.h>

struct corpus {
    size_t texts, words;     /* words: different ones                                           */
    const char *const *word; /* [words] in the order of their bytes                             */
    const size_t *start;     /* [texts + 1] where each text begins in `said`                    */
    const uint32_t *said;    /* indices of words                                                */
    const int32_t *label;    /* [texts] 1: positive, 0: negative                                */
    struct id digest;        /* of all this                                                     */
};

/** Read the file at path, once a process: a path that was read last is not looked at again.  The corpus is valid
 * until another path is asked for.  ERR_SPEC names the file at fault. */
CHECKED int corpus_open(const char *path, const struct corpus **out, struct err *e);

/** The index of a word, SIZE_MAX if no text has it. */
size_t corpus_find(const struct corpus *c, const char *word);

#endif
