// Many downloads at once from one HTTP server of this machine, each on a connection of its own: how long until the last
// one has all of its bytes. One JSON line on stdout.
//
//   downloads_bench PORT CONNECTIONS PATH...        connection N asks for path N modulo their number
//
// Bodies are counted and thrown away in the kernel, so that the time is the server's and not this program's.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/io/fd.h"

namespace gofarm::bench {
namespace {

constexpr absl::Duration kLongest = absl::Minutes(10);
constexpr size_t kHeadMax = 16 << 10;
constexpr size_t kDropAtOnce = 256 << 10;

// A benchmark that cannot go on ends.
[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "downloads_bench: %s\n", why.c_str());
  std::_Exit(1);
}

struct Download {
  io::Fd socket;
  std::string request;
  std::string head;
  int64_t left = -1;  // of the body; -1: the head has not come whole
  absl::Time first;   // when its first byte came
  absl::Time end;
};

// The body's size, once the head is there; what came of the body with it is taken off.
void ReadHead(Download& download) {
  const size_t end = download.head.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (download.head.size() > kHeadMax) Fail("a head without an end");
    return;
  }
  if (download.head.compare(0, 12, "HTTP/1.1 200") != 0) Fail(Cat("answered ", download.head.substr(0, 60)));
  for (const absl::string_view line : absl::StrSplit(Av(download.head).substr(0, end), "\r\n")) {
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(": ", 1));
    if (parts.size() == 2 && absl::EqualsIgnoreCase(parts[0], "content-length") &&
        !absl::SimpleAtoi(parts[1], &download.left)) {
      Fail("a Content-Length that is none");
    }
  }
  if (download.left < 0) Fail("an answer without Content-Length");
  download.left -= static_cast<int64_t>(download.head.size() - end - 4);
}

// What is there, and no more than kDropAtOnce: the others have their turn. True: it has everything.
bool Take(Download& download) {
  for (bool dropped = false; download.left != 0 && !dropped;) {
    ssize_t n = 0;
    if (download.left < 0) {
      char buffer[4096];
      n = ::recv(download.socket.get(), buffer, sizeof buffer, 0);
      if (n > 0) {
        if (download.head.empty()) download.first = SteadyNow();
        download.head.append(buffer, static_cast<size_t>(n));
        ReadHead(download);
        continue;
      }
    } else {
      // tcp(7): with MSG_TRUNC the bytes are dropped and the buffer is not looked at.
      n = ::recv(download.socket.get(), nullptr, std::min<size_t>(kDropAtOnce, static_cast<size_t>(download.left)),
                 MSG_TRUNC);
      if (n > 0) download.left -= n;
      dropped = n > 0;
    }
    if (n == 0) Fail(Cat("a connection ended with ", download.left, " bytes to come"));
    if (n < 0 && errno == EAGAIN) return false;
    if (n < 0 && errno != EINTR) Fail(Cat("recv: ", std::strerror(errno)));
  }
  if (download.left != 0) return false;
  download.end = SteadyNow();
  return true;
}

void Ask(Download& download, int port) {
  download.socket = io::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(download.socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    Fail(Cat("connect: ", std::strerror(errno)));
  }
  const ssize_t sent = ::send(download.socket.get(), download.request.data(), download.request.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(download.request.size())) Fail("a request was not taken whole");
}

int Main(int argc, char** argv) {
  int port = 0, connections = 0;
  if (argc < 4 || !absl::SimpleAtoi(argv[1], &port) || !absl::SimpleAtoi(argv[2], &connections) || connections < 1) {
    Fail("usage: downloads_bench PORT CONNECTIONS PATH...");
  }
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  const io::Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  std::vector<Download> downloads(static_cast<size_t>(connections));
  for (size_t i = 0; i < downloads.size(); ++i) {
    downloads[i].request =
        Cat("GET ", argv[3 + i % static_cast<size_t>(argc - 3)], " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  const absl::Time begin = SteadyNow();
  for (size_t i = 0; i < downloads.size(); ++i) {
    Ask(downloads[i], port);
    epoll_event event{.events = EPOLLIN | EPOLLRDHUP, .data = {.u64 = i}};
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, downloads[i].socket.get(), &event) != 0) Fail("epoll_ctl");
  }
  size_t open = downloads.size();
  std::vector<epoll_event> events(256);
  while (open > 0) {
    const absl::Duration left = begin + kLongest - SteadyNow();
    const int n = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()),
                               static_cast<int>(absl::ToInt64Milliseconds(left)));
    if (n <= 0) Fail(Cat(open, " downloads are not done: ", n == 0 ? "too slow" : std::strerror(errno)));
    for (int e = 0; e < n; ++e) {
      Download& download = downloads[events[static_cast<size_t>(e)].data.u64];
      if (!Take(download)) continue;
      download.socket.Close();
      --open;
    }
  }
  absl::Time first = begin, last = begin;
  for (const Download& download : downloads) {
    first = std::max(first, download.first);
    last = std::max(last, download.end);
  }
  std::printf("{\"seconds\": %.4f, \"last_first_byte_seconds\": %.4f}\n", absl::ToDoubleSeconds(last - begin),
              absl::ToDoubleSeconds(first - begin));
  return 0;
}

}  // namespace
}  // namespace gofarm::bench

int main(int argc, char** argv) { return gofarm::bench::Main(argc, argv); }
