#include "store/holder.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "par/par.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { WORD = LOCK_WORD, TEXT_MAX = 1 << 14 };

#define KEY(name)                                                                                                    \
    {                                                                                                                \
#name, offsetof(struct holder, name)                                                                         \
    }
static const struct {
    const char *key;
    size_t offset;
} keys[] = {
    KEY(run),     KEY(host),   KEY(pid),      KEY(start), KEY(boot),      KEY(space),  KEY(slurm),
    KEY(restart), KEY(launch), KEY(launcher), KEY(since), KEY(heartbeat), KEY(verify),
};

/* A word that does not fit is no word: half of a path or of an id would be another one. */
static void set_word(char word[WORD], const char *text)
{
    memset(word, 0, WORD);
    if (!text_copy(word, WORD, text, strcspn(text, "\n"))) word[0] = '\0';
}

/* State and start time of a process; false if there is none. */
static bool process_facts(const char *pid, char *state, char start[WORD])
{
    static const char skip_to_22[] =
        ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu";
    struct buf path = { 0 }, stat = { 0 };
    unsigned long long ticks;
    buf_print(&path, "/proc/%s/stat", pid);
    bool ok = pid[0] && !pid[strspn(pid, "0123456789")] && buf_read_file(&stat, buf_chars(&path));
    const char *after = ok ? strrchr(buf_chars(&stat), ')') : NULL; /* the name before it may hold anything */
    ok = after && sscanf(after, skip_to_22, state, &ticks) == 2;
    if (ok) MUST(text_print(start, WORD, "%llu", ticks));
    buf_release(&stat);
    buf_release(&path);
    return ok;
}

static bool process_is(const char *pid, const char *start)
{
    char state, now[WORD];
    return process_facts(pid, &state, now) && state != 'Z' && state != 'X' && !strcmp(now, start);
}

static void read_word(char word[WORD], const char *path)
{
    struct buf text = { 0 };
    if (buf_read_file(&text, path)) set_word(word, buf_chars(&text));
    buf_release(&text);
}

/* "/its/session/folder", or "pid start" of the parent where there is no launcher. */
static void find_launcher(char word[WORD])
{
    const char *folder = getenv("PMIX_SERVER_TMPDIR");
    char state, pid[32], start[WORD];
    if (folder) {
        set_word(word, folder);
        return;
    }
    MUST(text_print(pid, sizeof pid, "%ld", (long)getppid()));
    if (par_promised_ranks() == 0 && process_facts(pid, &state, start)) {
        struct buf both = { 0 };
        buf_print(&both, "%s %s", pid, start);
        set_word(word, buf_chars(&both));
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
    char state, now[32];
    memset(h, 0, sizeof *h);
    MUST(text_print(h->run, sizeof h->run, "%016" PRIx64, run));
    set_word(h->host, par_host());
    MUST(text_print(h->pid, sizeof h->pid, "%ld", (long)getpid()));
    process_facts(h->pid, &state, h->start);
    read_word(h->boot, "/proc/sys/kernel/random/boot_id");
    if (readlink("/proc/self/ns/pid", h->space, sizeof h->space - 1) < 0) h->space[0] = '\0';
    set_word(h->slurm, environment("SLURM_JOB_ID", ""));
    set_word(h->restart, environment("SLURM_RESTART_COUNT", "0"));
    set_word(h->launch, environment("TOMBOLA_LAUNCH", "0"));
    find_launcher(h->launcher);
    set_word(h->since, clock_iso(clock_unix(), now));
    set_word(h->heartbeat, h->since);
}

void holder_parse(struct holder *h, const char *text)
{
    memset(h, 0, sizeof *h);
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
            size_t length = strlen(keys[i].key);
            if (!strncmp(line, keys[i].key, length) && line[length] == ' ')
                set_word((char *)h + keys[i].offset, line + length + 1);
        }
}

void holder_print(struct buf *out, const struct holder *h)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        buf_print(out, "%s %s\n", keys[i].key, (const char *)h + keys[i].offset);
}

off_t holder_find(const char *text, const char *key)
{
    const size_t length = strlen(key);
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (!strncmp(line, key, length) && line[length] == ' ') return (off_t)(line - text + (ptrdiff_t)length) + 1;
    BUG("a lock has no key '%s'", key);
}

bool holder_read(struct holder *h, const char *path)
{
    char text[TEXT_MAX] = "";
    struct stat st;
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    bool ok = fd >= 0 && !fstat(fd, &st);
    if (ok && !S_ISREG(st.st_mode)) {
        errno = EINVAL;
        ok = false;
    }
    ok = ok && pread(fd, text, sizeof text - 1, 0) >= 0;
    const int reason = errno;
    if (fd >= 0) close(fd);
    errno = reason;
    holder_parse(h, text);
    return ok;
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

bool holder_is_dead(const struct holder *h, double silence, bool ask_slurm)
{
    struct holder me;
    holder_self(&me, 0);
    if (is_earlier_launch(h, &me)) return true;
    if (!h->host[0]) return false;
    if (ask_slurm && strcmp(h->slurm, me.slurm) != 0 && slurm_says_ended(h->slurm)) return true;
    if (strcmp(h->host, me.host) != 0) return silence > LOCK_SILENCE;
    if (!h->boot[0] || strcmp(h->boot, me.boot) != 0) return h->boot[0] != '\0';
    if (strcmp(h->space, me.space) != 0) return silence > LOCK_SILENCE;
    return !process_is(h->pid, h->start);
}

bool holder_launcher_lives_on(const struct holder *h)
{
    struct holder me;
    char pid[WORD], start[WORD];
    holder_self(&me, 0);
    if (!h->launcher[0] || strcmp(h->host, me.host) != 0 || strcmp(h->boot, me.boot) != 0) return false;
    if (h->launcher[0] == '/') return access(h->launcher, F_OK) && errno == ENOENT;
    return sscanf(h->launcher, "%79s %79s", pid, start) == 2 && process_is(pid, start);
}

double holder_heartbeat(const struct holder *h)
{
    struct tm utc = { 0 };
    const char *end = strptime(h->heartbeat, "%Y-%m-%dT%H:%M:%S", &utc);
    return end ? (double)timegm(&utc) : 0;
}
