/* Between a process and the system: counts the calls that change files below one folder, writes them down, and makes the n-th end badly.
 *
 * Built and preloaded by tests/store/test_promises.py. Nothing happens before shim_arm is called.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NOTHING, KILL, FAIL, SHORT, FULL };
#define FILES 4096
static char paths[FILES][512];
static char root[512];
static size_t root_length;
static long wanted, mode, error_number, count, fired;
static int log_fd = -1, armed;

void shim_arm(const char *folder, long n, long what, long number, int log) {
    snprintf(root, sizeof root, "%s", folder);
    root_length = strlen(root);
    wanted = n, mode = what, error_number = number, log_fd = log;
    count = fired = 0;
    armed = 1;
}
void shim_disarm(void) { armed = 0; }
long shim_count(void) { return count; }
long shim_fired(void) { return fired; }

static int inside(const char *path) { return armed && path != NULL && strncmp(path, root, root_length) == 0; }
static const char *of(int fd) { return fd >= 0 && fd < FILES ? paths[fd] : ""; }

/* Says what becomes of a call: 0 as ever, 1 failed, 2 half of it. */
static int look(const char *call, const char *path, const char *other, int writes) {
    if (!inside(path)) return 0;
    long now = __sync_add_and_fetch(&count, 1);
    if (log_fd >= 0) {
        char line[1200];
        int length = snprintf(line, sizeof line, "%s\t%s\t%s\n", call, path, other);
        syscall(SYS_write, log_fd, line, (size_t)length);
    }
    if (wanted == 0) return 0;
    if (mode == FULL && now >= wanted && writes) { fired = 1; errno = ENOSPC; return 1; }
    if (now != wanted) return 0;
    if (mode == KILL) {
        if (writes) return 2;
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
    if (mode == FAIL) { fired = 1; errno = (int)error_number; return 1; }
    if (mode == SHORT && writes) { fired = 1; return 2; }
    return 0;
}
static void after_half(void) {
    if (mode == KILL) { kill(getpid(), SIGKILL); for (;;) pause(); }
}
#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) *(void **)&real = dlsym(RTLD_NEXT, name)

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(int, #name, const char *, int, ...); \
        mode_t bits = 0; \
        if (flags & (O_CREAT | __O_TMPFILE)) { va_list more; va_start(more, flags); bits = va_arg(more, mode_t); va_end(more); } \
        if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) && look(flags & O_CREAT ? "create" : "open", path, "", 0)) return -1; \
        int fd = real(path, flags, bits); \
        if (fd >= 0 && fd < FILES) snprintf(paths[fd], sizeof paths[fd], "%s", path); \
        return fd; \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    REAL(int, "close", int);
    if (fd >= 0 && fd < FILES) paths[fd][0] = 0;
    return real(fd);
}
ssize_t write(int fd, const void *data, size_t length) {
    REAL(ssize_t, "write", int, const void *, size_t);
    int what = look("write", of(fd), "", 1);
    if (what == 1) return -1;
    if (what == 2) { ssize_t done = real(fd, data, length > 1 ? length / 2 : length); after_half(); return done; }
    return real(fd, data, length);
}
#define PWRITE(name) \
    ssize_t name(int fd, const void *data, size_t length, off_t at) { \
        REAL(ssize_t, #name, int, const void *, size_t, off_t); \
        int what = look("write", of(fd), "", 1); \
        if (what == 1) return -1; \
        if (what == 2) { ssize_t done = real(fd, data, length > 1 ? length / 2 : length, at); after_half(); return done; } \
        return real(fd, data, length, at); \
    }
PWRITE(pwrite)
PWRITE(pwrite64)
#define SYNC(name) int name(int fd) { REAL(int, #name, int); return look("fsync", of(fd), "", 0) ? -1 : real(fd); }
SYNC(fsync)
SYNC(fdatasync)
#define TRUNCATE(name) int name(int fd, off_t size) { REAL(int, #name, int, off_t); return look("truncate", of(fd), "", 0) ? -1 : real(fd, size); }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)
int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    return look("rename", from, to, 0) ? -1 : real(from, to);
}
int link(const char *from, const char *to) {
    REAL(int, "link", const char *, const char *);
    return look("link", from, to, 0) ? -1 : real(from, to);
}
int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    return look("unlink", path, "", 0) ? -1 : real(path);
}
int mkdir(const char *path, mode_t bits) {
    REAL(int, "mkdir", const char *, mode_t);
    return look("mkdir", path, "", 0) ? -1 : real(path, bits);
}
