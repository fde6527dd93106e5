/* What hostile code would try, one verb each. Exit code 0: it worked. Static, since a sandbox has no libc. The tests
 * run each verb inside the sandbox, where it must fail, and without that defence, where it must work. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int failed(const char *what) {
  printf("%s: %s\n", what, strerror(errno));
  return 1;
}

static int tcp(const char *port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  return fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0 ? 0 : failed("connect");
}

static int abstract_socket(const char *name) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  strncpy(to.sun_path + 1, name, sizeof to.sun_path - 2);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
  return fd >= 0 && connect(fd, (struct sockaddr *)&to, size) == 0 ? 0 : failed("connect");
}

static int read_file(const char *path) {
  char buffer[65536];
  int fd = open(path, O_RDONLY);
  if (fd < 0) return failed("open");
  ssize_t n;
  while ((n = read(fd, buffer, sizeof buffer)) > 0) fwrite(buffer, 1, (size_t)n, stdout);
  return n == 0 ? 0 : failed("read");
}

static int write_file(const char *path) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  return fd >= 0 && write(fd, "hostile\n", 8) == 8 ? 0 : failed("write");
}

static int list(const char *path) {
  DIR *dir = opendir(path);
  if (dir == NULL) return failed("opendir");
  struct dirent *entry;
  while ((entry = readdir(dir)) != NULL) {
    if (entry->d_name[0] != '.') printf("%s\n", entry->d_name);
  }
  return 0;
}

/* The command lines of every process that /proc shows. */
static int processes(void) {
  DIR *dir = opendir("/proc");
  struct dirent *entry;
  while (dir != NULL && (entry = readdir(dir)) != NULL) {
    if (atoi(entry->d_name) <= 0) continue;
    char path[300];
    snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
    printf("%s ", entry->d_name);
    if (read_file(path) == 0) printf("\n");
  }
  return 0;
}

static int nothing(void *unused) {
  (void)unused;
  return 0;
}

static int user_namespace(void) {
  if (unshare(CLONE_NEWUSER) == 0) return 0;
  static char stack[65536];
  int pid = clone(nothing, stack + sizeof stack, CLONE_NEWUSER | SIGCHLD, NULL);
  if (pid < 0) return failed("clone");
  waitpid(pid, NULL, 0);
  return 0;
}

static int mount_here(const char *dir) { return mount("x", dir, "tmpfs", 0, NULL) == 0 ? 0 : failed("mount"); }

static int forks(int wanted, int seconds) {
  int made = 0;
  for (; made < wanted; ++made) {
    pid_t pid = fork();
    if (pid < 0) break;
    if (pid == 0) {
      sleep((unsigned)seconds + 60);
      _exit(0);
    }
  }
  printf("forks %d\n", made);
  fflush(stdout);
  sleep((unsigned)seconds);
  return made == wanted ? 0 : 1;
}

static int touch_memory(long mib, int seconds) {
  size_t size = (size_t)mib << 20;
  char *memory = malloc(size);
  if (memory == NULL) return failed("malloc");
  for (size_t i = 0; i < size; i += 4096) memory[i] = 1;
  printf("touched\n");
  fflush(stdout);
  sleep((unsigned)seconds);
  return memory[size / 2] == 1 ? 0 : 1;
}

static int memory_in_many(int count, long mib, int seconds) {
  for (int i = 0; i < count; ++i) {
    if (fork() == 0) _exit(touch_memory(mib, seconds));
  }
  int all = 0, status;
  while (wait(&status) > 0) all |= status;
  return all == 0 ? 0 : 1;
}

static void burn(double seconds) {
  struct timespec t;
  do {
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  } while ((double)t.tv_sec + (double)t.tv_nsec / 1e9 < seconds);
}

/* Children that end before anybody can look, some of them orphans. */
static int burn_in_children(int count, double seconds) {
  for (int i = 0; i < count; ++i) {
    int done[2];
    if (pipe(done) != 0) return failed("pipe");
    if (fork() == 0) {
      if (fork() == 0) burn(seconds);
      _exit(0);
    }
    wait(NULL);
    close(done[1]);
    char byte;
    if (read(done[0], &byte, 1) != 0) return failed("read"); /* until the orphan is gone */
    close(done[0]);
  }
  return 0;
}

static int fill(const char *dir, int files, long mib, int seconds) {
  static char block[1 << 20];
  memset(block, 'x', sizeof block);
  for (int i = 0; i < files; ++i) {
    char path[300];
    snprintf(path, sizeof path, "%s/file-%d", dir, i);
    int fd = open(path, O_WRONLY | O_CREAT, 0666);
    if (fd < 0) return failed("open");
    for (long m = 0; m < mib; ++m) {
      if (write(fd, block, sizeof block) != (ssize_t)sizeof block) return failed("write");
    }
    close(fd);
  }
  sleep((unsigned)seconds);
  return 0;
}

/* Files that no folder shows: without a name as soon as they are there, held open. */
static int hide(const char *dir, int files, long mib, int seconds) {
  static char block[1 << 20];
  memset(block, 'x', sizeof block);
  close(0); /* one of them takes the lowest number */
  for (int i = 0; i < files; ++i) {
    char path[300];
    snprintf(path, sizeof path, "%s/hidden-%d", dir, i);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || unlink(path) != 0) return failed("open");
    for (long m = 0; m < mib; ++m) {
      if (write(fd, block, sizeof block) != (ssize_t)sizeof block) return failed("write");
    }
  }
  sleep((unsigned)seconds);
  return 0;
}

/* A process that left session, group and parent behind. */
static int daemonize(int seconds) {
  if (fork() == 0) {
    setsid();
    if (fork() == 0) {
      printf("daemon\n");
      fflush(stdout);
      sleep((unsigned)seconds);
      _exit(0);
    }
    _exit(0);
  }
  wait(NULL);
  return 0;
}

static int deep_folders(const char *dir, int depth) {
  if (chdir(dir) != 0) return failed("chdir");
  for (int i = 0; i < depth; ++i) {
    if (mkdir("d", 0777) != 0 || chdir("d") != 0) return failed("mkdir");
  }
  return chmod(".", 0);
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  const char *verb = argv[1];
  const char *a = argc > 2 ? argv[2] : "";
  const char *b = argc > 3 ? argv[3] : "0";
  const char *c = argc > 4 ? argv[4] : "0";
  const char *d = argc > 5 ? argv[5] : "0";
  if (strcmp(verb, "tcp") == 0) return tcp(a);
  if (strcmp(verb, "abstract") == 0) return abstract_socket(a);
  if (strcmp(verb, "read") == 0) return read_file(a);
  if (strcmp(verb, "write") == 0) return write_file(a);
  if (strcmp(verb, "list") == 0) return list(a);
  if (strcmp(verb, "processes") == 0) return processes();
  if (strcmp(verb, "user-namespace") == 0) return user_namespace();
  if (strcmp(verb, "mount") == 0) return mount_here(a);
  if (strcmp(verb, "forks") == 0) return forks(atoi(a), atoi(b));
  if (strcmp(verb, "memory") == 0) return touch_memory(atol(a), atoi(b));
  if (strcmp(verb, "memory-in-many") == 0) return memory_in_many(atoi(a), atol(b), atoi(c));
  if (strcmp(verb, "burn-in-children") == 0) return burn_in_children(atoi(a), atof(b));
  if (strcmp(verb, "fill") == 0) return fill(a, atoi(b), atol(c), atoi(d));
  if (strcmp(verb, "hide") == 0) return hide(a, atoi(b), atol(c), atoi(d));
  if (strcmp(verb, "socket") == 0) return socket(atoi(a), SOCK_DGRAM, 0) >= 0 ? 0 : failed("socket");
  if (strcmp(verb, "socket-pair") == 0) {
    int ends[2];
    return socketpair(atoi(a), SOCK_STREAM, 0, ends) == 0 ? 0 : failed("socketpair");
  }
  if (strcmp(verb, "daemonize") == 0) return daemonize(atoi(a));
  if (strcmp(verb, "deep") == 0) return deep_folders(a, atoi(b));
  if (strcmp(verb, "exit") == 0) return atoi(a);
  if (strcmp(verb, "memfd") == 0) return memfd_create("x", 0) >= 0 ? 0 : failed("memfd_create");
  if (strcmp(verb, "shm") == 0) return shmget(IPC_PRIVATE, 1 << 20, IPC_CREAT | 0600) >= 0 ? 0 : failed("shmget");
  if (strcmp(verb, "ptrace") == 0) return ptrace(PTRACE_ATTACH, atoi(a), NULL, NULL) == 0 ? 0 : failed("ptrace");
  if (strcmp(verb, "signal") == 0) return kill(atoi(a), 0) == 0 ? 0 : failed("kill");
  if (strcmp(verb, "die") == 0) return raise(atoi(a));
  if (strcmp(verb, "burn") == 0) {
    burn(atof(a));
    return 0;
  }
  if (strcmp(verb, "root-in-namespace") == 0) { /* what namespaces give to those who may make them, then another verb */
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return failed("unshare");
    return main(argc - 1, argv + 1);
  }
  if (strcmp(verb, "hold") == 0) {
    printf("holding\n");
    fflush(stdout);
    sleep((unsigned)atoi(a));
    return 0;
  }
  if (strcmp(verb, "chatter") == 0) {
    for (int i = 0; i < atoi(a) * 20; ++i) {
      printf("still here\n");
      fflush(stdout);
      usleep(50000);
    }
    return 0;
  }
  if (strcmp(verb, "identity") == 0) {
    char host[100] = "";
    gethostname(host, sizeof host - 1);
    mode_t mask = umask(0);
    printf("uid=%d euid=%d gid=%d umask=%o host=%s pid=%d\n", getuid(), geteuid(), getgid(), mask, host, getpid());
    return 0;
  }
  if (strcmp(verb, "exec") == 0) {
    execv(a, argv + 2);
    return failed("exec");
  }
  if (strcmp(verb, "environment") == 0) {
    extern char **environ;
    for (char **e = environ; *e != NULL; ++e) printf("%s\n", *e);
    return 0;
  }
  return 2;
}
