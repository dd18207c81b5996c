/** cli/forecast.h: how long a sweep would take on how many ranks: its jobs, with what each waits for and the time
 * that `plan` expects of it, in a farm that is simulated. */
#ifndef TOMBOLA_CLI_FORECAST_H
#define TOMBOLA_CLI_FORECAST_H

#include "cli/sheet.h"
#include "cli/timing.h"

enum { FORECAST_RANKS = 1024, FORECAST_ROWS = 11 }; /* 1, 2, 4, ... ranks */

/** A job of the critical path, and when the next one may begin. */
struct forecast_step {
    uint32_t job;           /* of the plan                                                        */
    const struct moment *t; /* moment_none: at its end, as nobody waits for it */
    double seconds;         /* up to there                                     */
};

struct forecast {
    size_t jobs;     /* to be trained; 0: none, or nothing was timed, and then the rest is 0 */
    double work;     /* seconds of one core that they take                                   */
    double critical; /* seconds that no number of ranks can save                             */
    struct forecast_step *path;
    size_t steps;
    struct forecast_row {
        int ranks;
        double seconds;
    } row[FORECAST_ROWS]; /* up to where the critical path is reached but for 1 % */
    size_t rows;
    int enough;   /* ranks that reach it; 0: more than FORECAST_RANKS would          */
    int half;     /* most ranks, up to FORECAST_RANKS, that train half of their time */
    bool probes;  /* some are trained only if a search needs them */
    size_t known; /* jobs that wait for a moment by mem or gen, where finished jobs of the kind say when that comes */
    size_t unknown; /* ... where nobody does, and the end of the other job is taken                      */
};

/** In the sheet's arena.  Jobs of which the store has a part count with their rest. */
void forecast_take(struct forecast *out, struct sheet *s, const struct timing *timing);

/** The part of the time that so many ranks train, from 0 to 1. */
double forecast_efficiency(const struct forecast *f, const struct forecast_row *row);

/** Append it as a table with its reading; nothing if there are no jobs in it. */
void forecast_print(const struct forecast *f, const struct sheet *s, struct buf *out);
/** The same as JSON, "forecast":{...}, null if there are no jobs in it. */
void forecast_json(const struct forecast *f, const struct sheet *s, struct buf *out);

#endif
