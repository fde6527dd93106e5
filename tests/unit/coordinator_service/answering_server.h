// An HTTP server that gives every request the same answer. For the tests of the module proxy only.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <utility>

#include "common/base/check.h"
#include "common/base/text.h"

namespace gofarm::testing {

class AnsweringServer {
 public:
  explicit AnsweringServer(std::string answer) : answer_(std::move(answer)), fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    GOFARM_CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    GOFARM_CHECK(listen(fd_, 16) == 0);
    GOFARM_CHECK(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    url_ = Cat("http://127.0.0.1:", ntohs(address.sin_port));
    thread_ = std::thread([this] { Serve(); });
  }
  ~AnsweringServer() {
    shutdown(fd_, SHUT_RDWR);  // ends accept
    thread_.join();
    close(fd_);
  }
  AnsweringServer(const AnsweringServer&) = delete;
  AnsweringServer& operator=(const AnsweringServer&) = delete;

  const std::string& url() const { return url_; }

 private:
  void Serve() {
    for (int peer; (peer = accept(fd_, nullptr, nullptr)) >= 0; close(peer)) {
      std::string request;
      char buffer[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t n = recv(peer, buffer, sizeof buffer, 0);
        if (n <= 0) break;
        request.append(buffer, static_cast<size_t>(n));
      }
      (void)send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL);
    }
  }

  const std::string answer_;
  const int fd_;
  std::string url_;
  std::thread thread_;
};

}  // namespace gofarm::testing
