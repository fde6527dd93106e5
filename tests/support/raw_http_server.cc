#include "tests/support/raw_http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "common/base/check.h"
#include "common/base/text.h"

namespace gofarm::testing {

std::string RawHttpServer::Request::Field(std::string_view name) const {
  const std::string lower = absl::AsciiStrToLower(head);
  const size_t at = lower.find(Cat("\r\n", name, ":"));
  if (at == std::string::npos) return "";
  const size_t begin = at + 3 + name.size();
  return std::string(absl::StripAsciiWhitespace(head.substr(begin, head.find("\r\n", begin) - begin)));
}

bool RawHttpServer::Peer::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool RawHttpServer::Peer::Answer(int status, std::string_view fields, std::string_view body) {
  return Send(Cat("HTTP/1.1 ", status, " X\r\n", fields, "Content-Length: ", body.size(), "\r\n\r\n", body));
}

RawHttpServer::RawHttpServer(Handler handler, Handler early)
    : handler_(std::move(handler)), early_(std::move(early)), fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  GOFARM_CHECK(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0);
  GOFARM_CHECK(::listen(fd_, 64) == 0);
  GOFARM_CHECK(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  url_ = Cat("http://127.0.0.1:", ntohs(address.sin_port));
  accepting_ = std::thread([this] { Accept(); });
}

RawHttpServer::~RawHttpServer() {
  stop_.Notify();
  ::shutdown(fd_, SHUT_RDWR);
  accepting_.join();
  std::vector<std::thread> serving;
  {
    absl::MutexLock lock(&mutex_);
    for (const int peer : peers_) ::shutdown(peer, SHUT_RDWR);
    serving.swap(serving_);
  }
  for (std::thread& thread : serving) thread.join();
  for (const int peer : peers_) ::close(peer);
  ::close(fd_);
}

int RawHttpServer::connections() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(peers_.size());
}

std::vector<RawHttpServer::Request> RawHttpServer::requests() const {
  absl::MutexLock lock(&mutex_);
  return requests_;
}

void RawHttpServer::Accept() {
  for (int peer; (peer = ::accept(fd_, nullptr, nullptr)) >= 0;) {
    const int on = 1;
    ::setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    absl::MutexLock lock(&mutex_);
    peers_.push_back(peer);
    serving_.emplace_back([this, peer] { Serve(peer); });
  }
}

void RawHttpServer::Serve(int fd) {
  Peer peer(fd, stop_);
  std::string in;
  char buffer[65536];
  const auto more = [&] {
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n > 0) in.append(buffer, static_cast<size_t>(n));
    return n > 0;
  };
  while (true) {
    size_t end;
    while ((end = in.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) return;
    }
    Request request;
    request.head = in.substr(0, end + 2);
    request.method = request.head.substr(0, request.head.find(' '));
    const size_t target = request.method.size() + 1;
    request.target = request.head.substr(target, request.head.find(' ', target) - target);
    const size_t length = std::strtoul(request.Field("content-length").c_str(), nullptr, 10);
    in.erase(0, end + 4);
    if (early_ && early_(request, peer)) {
      while (more()) in.clear();
      break;
    }
    while (in.size() < length) {
      if (!more()) break;
    }
    request.body = in.substr(0, length);
    in.erase(0, length);
    {
      absl::MutexLock lock(&mutex_);
      requests_.push_back(request);
    }
    if (!handler_(request, peer)) break;
  }
  ::shutdown(fd, SHUT_RDWR);
}

}  // namespace gofarm::testing
