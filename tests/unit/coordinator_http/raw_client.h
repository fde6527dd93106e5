// A client of bytes written by hand, for the tests of the HTTP listener.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "common/base/text.h"

namespace gofarm::http {

// `window`: of a line with little room; 0: as the system has it. `from`: an address of this machine.
inline int Connect(int port, int window = 0, const char* from = "127.0.0.1") {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (window != 0) ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
  sockaddr_in here{};
  here.sin_family = AF_INET;
  EXPECT_EQ(::inet_pton(AF_INET, from, &here.sin_addr), 1);
  EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&here), sizeof here), 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval limit = {.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  return fd;
}

inline std::string ReadToEnd(int fd) {
  std::string out;
  char buffer[4096];
  ssize_t n;
  while ((n = ::recv(fd, buffer, sizeof buffer, 0)) > 0) out.append(buffer, static_cast<size_t>(n));
  return out;
}

inline std::string Say(int port, const std::string& request) {
  const int fd = Connect(port);
  ::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
  std::string answer = ReadToEnd(fd);
  ::close(fd);
  return answer;
}

inline std::string Get(int port, const std::string& path) {
  return Say(port, Cat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
}

}  // namespace gofarm::http
