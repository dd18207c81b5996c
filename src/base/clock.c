#include "base/clock.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

static double read_clock(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double clock_wall(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double clock_unix(void)
{
    return read_clock(CLOCK_REALTIME);
}

double clock_cpu(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

size_t clock_peak_memory(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (size_t)use.ru_maxrss * 1024;
}

void clock_sleep(double seconds)
{
    struct timespec t = { (time_t)seconds, (long)((seconds - floor(seconds)) * 1e9) };
    nanosleep(&t, NULL);
}

char *clock_iso(double unix_seconds, char out[32])
{
    struct tm utc = { 0 };
    const bool sane = fabs(unix_seconds) < 1e11; /* 3000 years: what a file says may be anything, or no number */
    const time_t t = sane ? (time_t)unix_seconds : 0;
    gmtime_r(&t, &utc);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return out;
}

char *clock_span(double seconds, char out[32])
{
    if (!(seconds >= 0) || seconds > 1e9) {
        snprintf(out, 32, "?");
        return out;
    }
    long s = lround(seconds);
    if (seconds < 60)
        snprintf(out, 32, "%.1f s", seconds);
    else if (s < 3600)
        snprintf(out, 32, "%ld min %02ld s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(out, 32, "%ld h %02ld min", s / 3600, s % 3600 / 60);
    else
        snprintf(out, 32, "%ld d %02ld h", s / 86400, s % 86400 / 3600);
    return out;
}
