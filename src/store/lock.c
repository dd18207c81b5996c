#include "store/lock.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "par/par.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORD = LOCK_WORD, ATTEMPTS = 20 };

struct lock {
    int fd, guard;
    struct buf path;
    off_t beat_at; /* where the heartbeat's time stands in the file */
};

/* Who holds a lock: one "key value" line each. */
struct holder {
    char host[WORD], pid[WORD], start[WORD]; /* start: of the process, in clock ticks after boot */
    char boot[WORD], space[WORD];            /* space: the pid namespace, containers have their own */
    char slurm[WORD], restart[WORD];         /* Slurm's job id, and how often Slurm has restarted it */
    char since[WORD], heartbeat[WORD];
};
static const struct {
    const char *key;
    size_t offset;
} keys[] = {
    { "host", offsetof(struct holder, host) },           { "pid", offsetof(struct holder, pid) },
    { "start", offsetof(struct holder, start) },         { "boot", offsetof(struct holder, boot) },
    { "space", offsetof(struct holder, space) },         { "slurm", offsetof(struct holder, slurm) },
    { "restart", offsetof(struct holder, restart) },     { "since", offsetof(struct holder, since) },
    { "heartbeat", offsetof(struct holder, heartbeat) },
};

/* One that does not fit is unknown: "". */
static void set_word(char word[WORD], const char *text)
{
    if (!text_copy(word, WORD, text, strcspn(text, "\n"))) word[0] = '\0';
}

/* State and start time of a process; false if there is none. */
static bool process_facts(const char *pid, char *state, char start[WORD])
{
    char path[WORD + 16];
    struct buf stat = { 0 };
    unsigned long long ticks;
    MUST(text_print(path, sizeof path, "/proc/%s/stat", pid));
    bool ok = buf_read_file(&stat, path);
    const char *after = ok ? strrchr(buf_chars(&stat), ')') : NULL; /* the name before it may hold anything */
    static const char skip_to_22[] =
        ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu";
    ok = after && sscanf(after, skip_to_22, state, &ticks) == 2;
    if (ok) MUST(text_print(start, WORD, "%llu", ticks));
    buf_release(&stat);
    return ok;
}

static void read_word(char word[WORD], const char *path)
{
    struct buf text = { 0 };
    if (buf_read_file(&text, path)) set_word(word, buf_chars(&text));
    buf_release(&text);
}

static void this_process(struct holder *h)
{
    char state, now[32];
    const char *slurm = getenv("SLURM_JOB_ID"), *restart = getenv("SLURM_RESTART_COUNT");
    memset(h, 0, sizeof *h);
    set_word(h->host, par_host());
    MUST(text_print(h->pid, sizeof h->pid, "%ld", (long)getpid()));
    process_facts(h->pid, &state, h->start);
    read_word(h->boot, "/proc/sys/kernel/random/boot_id");
    if (readlink("/proc/self/ns/pid", h->space, sizeof h->space - 1) < 0) h->space[0] = '\0';
    set_word(h->slurm, slurm ? slurm : "");
    set_word(h->restart, restart ? restart : "0");
    set_word(h->since, clock_iso(clock_unix(), now));
    set_word(h->heartbeat, h->since);
}

static void parse_holder(struct holder *h, const char *text)
{
    memset(h, 0, sizeof *h);
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
            size_t length = strlen(keys[i].key);
            if (!strncmp(line, keys[i].key, length) && line[length] == ' ')
                set_word((char *)h + keys[i].offset, line + length + 1);
        }
}

/* Slurm forgets jobs some minutes after their end; one that waits to be started again has ended, too. */
static bool slurm_says_ended(const char *job)
{
    static const char *const alive[] = { "RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED",
                                         "STOPPED", "SIGNALING",  "STAGE_OUT",   "RESIZING" };
    char command[WORD + 64], answer[200] = "";
    if (!job[0] || job[strspn(job, "0123456789_")]) return false;
    MUST(text_print(command, sizeof command, "timeout 10 squeue -h -j %s -o %%T 2>&1", job));
    FILE *squeue = popen(command, "r");
    if (!squeue) return false;
    const size_t length = fread(answer, 1, sizeof answer - 1, squeue);
    answer[length] = '\0';
    const int status = pclose(squeue);
    if (strstr(answer, "Invalid job id")) return true;
    for (size_t i = 0; i < ARRAY_LEN(alive); i++)
        if (strstr(answer, alive[i])) return false;
    return status == 0;
}

/* Provably dead, or silent where nobody can look.  silence: seconds since the last sign of life. */
static bool is_dead(const struct holder *h, double silence, bool ask_slurm)
{
    struct holder me;
    char state, start[WORD];
    this_process(&me);
    if (h->slurm[0] && !strcmp(h->slurm, me.slurm) && atol(h->restart) < atol(me.restart)) return true;
    if (!h->host[0]) return false;
    if (ask_slurm && strcmp(h->slurm, me.slurm) != 0 && slurm_says_ended(h->slurm)) return true;
    if (strcmp(h->host, me.host) != 0) return silence > LOCK_SILENCE;
    if (!h->boot[0] || strcmp(h->boot, me.boot) != 0) return h->boot[0] != '\0';
    if (strcmp(h->space, me.space) != 0) return silence > LOCK_SILENCE;
    if (!process_facts(h->pid, &state, start)) return true;
    return state == 'Z' || state == 'X' || strcmp(start, h->start) != 0;
}

static void compose(struct buf *out, const struct holder *h, off_t *beat_at)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        buf_print(out, "%s ", keys[i].key);
        *beat_at = (off_t)out->length;
        buf_print(out, "%s\n", (const char *)h + keys[i].offset);
    }
}

static int lock_error(const char *path, const char *what, struct err *e)
{
    return err_at(e, err_kind_of(errno), path, NOWHERE, NULL, "%s: %s", what, strerror(errno));
}

/* Written and flocked under another name, then linked: nobody ever sees half a lock.  *taken is false if there is
 * one. */
static int try_create(struct lock *l, bool *taken, struct err *e)
{
    const char *path = buf_chars(&l->path);
    struct holder me;
    struct buf text = { 0 }, temporary = { 0 };
    this_process(&me);
    compose(&text, &me, &l->beat_at);
    buf_print(&temporary, "%s.%s.%s", path, me.host, me.pid);
    const char *name = buf_chars(&temporary);
    int rc = 0;
    l->fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (l->fd < 0 || write(l->fd, text.bytes, text.length) != (ssize_t)text.length || fsync(l->fd))
        rc = lock_error(path, "cannot be created", e);
    if (!rc) flock(l->fd, LOCK_EX | LOCK_NB); /* a second proof of life where the file system has it */
    *taken = !rc && !link(name, path);
    if (!rc && !*taken && errno != EEXIST && errno != ENOENT) rc = lock_error(path, "cannot be created", e);
    if (l->fd >= 0) unlink(name);
    if (!*taken && l->fd >= 0) {
        close(l->fd);
        l->fd = -1;
    }
    buf_release(&temporary);
    buf_release(&text);
    return rc;
}

static int held(const char *path, const char *store_path, const struct holder *h, struct err *e)
{
    struct stat st;
    char ago[32] = "?";
    if (!stat(path, &st)) clock_span(clock_unix() - (double)st.st_mtime, ago);
    if (!h->host[0])
        return err_at(e, ERR_LOCKED, store_path, NOWHERE, NULL,
                      "is locked by '%s', which nobody can read; delete that file if no run is using the store",
                      path);
    return err_at(
        e, ERR_LOCKED, store_path, NOWHERE, NULL,
        "is in use by another run: pid %s on host '%s'%s%s since %s, last sign of life %s ago; wait or stop it, "
        "or, only if it is surely gone, delete '%s'",
        h->pid, h->host, h->slurm[0] ? ", Slurm job " : "", h->slurm, h->since, ago, path);
}

static bool same_file(int fd, const char *path)
{
    struct stat a, b;
    return !fstat(fd, &a) && !stat(path, &b) && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/* 0: the lock is gone or was broken, try again.  Whoever breaks a lock holds its flock, so that two who find the same
 * dead holder cannot break each other's new lock. */
static int try_break(const char *path, const char *store_path, struct err *e)
{
    struct buf text = { 0 };
    struct holder h;
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
    if (fd < 0) return errno == ENOENT ? 0 : lock_error(path, "cannot be read", e);
    if (!buf_read_file(&text, path) && errno != ENOENT) rc = lock_error(path, "cannot be read", e);
    parse_holder(&h, buf_chars(&text));
    struct stat st = { .st_mtime = 0 };
    const double silence = fstat(fd, &st) ? 0 : clock_unix() - (double)st.st_mtime;
    bool busy = flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
    if (!rc && same_file(fd, path)) {
        if (busy || !is_dead(&h, silence, true))
            rc = held(path, store_path, &h, e);
        else if (!unlink(path))
            log_warn("the run that had '%s' (pid %s since %s) is dead: its lock was removed", store_path, h.pid,
                     h.since);
    }
    close(fd);
    buf_release(&text);
    return rc;
}

/* What processes left behind that were killed while they made a lock.  One that is alive finds its own gone and tries
 * again. */
static void remove_leftovers(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const int folder = slash ? (int)(slash - path + 1) : 0;
    struct buf at = { 0 };
    buf_print(&at, "%.*s.", folder, path);
    DIR *dir = opendir(buf_chars(&at));
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        if (strncmp(entry->d_name, name, strlen(name)) || entry->d_name[strlen(name)] != '.') continue;
        buf_clear(&at);
        buf_print(&at, "%.*s%s", folder, path, entry->d_name);
        unlink(buf_chars(&at));
    }
    if (dir) closedir(dir);
    buf_release(&at);
}

int lock_take(struct lock **out, const char *store_path, struct err *e)
{
    struct lock *l = calloc(1, sizeof *l);
    if (!l) die("out of memory for a lock");
    l->fd = l->guard = -1;
    buf_print(&l->path, "%s.lock", store_path);
    bool taken = false;
    int rc = 0;
    for (int i = 0; i < ATTEMPTS && !taken && !rc; i++) {
        rc = try_create(l, &taken, e);
        if (!rc && !taken) rc = try_break(buf_chars(&l->path), store_path, e);
    }
    if (!rc && !taken)
        rc = err_at(e, ERR_LOCKED, store_path, NOWHERE, NULL, "its lock file comes and goes; try again");
    if (taken) remove_leftovers(buf_chars(&l->path));
    *out = rc ? NULL : l;
    if (rc) lock_release(l);
    return rc;
}

bool lock_look(struct lock_seen *out, const char *store_path)
{
    struct buf path = { 0 }, text = { 0 };
    struct holder h;
    struct stat st;
    buf_print(&path, "%s.lock", store_path);
    bool found = buf_read_file(&text, buf_chars(&path)) && !stat(buf_chars(&path), &st);
    if (found) {
        parse_holder(&h, buf_chars(&text));
        memset(out, 0, sizeof *out);
        memcpy(out->host, h.host, sizeof h.host);
        memcpy(out->pid, h.pid, sizeof h.pid);
        memcpy(out->slurm, h.slurm, sizeof h.slurm);
        memcpy(out->since, h.since, sizeof h.since);
        out->silence = clock_unix() - (double)st.st_mtime;
        found = !is_dead(&h, out->silence, false);
    }
    buf_release(&text);
    buf_release(&path);
    return found;
}

bool lock_beat(struct lock *l)
{
    char now[32];
    if (!same_file(l->fd, buf_chars(&l->path))) return false;
    clock_iso(clock_unix(), now);
    if (pwrite(l->fd, now, strlen(now), l->beat_at) < 0) log_warn("cannot renew '%s'", buf_chars(&l->path));
    return true;
}

int lock_guard(struct lock *l, const char *store_path, struct err *e)
{
    if (l->guard >= 0) close(l->guard);
    l->guard = open(store_path, O_RDONLY | O_CLOEXEC);
    if (l->guard < 0) return lock_error(store_path, "cannot be opened", e);
    if (flock(l->guard, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK)
        return err_at(e, ERR_LOCKED, store_path, NOWHERE, NULL, "is open for writing in another program");
    return 0;
}

void lock_release(struct lock *l)
{
    if (!l) return;
    if (l->fd >= 0 && same_file(l->fd, buf_chars(&l->path))) unlink(buf_chars(&l->path));
    if (l->fd >= 0) close(l->fd);
    if (l->guard >= 0) close(l->guard);
    buf_release(&l->path);
    free(l);
}
