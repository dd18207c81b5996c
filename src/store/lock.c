#include "store/lock.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/path.h"
#include "base/regular.h"
#include "base/text.h"
#include "store/holder.h"
#include "store/private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { ATTEMPTS = 20, VERIFY_WIDTH = 16 };
#define OWNER_AT   INT64_C(0x7ffffffffffffff0) /* the bytes that are locked */
#define WRITERS_AT INT64_C(0x7ffffffffffffff8)

struct lock {
    int file;               /* the store, with its two bytes and the guard; -1: it is not there yet */
    off_t size;             /* of the store when the run began to write rows; -1: not known yet      */
    int fd;                 /* STORE.lock                                                            */
    struct buf path, store; /* of STORE.lock, of the store                                         */
    off_t beat_at, verify_at, launcher_at;
    uint64_t run;
    struct lock_past past;
};

static int lock_error(const char *path, const char *what, struct err *e)
{
    const int code = errno;
    return err_at(e, err_kind_of(code), path, NOWHERE, NULL, "%s: %s", what, strerror(code));
}

/* ---- the store's own bytes ---- */

enum verdict { GOT, TAKEN, UNKNOWN }; /* UNKNOWN: this file system has no such locks */

static enum verdict lock_byte(int fd, short type, off_t at)
{
    struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };
    if (!fcntl(fd, F_OFD_SETLK, &lock)) return GOT;
    return errno == EAGAIN || errno == EACCES ? TAKEN : UNKNOWN;
}

/* Ranks outlive a rank 0 that was killed by a second or two. */
static int wait_for_writers(const struct lock *l, struct err *e)
{
    const double end = clock_wall() + LOCK_PATIENCE;
    enum verdict verdict;
    while ((verdict = lock_byte(l->file, F_WRLCK, WRITERS_AT)) == TAKEN && clock_wall() < end) clock_sleep(0.02);
    if (verdict == TAKEN)
        return err_at(e, ERR_LOCKED, buf_chars(&l->store), NOWHERE, NULL,
                      "ranks of a dead run still write to it; end them (pkill tombola on this host), or wait");
    return 0;
}

int lock_share(int fd, const char *path, struct err *e)
{
    if (lock_byte(fd, F_RDLCK, WRITERS_AT) != TAKEN) return 0;
    return err_at(e, ERR_LOCKED, path, NOWHERE, NULL, "another run began to write to it");
}

/* There flock is a lock of all bytes, and would stand in the way of our own. */
static bool flock_is_of_bytes(int fd)
{
    struct statfs fs;
    return !fstatfs(fd, &fs) && file_magic_is_network((unsigned long)fs.f_type);
}

static int guard(const struct lock *l, struct err *e)
{
    if (flock_is_of_bytes(l->file) || !flock(l->file, LOCK_SH | LOCK_NB) || errno != EWOULDBLOCK) return 0;
    return err_at(e, ERR_LOCKED, buf_chars(&l->store), NOWHERE, NULL, "is open for writing in another program");
}

static int held_by_somebody(const struct lock *l, struct err *e);

static int lock_bytes(struct lock *l, struct err *e)
{
    switch (lock_byte(l->file, F_WRLCK, OWNER_AT)) {
    case TAKEN: return held_by_somebody(l, e);
    case UNKNOWN:
        log_warn("the file system of '%s' has no locks (%s): only '%s' keeps a second run out", buf_chars(&l->store),
                 strerror(errno), buf_chars(&l->path));
        break;
    case GOT: break;
    }
    return guard(l, e);
}

static int open_file(struct lock *l, const char *path, struct err *e)
{
    struct err why = { 0 };
    if (l->file >= 0) close(l->file);
    l->file = regular_open(path, O_RDWR, ERR_IO, &why);
    if (l->file < 0 && errno != ENOENT) *e = why;
    return e->kind ? -1 : 0;
}

int lock_file(struct lock *l, const char *path, struct err *e)
{
    return open_file(l, path, e) || lock_bytes(l, e) ? -1 : lock_share(l->file, path, e);
}

/* Until the name and the lock are of one file: it may be renamed between. */
static int lock_present_file(struct lock *l, struct err *e)
{
    const char *path = buf_chars(&l->store);
    for (int i = 0; i < ATTEMPTS; i++) {
        if (open_file(l, path, e)) return -1;
        if (l->file < 0) return 0;
        if (lock_bytes(l, e)) return -1;
        if (path_is_of(l->file, path)) return 0;
    }
    return err_at(e, ERR_LOCKED, path, NOWHERE, NULL, "is replaced again and again; try again");
}

/* ---- STORE.lock ---- */

/* A whole lock file under a name of its own, with its flock, a second proof of life where the file system has it. */
static int make_file(struct lock *l, struct buf *name, struct err *e)
{
    struct holder me;
    struct buf text = { 0 };
    holder_self(&me, l->run);
    if (l->past.unclean) MUST(text_print(me.verify, sizeof me.verify, "%-*.0f", VERIFY_WIDTH, l->past.since));
    holder_print(&text, &me);
    l->beat_at = holder_find(buf_chars(&text), "heartbeat");
    l->verify_at = holder_find(buf_chars(&text), "verify");
    l->launcher_at = holder_find(buf_chars(&text), "launcher");
    buf_print(name, "%s.%s.%s", buf_chars(&l->path), me.host, me.pid);
    if (l->fd >= 0) close(l->fd);
    unlink(buf_chars(name));
    l->fd = open(buf_chars(name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    const ssize_t written = l->fd < 0 ? -1 : write(l->fd, text.bytes, text.length);
    if (written >= 0 && written < (ssize_t)text.length) errno = ENOSPC;
    int rc = 0;
    if (written < (ssize_t)text.length || fsync(l->fd)) {
        rc = lock_error(buf_chars(&l->path), "cannot be created", e);
    }
    if (!rc) flock(l->fd, LOCK_EX | LOCK_NB);
    buf_release(&text);
    return rc;
}

static void forget_file(struct lock *l)
{
    if (l->fd >= 0) close(l->fd);
    l->fd = -1;
}

/* Linked to its place: nobody ever sees half a lock.  *taken is false if there is one. */
static int try_create(struct lock *l, bool *taken, struct err *e)
{
    struct buf name = { 0 };
    const char *path = buf_chars(&l->path);
    int rc = make_file(l, &name, e);
    *taken = !rc && !link(buf_chars(&name), path);
    if (!rc && !*taken && errno != EEXIST && errno != ENOENT) rc = lock_error(path, "cannot be created", e);
    unlink(buf_chars(&name));
    if (!*taken) forget_file(l);
    buf_release(&name);
    return rc;
}

static int held(const struct lock *l, const struct holder *h, struct err *e)
{
    struct stat st;
    const char *path = buf_chars(&l->path), *store = buf_chars(&l->store);
    char ago[32] = "?";
    if (!stat(path, &st)) clock_span(clock_unix() - (double)st.st_mtime, ago);
    if (!h->host[0])
        return err_at(e, ERR_LOCKED, store, NOWHERE, NULL,
                      "is locked by '%s', which nobody can read; delete that file if no run is using the store",
                      path);
    return err_at(
        e, ERR_LOCKED, store, NOWHERE, NULL,
        "is in use by another run: pid %s on host '%s'%s%s since %s, last sign of life %s ago; wait or stop it, "
        "or, only if it is surely gone, delete '%s'",
        h->pid, h->host, h->slurm[0] ? ", Slurm job " : "", h->slurm, h->since, ago, path);
}

/* Its STORE.lock may lie beside another name of the file. */
static int held_by_somebody(const struct lock *l, struct err *e)
{
    struct holder h;
    if (holder_read(&h, buf_chars(&l->path)) && h.host[0]) return held(l, &h, e);
    return err_at(
        e, ERR_LOCKED, buf_chars(&l->store), NOWHERE, NULL,
        "is in use by another run on this host, which has it under another name, or whose '%s' was deleted; "
        "wait or stop it",
        buf_chars(&l->path));
}

static void note_past(struct lock *l, const struct holder *h, double last_sign)
{
    double beat = holder_heartbeat(h), doubt = atof(h->verify);
    if (beat == 0 || beat > last_sign) beat = last_sign;
    beat -= LOCK_DOUBT;
    if (doubt > 0 && doubt < beat) beat = doubt;
    l->past = (struct lock_past){ true, beat, holder_launcher_lives_on(h) };
}

/* Our lock file in the place of the dead one's, with what that has left to do. */
static int take_over(struct lock *l, const struct holder *h, struct err *e)
{
    struct buf name = { 0 };
    int rc = make_file(l, &name, e);
    if (!rc && rename(buf_chars(&name), buf_chars(&l->path)))
        rc = lock_error(buf_chars(&l->path), "cannot be replaced", e);
    if (rc) {
        unlink(buf_chars(&name));
        forget_file(l);
    } else
        log_warn("the run that had '%s' (pid %s since %s) is dead: its lock was taken over", buf_chars(&l->store),
                 h->pid, h->since);
    buf_release(&name);
    return rc;
}

/* 0 and not *taken: the lock is gone, try again.  Whoever takes over a lock holds its flock, so that two who find the
 * same dead holder cannot take each other's new lock. */
static int try_take_over(struct lock *l, bool *taken, struct err *e)
{
    struct holder h;
    struct stat st = { .st_mtime = 0 };
    const char *path = buf_chars(&l->path);
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? 0 : lock_error(path, "cannot be read", e);
    int rc = 0;
    if (!holder_read(&h, path) && errno != ENOENT) rc = lock_error(path, "cannot be read", e);
    const double last_sign = fstat(fd, &st) ? clock_unix() : (double)st.st_mtime;
    const bool busy = flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
    if (!rc && path_is_of(fd, path)) {
        if (busy || !holder_is_dead(&h, clock_unix() - last_sign, true))
            rc = held(l, &h, e);
        else {
            note_past(l, &h, last_sign);
            rc = take_over(l, &h, e);
            *taken = !rc;
        }
    }
    close(fd);
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

static int take_lock_file(struct lock *l, struct err *e)
{
    bool taken = false;
    for (int i = 0; i < ATTEMPTS && !taken; i++)
        if (try_create(l, &taken, e) || (!taken && try_take_over(l, &taken, e))) return -1;
    if (!taken)
        return err_at(e, ERR_LOCKED, buf_chars(&l->store), NOWHERE, NULL, "its lock file comes and goes; try again");
    remove_leftovers(buf_chars(&l->path));
    return file_sync_folder(buf_chars(&l->path), e);
}

/* ---- the life of a lock ---- */

static uint64_t draw_number(void)
{
    uint64_t run = 0;
    if (getrandom(&run, sizeof run, GRND_NONBLOCK) != sizeof run)
        run = (uint64_t)getpid() << 32 ^ (uint64_t)clock_unix();
    return run ? run : 1;
}

int lock_take(struct lock **out, const char *path, struct err *e)
{
    struct lock *l = calloc(1, sizeof *l);
    if (!l) die("out of memory for a lock");
    l->fd = l->file = -1;
    l->size = -1;
    l->run = draw_number();
    path_follow(&l->store, path);
    buf_print(&l->path, "%s.lock", buf_chars(&l->store));
    int rc = lock_present_file(l, e) || take_lock_file(l, e) ? -1 : 0;
    if (!rc && l->file >= 0) rc = wait_for_writers(l, e) || lock_share(l->file, path, e) ? -1 : 0;
    if (!rc && l->file < 0) lock_verified(l); /* there is nothing that could be doubted */
    *out = rc ? NULL : l;
    if (rc) lock_release(l);
    return rc;
}

const char *lock_path(const struct lock *l)
{
    return buf_chars(&l->store);
}

uint64_t lock_run(const struct lock *l)
{
    return l->run;
}

const struct lock_past *lock_past(const struct lock *l)
{
    return &l->past;
}

void lock_verified(struct lock *l)
{
    char blank[VERIFY_WIDTH];
    if (!l->past.unclean) return;
    l->past.unclean = false;
    memset(blank, ' ', sizeof blank);
    if (pwrite(l->fd, blank, sizeof blank, l->verify_at) < 0) log_warn("cannot renew '%s'", buf_chars(&l->path));
}

static int check_file(struct lock *l, struct err *e)
{
    struct stat st;
    const char *store = buf_chars(&l->store),
               *safe = "what this run has committed is in the file that it has begun with";
    if (l->file < 0) return 0;
    if (!path_is_of(l->file, store))
        return err_at(e, ERR_STORE, store, NOWHERE, NULL, "was deleted, replaced or renamed during the run; %s",
                      safe);
    if (fstat(l->file, &st)) return lock_error(store, "cannot be looked at", e);
    if (l->size < 0) l->size = st.st_size;
    if (st.st_size == l->size) return 0;
    return err_at(e, ERR_STORE, store, NOWHERE, NULL,
                  "was changed by another program: it has %lld bytes, and had %lld when the run began",
                  (long long)st.st_size, (long long)l->size);
}

int lock_beat(struct lock *l, struct err *e)
{
    char now[32];
    if (!path_is_of(l->fd, buf_chars(&l->path)))
        return err_at(e, ERR_LOCKED, buf_chars(&l->store), NOWHERE, NULL,
                      "its lock was taken by another run, or deleted; this run ends at once");
    clock_iso(clock_unix(), now);
    if (pwrite(l->fd, now, strlen(now), l->beat_at) < 0) log_warn("cannot renew '%s'", buf_chars(&l->path));
    return check_file(l, e);
}

/* What is left to verify keeps its place: a lock of a process that has ended. */
void lock_release(struct lock *l)
{
    if (!l) return;
    if (l->fd >= 0 && !l->past.unclean && path_is_of(l->fd, buf_chars(&l->path))) unlink(buf_chars(&l->path));
    if (l->fd >= 0) close(l->fd);
    if (l->file >= 0) close(l->file);
    buf_release(&l->path);
    buf_release(&l->store);
    free(l);
}

void lock_disown(const struct lock *l)
{
    if (pwrite(l->fd, "?", 1, l->launcher_at) < 0) return; /* then it is a death like any other */
}

/* ---- the others ---- */

int lock_check(const char *path, uint64_t run, struct err *e)
{
    struct buf name = { 0 };
    struct holder h;
    buf_print(&name, "%s.lock", path);
    const bool known = holder_read(&h, buf_chars(&name)), ours = known && strtoull(h.run, NULL, 16) == run;
    const int rc = known || errno == ENOENT ? 0 : lock_error(buf_chars(&name), "cannot be read", e);
    buf_release(&name);
    if (ours || rc) return rc;
    return err_at(e, ERR_LOCKED, path, NOWHERE, NULL,
                  "another run has taken it over, or its lock was deleted; nothing more is written");
}

bool lock_look(struct lock_seen *out, const char *store_path)
{
    struct buf path = { 0 };
    struct holder h;
    struct stat st;
    path_follow(&path, store_path);
    buf_text(&path, ".lock");
    bool found = holder_read(&h, buf_chars(&path)) && !stat(buf_chars(&path), &st);
    if (found) {
        memset(out, 0, sizeof *out);
        memcpy(out->host, h.host, sizeof h.host);
        memcpy(out->pid, h.pid, sizeof h.pid);
        memcpy(out->slurm, h.slurm, sizeof h.slurm);
        memcpy(out->since, h.since, sizeof h.since);
        out->silence = clock_unix() - (double)st.st_mtime;
        found = !holder_is_dead(&h, out->silence, false);
    }
    buf_release(&path);
    return found;
}
