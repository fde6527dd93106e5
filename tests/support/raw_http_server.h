// An HTTP server on a free port of this machine whose answers are bytes that the test writes: whole, late, cut or wrong
// ones. One thread a connection; for tests of clients only.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

namespace gofarm::testing {

class RawHttpServer {
 public:
  struct Request {
    std::string method;
    std::string target;
    std::string head;  // request line and fields
    std::string body;
    // Of a field, by its name in lower case; empty when it is missing.
    std::string Field(std::string_view name) const;
  };
  class Peer {
   public:
    explicit Peer(int fd, const absl::Notification& stop) : fd_(fd), stop_(stop) {}
    // False when the client is gone.
    bool Send(std::string_view bytes);
    // "HTTP/1.1 STATUS" with Content-Length and the given fields, each "Name: value\r\n".
    bool Answer(int status, std::string_view fields, std::string_view body);
    // Until the server ends: a server that says nothing.
    void Hang() { stop_.WaitForNotification(); }

   private:
    const int fd_;
    const absl::Notification& stop_;
  };
  // False closes the connection.
  using Handler = std::function<bool(const Request& request, Peer& peer)>;

  // `early` is asked before a request's body is read. True: it has answered, and the rest of the request is thrown away
  // until the client closes.
  explicit RawHttpServer(Handler handler, Handler early = nullptr);
  ~RawHttpServer();
  RawHttpServer(const RawHttpServer&) = delete;
  RawHttpServer& operator=(const RawHttpServer&) = delete;

  const std::string& url() const { return url_; }
  int connections() const;
  std::vector<Request> requests() const;

 private:
  void Accept();
  void Serve(int fd);

  const Handler handler_;
  const Handler early_;
  const int fd_;
  std::string url_;
  absl::Notification stop_;
  mutable absl::Mutex mutex_;
  std::vector<int> peers_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> serving_ ABSL_GUARDED_BY(mutex_);
  std::vector<Request> requests_ ABSL_GUARDED_BY(mutex_);
  std::thread accepting_;
};

}  // namespace gofarm::testing
