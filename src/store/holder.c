#include "store/holder.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/text.h"
#include "par/par.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { AT_ONCE = 1 << 16, TRIES = 5 };
_Static_assert(sizeof(struct holder) == HOLDER_BYTES, "the record is a page");

#define WORD(name)                                                                                                   \
    {                                                                                                                \
        offsetof(struct holder, name), sizeof((struct holder *)0)->name                                              \
    }
static const struct {
    size_t offset, size;
} words[] = {
    WORD(host),    WORD(pid),    WORD(start),    WORD(boot),  WORD(space),     WORD(slurm),
    WORD(restart), WORD(launch), WORD(launcher), WORD(since), WORD(heartbeat), WORD(verify),
};
#define SET(word, text) set_word(word, sizeof(word), text)

/* A word that does not fit is no word: half of a path or of an id would be another one. */
static void set_word(char *word, size_t size, const char *text)
{
    memset(word, 0, size);
    if (!text_copy(word, size, text, strcspn(text, "\n"))) word[0] = '\0';
}

/* State and start time of a process; false if there is none. */
static bool process_facts(const char *pid, char *state, char *start, size_t size)
{
    static const char skip_to_22[] =
        ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu";
    struct buf path = { 0 }, stat = { 0 };
    unsigned long long ticks;
    buf_print(&path, "/proc/%s/stat", pid);
    bool ok = pid[0] && !pid[strspn(pid, "0123456789")] && buf_read_file(&stat, buf_chars(&path));
    const char *after = ok ? strrchr(buf_chars(&stat), ')') : NULL; /* the name before it may hold anything */
    ok = after && sscanf(after, skip_to_22, state, &ticks) == 2;
    if (ok) MUST(text_print(start, size, "%llu", ticks));
    buf_release(&stat);
    buf_release(&path);
    return ok;
}

static bool process_is(const char *pid, const char *start)
{
    char state, now[32];
    return process_facts(pid, &state, now, sizeof now) && state != 'Z' && state != 'X' && !strcmp(now, start);
}

static void read_word(char *word, size_t size, const char *path)
{
    struct buf text = { 0 };
    if (buf_read_file(&text, path)) set_word(word, size, buf_chars(&text));
    buf_release(&text);
}

/* "/its/session/folder", or "pid start" of the parent where there is no launcher. */
static void find_launcher(struct holder *h)
{
    const char *folder = getenv("PMIX_SERVER_TMPDIR");
    char state, pid[32], start[32];
    if (folder) {
        SET(h->launcher, folder);
        return;
    }
    MUST(text_print(pid, sizeof pid, "%ld", (long)getppid()));
    if (par_promised_ranks() == 0 && process_facts(pid, &state, start, sizeof start)) {
        struct buf both = { 0 };
        buf_print(&both, "%s %s", pid, start);
        SET(h->launcher, buf_chars(&both));
        buf_release(&both);
    }
}

static const char *environment(const char *name, const char *missing)
{
    const char *value = getenv(name);
    return value ? value : missing;
}

void holder_self(struct holder *h, uint64_t run)
{
    char state;
    *h = (struct holder){ .magic = HOLDER_MAGIC, .run = run };
    SET(h->host, par_host());
    MUST(text_print(h->pid, sizeof h->pid, "%ld", (long)getpid()));
    process_facts(h->pid, &state, h->start, sizeof h->start);
    read_word(h->boot, sizeof h->boot, "/proc/sys/kernel/random/boot_id");
    if (readlink("/proc/self/ns/pid", h->space, sizeof h->space - 1) < 0) h->space[0] = '\0';
    SET(h->slurm, environment("SLURM_JOB_ID", ""));
    SET(h->restart, environment("SLURM_RESTART_COUNT", "0"));
    SET(h->launch, environment("TOMBOLA_LAUNCH", "0"));
    find_launcher(h);
    holder_beat(h);
    SET(h->since, h->heartbeat);
}

void holder_blank(struct holder *h)
{
    *h = (struct holder){ .magic = HOLDER_MAGIC };
    holder_seal(h);
}

void holder_beat(struct holder *h)
{
    char now[32];
    SET(h->heartbeat, clock_iso(clock_unix(), now));
}

/* ---- the page ---- */

bool holder_find(int fd, off_t *at)
{
    static char block[AT_ONCE];
    for (off_t from = 0; from < HOLDER_WITHIN; from += AT_ONCE) {
        const ssize_t got = pread(fd, block, sizeof block, from);
        for (ssize_t i = 0; i + HOLDER_BYTES <= got; i += HOLDER_BYTES) {
            uint64_t magic;
            memcpy(&magic, block + i, sizeof magic);
            *at = from + i;
            if (magic == HOLDER_MAGIC) return true;
        }
        if (got < AT_ONCE) break;
    }
    *at = 0;
    return false;
}

bool holder_sound(const struct holder *h)
{
    return h->magic == HOLDER_MAGIC && h->sum == hash_sum(h, offsetof(struct holder, sum));
}

void holder_seal(struct holder *h)
{
    h->sum = hash_sum(h, offsetof(struct holder, sum));
}

/* What a stranger has written may end nowhere, and is shown on terminals. */
static void make_plain(struct holder *h)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        char *word = (char *)h + words[i].offset;
        word[words[i].size - 1] = '\0';
        text_plain(word);
    }
}

bool holder_read(struct holder *h, int fd, off_t at)
{
    bool sound = false;
    for (int i = 0; i < TRIES && !sound; i++) {
        if (i) clock_sleep(2e-3);
        const ssize_t got = pread(fd, h, sizeof *h, at);
        if (got >= 0) errno = 0;
        if (got < (ssize_t)sizeof *h) return false;
        sound = holder_sound(h);
    }
    make_plain(h);
    if (sound) holder_seal(h);
    return true;
}

bool holder_write(struct holder *h, int fd, off_t at)
{
    holder_seal(h);
    const ssize_t put = pwrite(fd, h, sizeof *h, at);
    if (put >= 0 && put < (ssize_t)sizeof *h) errno = ENOSPC;
    return put == (ssize_t)sizeof *h;
}

/* ---- is it alive? ---- */

double holder_heartbeat(const struct holder *h)
{
    struct tm utc = { 0 };
    const char *end = strptime(h->heartbeat, "%Y-%m-%dT%H:%M:%S", &utc);
    return end ? (double)timegm(&utc) : 0;
}

double holder_silence(const struct holder *h)
{
    return clock_unix() - holder_heartbeat(h);
}

/* A clock that is so far ahead says nothing either. */
static bool is_silent(const struct holder *h)
{
    return fabs(holder_silence(h)) > HOLDER_SILENCE;
}

/* Slurm forgets jobs some minutes after their end; one that waits to be started again has ended, too. */
static bool slurm_says_ended(const char *job)
{
    static const char *const alive[] = { "RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED",
                                         "STOPPED", "SIGNALING",  "STAGE_OUT",   "RESIZING" };
    char answer[200] = "";
    struct buf command = { 0 };
    if (!job[0] || job[strspn(job, "0123456789_")]) return false;
    buf_print(&command, "timeout 10 squeue -h -j %s -o %%T 2>&1", job);
    FILE *squeue = popen(buf_chars(&command), "r");
    buf_release(&command);
    if (!squeue) return false;
    const size_t length = fread(answer, 1, sizeof answer - 1, squeue);
    answer[length] = '\0';
    const int status = pclose(squeue);
    if (strstr(answer, "Invalid job id")) return true;
    for (size_t i = 0; i < ARRAY_LEN(alive); i++)
        if (strstr(answer, alive[i])) return false;
    return status == 0;
}

/* An earlier start of the Slurm job that we are, or an earlier launch in this start of it. */
static bool is_earlier_launch(const struct holder *h, const struct holder *me)
{
    if (!h->slurm[0] || strcmp(h->slurm, me->slurm) != 0) return false;
    const long then = atol(h->restart), now = atol(me->restart);
    return then < now || (then == now && atol(h->launch) < atol(me->launch));
}

/* One that runs where we do would have locked the file, so that what names it is a copy of what it has. */
bool holder_is_dead(const struct holder *h, bool free, bool ask_slurm)
{
    struct holder me;
    holder_self(&me, 0);
    if (is_earlier_launch(h, &me)) return true;
    if (ask_slurm && strcmp(h->slurm, me.slurm) != 0 && slurm_says_ended(h->slurm)) return true;
    if (strcmp(h->host, me.host) != 0 || !h->boot[0]) return is_silent(h);
    if (strcmp(h->boot, me.boot) != 0) return true;
    if (strcmp(h->space, me.space) != 0) return is_silent(h);
    return free || !process_is(h->pid, h->start);
}

bool holder_launcher_lives_on(const struct holder *h)
{
    struct holder me;
    char pid[32], start[32];
    holder_self(&me, 0);
    if (!h->launcher[0] || strcmp(h->host, me.host) != 0 || strcmp(h->boot, me.boot) != 0) return false;
    if (h->launcher[0] == '/') return access(h->launcher, F_OK) && errno == ENOENT;
    return sscanf(h->launcher, "%31s %31s", pid, start) == 2 && process_is(pid, start);
}
