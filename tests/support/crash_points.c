/* Ends a process by SIGKILL at one of its writes to files: LD_PRELOAD it, set crash_at, and count by crash_count.
   Every call has two points, before it and after it; a write that is met before it is made is made by half. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

int crash_at = 0;
int crash_count = 0;

static int due(void) { return __sync_add_and_fetch(&crash_count, 1) == crash_at; }

static void end(void) { kill(getpid(), SIGKILL); for (;;) pause(); }

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t place) {
  ssize_t (*real)(int, const void *, size_t, off64_t) = next("pwrite64");
  if (due()) { real(file, bytes, size / 2, place); end(); }
  ssize_t done = real(file, bytes, size, place);
  if (due()) end();
  return done;
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t place) { return pwrite64(file, bytes, size, place); }

#define POINT(name, parameters, arguments) \
  int name parameters {                    \
    int(*real) parameters = next(#name);   \
    if (due()) end();                      \
    int done = real arguments;             \
    if (due()) end();                      \
    return done;                           \
  }

POINT(fsync, (int file), (file))
POINT(fdatasync, (int file), (file))
POINT(ftruncate64, (int file, off64_t size), (file, size))
POINT(unlink, (const char *path), (path))
