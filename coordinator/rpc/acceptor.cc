#include "coordinator/rpc/acceptor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/obs/log.h"
#include "common/pki/certificate.h"

namespace gofarm::rpc {
namespace {

constexpr int kBacklog = 1'024;
constexpr int kEventsMax = 64;
constexpr int kSweepMillis = 1'000;
// Before the next accept() when there are no descriptors left: the listener stays readable all the while.
constexpr absl::Duration kNoResourcePause = absl::Milliseconds(100);
constexpr uint64_t kListenerEvent = 0;
constexpr uint64_t kWakeEvent = UINT64_MAX;

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

struct HostPort {
  std::string host, port;
};

HostPort Split(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return {address, ""};
  std::string host = address.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return {std::move(host), address.substr(colon + 1)};
}

absl::StatusOr<io::Fd> Bind(const addrinfo& where, const std::string& address) {
  io::Fd fd(::socket(where.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return ErrnoStatus(errno, Cat("open a socket for ", address));
  const int on = 1;
  // What a former process left in TIME_WAIT bars nobody; two coordinators still cannot share a port.
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), where.ai_addr, where.ai_addrlen) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    return absl::UnavailableError(
        Cat("listen on ", address, ": it is taken, or not an address of this machine (", std::strerror(errno), ")"));
  }
  return fd;
}

std::string Port(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return "0";
  return Cat(ntohs(bound.ss_family == AF_INET ? reinterpret_cast<const sockaddr_in&>(bound).sin_port
                                              : reinterpret_cast<const sockaddr_in6&>(bound).sin6_port));
}

// "10.0.0.7" and "41234"; an IPv4 address within IPv6 is the former.
HostPort Remote(int fd) {
  sockaddr_storage remote{};
  socklen_t size = sizeof remote;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&remote), &size) != 0) return {};
  char text[INET6_ADDRSTRLEN] = "";
  if (remote.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(remote);
    return {::inet_ntop(AF_INET, &in.sin_addr, text, sizeof text), Cat(ntohs(in.sin_port))};
  }
  if (remote.ss_family != AF_INET6) return {};
  const auto& in = reinterpret_cast<const sockaddr_in6&>(remote);
  const bool mapped = IN6_IS_ADDR_V4MAPPED(&in.sin6_addr);
  const void* const bytes = mapped ? static_cast<const void*>(&in.sin6_addr.s6_addr[12]) : &in.sin6_addr;
  return {::inet_ntop(mapped ? AF_INET : AF_INET6, bytes, text, sizeof text), Cat(ntohs(in.sin6_port))};
}

std::string NameOf(const HostPort& remote) {
  if (remote.host.empty()) return "";
  const bool six = remote.host.find(':') != std::string::npos;
  return six ? Cat("ipv6:%5B", remote.host, "%5D:", remote.port) : Cat("ipv4:", remote.host, ":", remote.port);
}

absl::Status Add(int epoll, int fd, uint32_t events, uint64_t id) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "watch a connection");
}

}  // namespace

std::string PeerName(int fd) { return NameOf(Remote(fd)); }

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Listen(const std::string& address, AcceptorLimits limits) {
  const HostPort parts = Split(address);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* raw = nullptr;
  if (const int error = ::getaddrinfo(parts.host.c_str(), parts.port.c_str(), &hints, &raw); error != 0) {
    return absl::InvalidArgumentError(
        Cat("listen on \"", EscapeForPrint(address), "\": ", ::gai_strerror(error), "; write HOST:PORT"));
  }
  const Addresses found(raw, &::freeaddrinfo);
  GOFARM_ASSIGN_OR_RETURN(io::Fd listener, Bind(*found, address));
  io::Fd epoll(::epoll_create1(EPOLL_CLOEXEC)), wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll || !wake) return ErrnoStatus(errno, Cat("listen on ", address));
  GOFARM_RETURN_IF_ERROR(Add(epoll.get(), listener.get(), EPOLLIN, kListenerEvent));
  GOFARM_RETURN_IF_ERROR(Add(epoll.get(), wake.get(), EPOLLIN, kWakeEvent));
  std::string bound = Cat(address.substr(0, address.rfind(':')), ":", Port(listener.get()));
  return std::unique_ptr<Acceptor>(
      new Acceptor(std::move(listener), std::move(epoll), std::move(wake), std::move(bound), limits));
}

Acceptor::Acceptor(io::Fd listener, io::Fd epoll, io::Fd wake, std::string address, AcceptorLimits limits)
    : listener_(std::move(listener)),
      epoll_(std::move(epoll)),
      wake_(std::move(wake)),
      address_(std::move(address)),
      limits_(limits) {}

Acceptor::~Acceptor() { Stop(); }

void Acceptor::Start(HandOver hand_over) {
  hand_over_ = std::move(hand_over);
  thread_ = std::thread([this] { Run(); });
}

void Acceptor::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  const uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
  if (thread_.joinable()) thread_.join();
}

void Acceptor::Run() {
  absl::Time sweep_at = SteadyNow();
  for (;;) {
    epoll_event events[kEventsMax];
    const int count = ::epoll_wait(epoll_.get(), events, kEventsMax, kSweepMillis);
    bool waiting = false;
    {
      const absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      for (int i = 0; i < count; ++i) {
        if (events[i].data.u64 == kListenerEvent) {
          waiting = true;
        } else {
          Forget(events[i].data.u64);
        }
      }
    }
    if (waiting) AcceptAll();
    if (SteadyNow() >= sweep_at) {
      Sweep();
      sweep_at = SteadyNow() + absl::Milliseconds(kSweepMillis);
    }
  }
}

void Acceptor::AcceptAll() {
  for (int i = 0; i < kEventsMax && AcceptOne(); ++i) {
  }
}

bool Acceptor::HasRoomFor(const std::string& host) const {
  if (counts_.connections >= limits_.connections || counts_.strangers >= limits_.strangers) return false;
  const auto it = strangers_.find(host);
  return it == strangers_.end() || it->second < limits_.strangers_per_address;
}

bool Acceptor::AcceptOne() {
  io::Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) {
    const int error = errno;
    // One that was gone before it was accepted.
    if (error == ECONNABORTED || error == EINTR || error == EPROTO) return true;
    if (error == EAGAIN || error == EWOULDBLOCK) return false;
    {
      const absl::MutexLock lock(&mutex_);
      if (counts_.no_resource++ == 0) obs::Error("accept_failed", {{"error", std::strerror(error)}});
    }
    absl::SleepFor(kNoResourcePause);
    return false;
  }
  const HostPort remote = Remote(fd.get());
  io::Fd ours(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  {
    const absl::MutexLock lock(&mutex_);
    if (stopping_) return false;
    if (!ours || remote.host.empty() || !HasRoomFor(remote.host)) {
      ++counts_.refused;
      return true;
    }
    const uint64_t id = next_id_++;
    // It is forgotten as soon as the other end has said its last word; whoever serves it closes it then.
    if (!Add(epoll_.get(), ours.get(), EPOLLRDHUP, id).ok()) {
      ++counts_.refused;
      return true;
    }
    ++counts_.accepted;
    ++counts_.connections;
    ++counts_.strangers;
    ++strangers_[remote.host];
    const std::string peer = NameOf(remote);
    by_peer_[peer] = id;
    connections_[id] = {.fd = std::move(ours), .peer = peer, .host = remote.host, .since = SteadyNow()};
  }
  const int on = 1;
  (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  hand_over_(fd.Release());
  return true;
}

void Acceptor::Forget(uint64_t id) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) return;
  const Connection& connection = it->second;
  // The receiver's descriptor is of the same socket and would keep it watched.
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, connection.fd.get(), nullptr);
  --counts_.connections;
  if (connection.identity == 0) {
    --counts_.strangers;
    if (--strangers_[connection.host] == 0) strangers_.erase(connection.host);
  } else if (--of_identity_[connection.identity] == 0) {
    of_identity_.erase(connection.identity);
  }
  // A later connection may have the same port.
  if (const auto known = by_peer_.find(connection.peer); known != by_peer_.end() && known->second == id) {
    by_peer_.erase(known);
  }
  connections_.erase(it);
}

void Acceptor::Sweep() {
  const absl::Time oldest = SteadyNow() - limits_.stranger_time;
  const absl::Time ended = WallNow() - pki::kSkewMax;
  const absl::MutexLock lock(&mutex_);
  std::vector<uint64_t> over;
  for (const auto& [id, connection] : connections_) {
    const bool stranger = connection.identity == 0;
    if (stranger ? connection.since > oldest : connection.until > ended) continue;
    ++(stranger ? counts_.overdue : counts_.expired);
    over.push_back(id);
  }
  for (const uint64_t id : over) {
    (void)::shutdown(connections_.at(id).fd.get(), SHUT_RDWR);
    Forget(id);
  }
}

absl::Status Acceptor::Vouch(const std::string& peer, int64_t identity, absl::Time until) {
  const absl::MutexLock lock(&mutex_);
  const auto it = by_peer_.find(peer);
  if (it == by_peer_.end()) return absl::OkStatus();
  Connection& connection = connections_.at(it->second);
  if (connection.identity != 0) return absl::OkStatus();
  int& count = of_identity_[identity];
  if (count >= limits_.per_identity) {
    return absl::ResourceExhaustedError(
        Cat("this identity has ", count, " connections, at most ", limits_.per_identity, " at once"));
  }
  ++count;
  --counts_.strangers;
  if (--strangers_[connection.host] == 0) strangers_.erase(connection.host);
  connection.identity = identity;
  connection.until = until;
  return absl::OkStatus();
}

int Acceptor::Shut(int64_t identity) {
  const absl::MutexLock lock(&mutex_);
  std::vector<uint64_t> ended;
  for (const auto& [id, connection] : connections_) {
    if (connection.identity == identity) ended.push_back(id);
  }
  for (const uint64_t id : ended) {
    (void)::shutdown(connections_.at(id).fd.get(), SHUT_RDWR);
    Forget(id);
  }
  return static_cast<int>(ended.size());
}

AcceptorCounts Acceptor::Counts() const {
  const absl::MutexLock lock(&mutex_);
  return counts_;
}

}  // namespace gofarm::rpc
