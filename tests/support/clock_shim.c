/* LD_PRELOAD: what a process takes for the wall clock is the machine's plus an offset that a test sets while it runs: 8
   bytes, nanoseconds, in the file that GOFARM_TEST_CLOCK names. The monotonic clock and the kernel's waits are real, as
   they are when somebody sets a machine's clock. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const int64_t* offset;

__attribute__((constructor)) static void Begin(void) {
  const char* path = getenv("GOFARM_TEST_CLOCK");
  const int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  void* mapped = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
  if (mapped != MAP_FAILED) offset = mapped;
  close(fd);
}

int clock_gettime(clockid_t clock, struct timespec* out) {
  const int failed = (int)syscall(SYS_clock_gettime, clock, out);
  if (failed == 0 && offset != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    const int64_t second = 1000000000;
    int64_t nanos = out->tv_nsec + *offset % second;
    out->tv_sec += *offset / second;
    if (nanos < 0) {
      nanos += second;
      --out->tv_sec;
    } else if (nanos >= second) {
      nanos -= second;
      ++out->tv_sec;
    }
    out->tv_nsec = nanos;
  }
  return failed;
}

int gettimeofday(struct timeval* restrict out, void* restrict zone) {
  (void)zone;
  struct timespec now;
  const int failed = clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return failed;
}

time_t time(time_t* out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}
