#include "tests/support/cutting_relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string_view>

#include "common/base/text.h"

namespace gofarm::testing {
namespace {

constexpr int kPollMs = 50;

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool SendAll(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes += sent;
    size -= static_cast<size_t>(sent);
  }
  return true;
}

bool BeginsRequest(const char* bytes, size_t size) {
  const std::string_view text(bytes, size);
  for (const std::string_view method : {"GET /", "HEAD /", "POST /", "PUT /", "PATCH /", "DELETE /"}) {
    if (text.substr(0, method.size()) == method) return true;
  }
  return false;
}

}  // namespace

CuttingRelay::CuttingRelay() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
  ::listen(listener_, 64);
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  accepting_ = std::thread([this] { Accept(); });
}

CuttingRelay::~CuttingRelay() {
  stopping_ = true;
  accepting_.join();
  for (std::thread& thread : threads_) thread.join();
  ::close(listener_);
}

std::string CuttingRelay::url() const { return Cat("http://127.0.0.1:", port_); }

void CuttingRelay::SetTarget(const std::string& url) { target_ = std::stoi(url.substr(url.rfind(':') + 1)); }

void CuttingRelay::CutAfter(int requests) {
  requests_ = 0;
  left_ = requests;
}

bool CuttingRelay::Takes(const char* bytes, size_t size) {
  if (!BeginsRequest(bytes, size)) return left_ != 0;
  if (left_ == 0) return false;
  ++requests_;
  if (left_ > 0) --left_;
  return true;
}

void CuttingRelay::Accept() {
  while (!stopping_) {
    pollfd ready{.fd = listener_, .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, kPollMs) <= 0) continue;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    const std::lock_guard<std::mutex> lock(mutex_);
    threads_.emplace_back([this, client] { Pass(client); });
  }
}

void CuttingRelay::Pass(int client) {
  const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(target_);
  bool open = ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  // Heads and bodies come in pieces: waiting for an acknowledgement of each costs 40 ms.
  const int on = 1;
  for (const int fd : {client, server}) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  char bytes[16 << 10];
  while (open && !stopping_) {
    pollfd ends[2] = {{.fd = client, .events = POLLIN, .revents = 0}, {.fd = server, .events = POLLIN, .revents = 0}};
    if (::poll(ends, 2, kPollMs) < 0) break;
    for (int i = 0; i < 2 && open; ++i) {
      if (ends[i].revents == 0) continue;
      const ssize_t got = ::recv(ends[i].fd, bytes, sizeof bytes, 0);
      const size_t size = got > 0 ? static_cast<size_t>(got) : 0;
      open = got > 0 && (i == 1 || Takes(bytes, size)) && SendAll(i == 0 ? server : client, bytes, size);
    }
  }
  ::close(client);
  ::close(server);
}

}  // namespace gofarm::testing
