#include "tests/chaos/relay.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/text.h"

namespace gofarm::chaos {
namespace {

constexpr absl::Duration kLook = absl::Milliseconds(20);  // for a cut, the end of a stall, the end of all

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

int NewSocket() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

}  // namespace

Relay::Relay(std::string path, std::string target)
    : path_(std::move(path)), target_(std::move(target)), listener_(NewSocket()) {
  const sockaddr_un address = AddressOf(path_);
  EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0) << path_;
  EXPECT_EQ(::listen(listener_.get(), 64), 0) << path_;
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

Relay::~Relay() {
  thread_.request_stop();
  thread_.join();
  ::unlink(path_.c_str());
}

std::string Relay::address() const { return Cat("unix:", path_); }

void Relay::Cut() { cut_ = true; }

void Relay::StallUntil(absl::Time until) {
  const absl::MutexLock lock(&mutex_);
  stalled_until_ = until;
}

void Relay::Accept() {
  io::Fd near(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (near.get() < 0) return;
  io::Fd far(NewSocket());
  const sockaddr_un address = AddressOf(target_);
  // On a unix socket this answers at once; nobody there: the worker's connection ends.
  if (::connect(far.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return;
  pairs_.push_back({.near = std::move(near), .far = std::move(far), .there = {}, .back = {}});
}

bool Relay::Carry(bool readable, int from, int to, std::string& waiting) {
  if (waiting.empty() && readable) {
    char buffer[1 << 16];
    const ssize_t got = ::read(from, buffer, sizeof buffer);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return false;
    if (got > 0) waiting.assign(buffer, static_cast<size_t>(got));
  }
  if (waiting.empty()) return true;
  const ssize_t put = ::send(to, waiting.data(), waiting.size(), MSG_NOSIGNAL);
  if (put < 0) return errno == EAGAIN || errno == EINTR;
  waiting.erase(0, static_cast<size_t>(put));
  return true;
}

void Relay::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    absl::Time stalled;
    {
      const absl::MutexLock lock(&mutex_);
      stalled = stalled_until_;
    }
    if (cut_.exchange(false)) {
      for (Pair& pair : pairs_) {
        // Half of what lies there still arrives.
        char buffer[4096];
        const ssize_t got = ::recv(pair.near.get(), buffer, sizeof buffer, 0);
        if (got > 1) ::send(pair.far.get(), buffer, static_cast<size_t>(got / 2), MSG_NOSIGNAL);
      }
      pairs_.clear();
    }
    if (absl::Now() < stalled) {
      absl::SleepFor(kLook);
      continue;
    }
    std::vector<pollfd> fds = {{listener_.get(), POLLIN, 0}};
    for (const Pair& pair : pairs_) {
      const auto want = [](const std::string& in, const std::string& out) {
        return static_cast<short>((in.empty() ? POLLIN : 0) | (out.empty() ? 0 : POLLOUT));
      };
      fds.push_back({pair.near.get(), want(pair.there, pair.back), 0});
      fds.push_back({pair.far.get(), want(pair.back, pair.there), 0});
    }
    if (::poll(fds.data(), fds.size(), static_cast<int>(absl::ToInt64Milliseconds(kLook))) <= 0) continue;
    size_t at = 1;
    for (auto it = pairs_.begin(); it != pairs_.end(); at += 2) {
      const bool goes_on = Carry(fds[at].revents != 0, it->near.get(), it->far.get(), it->there) &&
                           Carry(fds[at + 1].revents != 0, it->far.get(), it->near.get(), it->back);
      it = goes_on ? std::next(it) : pairs_.erase(it);
    }
    if (fds[0].revents != 0) Accept();
  }
}

}  // namespace gofarm::chaos
