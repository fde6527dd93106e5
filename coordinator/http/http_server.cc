#include "coordinator/http/http_server.h"

#include <atomic>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/obs/log.h"
#include "common/sync/bounded_pool.h"

namespace gofarm::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using tcp = asio::ip::tcp;

struct HostPort {
  asio::ip::address host;
  uint16_t port = 0;
};

absl::StatusOr<HostPort> ParseAddress(const std::string& address) {
  const size_t colon = address.rfind(':');
  const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
  if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos ||
      std::stoi(port) > 65535) {
    return absl::InvalidArgumentError(Cat("\"", EscapeForPrint(address), "\" is no address; write 127.0.0.1:PORT"));
  }
  std::string host = address.substr(0, colon);
  if (host == "localhost") host = "127.0.0.1";
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  boost::system::error_code ec;
  const asio::ip::address ip = asio::ip::make_address(host, ec);
  if (ec) {
    return absl::InvalidArgumentError(
        Cat("\"", EscapeForPrint(address), "\": the host must be an IP address of this machine, such as 127.0.0.1"));
  }
  if (!ip.is_loopback()) {
    return absl::FailedPreconditionError(Cat("\"", EscapeForPrint(address),
                                             "\" reaches beyond this machine, and TLS is not configured; listen on "
                                             "127.0.0.1 or [::1]"));
  }
  return HostPort{ip, static_cast<uint16_t>(std::stoi(port))};
}

class Connection;

// Connections that wait for a request, or for the rest of one, the longest-waiting first. Thread-safe.
class Idle {
 public:
  // Its place, for Leave.
  int64_t Enter(std::weak_ptr<Connection> connection) ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::MutexLock lock(&mutex_);
    waiting_[++last_] = std::move(connection);
    return last_;
  }
  void Leave(int64_t place) ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::MutexLock lock(&mutex_);
    waiting_.erase(place);
  }
  // The one that must give way; null when none waits.
  std::shared_ptr<Connection> TakeOldest() ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::MutexLock lock(&mutex_);
    while (!waiting_.empty()) {
      std::shared_ptr<Connection> oldest = waiting_.begin()->second.lock();
      waiting_.erase(waiting_.begin());
      if (oldest != nullptr) return oldest;
    }
    return nullptr;
  }

 private:
  absl::Mutex mutex_;
  std::map<int64_t, std::weak_ptr<Connection>> waiting_ ABSL_GUARDED_BY(mutex_);
  int64_t last_ ABSL_GUARDED_BY(mutex_) = 0;
};

// What all connections share. Handlers and streams may outlive their connection, never this.
struct Shared {
  Router router;
  HttpServerOptions options;
  std::atomic<int> connections = 0;
  std::atomic<int> streams = 0;
  Idle idle;
  sync::BoundedPool handlers{"http-handlers", kHandlerThreads, kHandlerQueueMax};
  // A connection has at most one task in it.
  sync::BoundedPool pieces{"http-streams", kStreamThreads, size_t{kConnectionsMax}};
  // Held while a wake of a stream is posted: none is after `stopped`, as the io_context is about to end.
  absl::Mutex wake_mutex;
  bool stopped ABSL_GUARDED_BY(wake_mutex) = false;
};

std::chrono::milliseconds Chrono(absl::Duration d) { return absl::ToChronoMilliseconds(d); }

// One connection; alive as long as one of its handlers waits. All of it runs on its own strand, but for the tasks that
// it posts to the pools, which touch nothing but what they are given.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, std::shared_ptr<Shared> shared)
      : stream_(std::move(socket)), shared_(std::move(shared)) {
    ++shared_->connections;
  }
  ~Connection() {
    EndStream();
    --shared_->connections;
  }

  void Run() {
    asio::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->Read(); });
  }

  // For a new connection, unless a request came meanwhile.
  void GiveWay() {
    asio::post(stream_.get_executor(), [self = shared_from_this()] {
      if (self->idle_ != 0) self->Close();
    });
  }

 private:
  void Read() {
    idle_ = shared_->idle.Enter(weak_from_this());
    parser_.emplace();
    parser_->header_limit(kHeaderBytesMax);
    parser_->body_limit(kBodyBytesMax);
    stream_.expires_after(Chrono(shared_->options.request_time));
    bhttp::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](beast::error_code ec, size_t) {
      self->shared_->idle.Leave(std::exchange(self->idle_, 0));
      if (ec == bhttp::error::header_limit) return self->Refuse(431, "request header is too large\n");
      if (ec == bhttp::error::body_limit) return self->Refuse(413, "request body is too large\n");
      if (ec == bhttp::error::end_of_stream || ec == beast::error::timeout || ec == asio::error::connection_reset ||
          ec == asio::error::operation_aborted || ec == bhttp::error::partial_message) {
        return self->Close();
      }
      if (ec) return self->Refuse(400, "not an HTTP request\n");
      self->Route();
    });
  }

  void Refuse(int status, std::string_view why) {
    keep_alive_ = false;
    Send({.status = status, .body = std::string(why)});
  }

  void Route() {
    const auto& message = parser_->get();
    keep_alive_ = message.keep_alive();
    version_ = message.version();
    head_ = message.method() == bhttp::verb::head;
    Router::Match match = shared_->router.Find(Text(message.method_string()), Text(message.target()));
    if (match.handler == nullptr) return Send(std::move(match.refusal));
    for (const auto& field : message) {
      match.request.headers.Add(std::string(Text(field.name_string())), std::string(Text(field.value())));
    }
    if (match.kind == Router::Kind::kQuick) return Send(Run(*match.handler, match.request));
    stream_.expires_never();  // the handler bounds its own time
    const bool queued = shared_->handlers.TryPost(
        [self = shared_from_this(), handler = match.handler, request = std::move(match.request)] {
          auto response = std::make_shared<Response>(Run(*handler, request));
          asio::post(self->stream_.get_executor(), [self, response] { self->Send(std::move(*response)); });
        });
    if (!queued) Busy();
  }

  void Busy() {
    Send({.status = 503, .body = "too many requests at once; try again soon\n", .headers = {{"Retry-After", "1"}}});
  }

  static Response Run(const Handler& handler, const Request& request) {
    try {
      return handler(request);
    } catch (const std::exception& e) {
      obs::Error("http_handler_threw", {{"path", request.path}, {"what", e.what()}});
      return {.status = 500, .body = "internal error; see the log of the coordinator\n"};
    }
  }

  static std::string_view Text(beast::string_view text) { return {text.data(), text.size()}; }

  template <typename Message>
  void SetHead(Message& message, const Response& response) {
    message.result(static_cast<unsigned>(response.status));
    message.version(11);
    message.set(bhttp::field::content_type, response.content_type);
    if (response.headers.Find("cache-control") == nullptr) message.set(bhttp::field::cache_control, "no-store");
    for (const auto& [name, value] : response.headers.fields()) message.insert(name, value);
    message.keep_alive(keep_alive_);
  }

  void Send(Response response) {
    if (response.stream != nullptr) return SendStream(std::move(response));
    whole_.emplace();
    SetHead(*whole_, response);
    if (response.status != 304) whole_->content_length(response.body.size());
    if (!head_) whole_->body() = std::move(response.body);
    stream_.expires_after(Chrono(shared_->options.piece_time));
    whole_serializer_.emplace(*whole_);
    whole_serializer_->split(false);
    bhttp::async_write(stream_, *whole_serializer_,
                       [self = shared_from_this()](beast::error_code ec, size_t) { self->Sent(ec); });
  }

  void Sent(beast::error_code ec) {
    if (ec || !keep_alive_) return Close();
    Read();
  }

  void SendStream(Response response) {
    if (++shared_->streams > kStreamsMax) {
      --shared_->streams;
      return Busy();
    }
    body_ = std::move(response.stream);
    const std::optional<int64_t> size = body_->size();
    // HTTP/1.0 knows no chunks: the end of the connection is the end of the body.
    chunked_ = !size && version_ >= 11;
    if (!size && !chunked_) keep_alive_ = false;
    left_ = size;
    start_.emplace();
    SetHead(*start_, response);
    if (size) start_->content_length(static_cast<uint64_t>(*size));
    if (chunked_) start_->chunked(true);
    start_serializer_.emplace(*start_);
    stream_.expires_after(Chrono(shared_->options.piece_time));
    bhttp::async_write_header(stream_, *start_serializer_, [self = shared_from_this()](beast::error_code ec, size_t) {
      if (ec) return self->Close();
      if (self->head_) {
        self->EndStream();
        return self->Sent(ec);
      }
      self->StartStream();
    });
  }

  void StartStream() {
    const auto wake = [weak = weak_from_this(), shared = shared_, body = std::weak_ptr(body_)] {
      absl::MutexLock lock(&shared->wake_mutex);
      if (shared->stopped) return;
      const std::shared_ptr<Connection> self = weak.lock();
      if (self == nullptr) return;
      asio::post(self->stream_.get_executor(), [self, body] { self->Woken(body.lock()); });
    };
    stream_.expires_never();
    body_->Start(wake);
    Pull();
  }

  // On the strand. A wake of an earlier stream of this connection is not one of this.
  void Woken(const std::shared_ptr<BodyStream>& body) {
    if (body == nullptr || body != body_) return;
    if (!waiting_) {
      woken_ = true;
      return;
    }
    waiting_ = false;
    Pull();
  }

  void Pull() {
    woken_ = false;
    const bool queued = shared_->pieces.TryPost([self = shared_from_this(), body = body_] {
      auto piece = std::make_shared<absl::StatusOr<BodyStream::Piece>>(absl::InternalError("threw"));
      try {
        *piece = body->Next();
      } catch (const std::exception& e) {
        obs::Error("http_stream_threw", {{"what", e.what()}});
      }
      asio::post(self->stream_.get_executor(), [self, piece] { self->Pulled(std::move(*piece)); });
    });
    if (!queued) Close();
  }

  void Pulled(absl::StatusOr<BodyStream::Piece> piece) {
    if (!stream_.socket().is_open()) return EndStream();
    if (!piece.ok()) {
      obs::Warn("http_stream_failed", {{"error", std::string(piece.status().message())}});
      return Close();
    }
    then_ = piece->then;
    piece_ = std::move(piece->data);
    if (left_) {
      *left_ -= static_cast<int64_t>(piece_.size());
      // More than was announced would be taken for the next answer.
      if (*left_ < 0 || (then_ == Then::kEnd && *left_ > 0)) return Close();
    }
    if (piece_.empty()) return PieceSent({});
    stream_.expires_after(Chrono(shared_->options.piece_time));
    const auto sent = [self = shared_from_this()](beast::error_code ec, size_t) { self->PieceSent(ec); };
    if (chunked_) {
      asio::async_write(stream_, bhttp::make_chunk(asio::buffer(piece_)), sent);
    } else {
      asio::async_write(stream_, asio::buffer(piece_), sent);
    }
  }

  void PieceSent(beast::error_code ec) {
    if (ec) return Close();  // a client that reads too slowly included
    stream_.expires_never();
    switch (then_) {
      case Then::kMore:
        return Pull();
      case Then::kWait:
        if (woken_) return Pull();
        waiting_ = true;
        return WatchForEnd();
      case Then::kEnd:
        break;
    }
    EndStream();
    if (!chunked_) return Sent(ec);
    stream_.expires_after(Chrono(shared_->options.piece_time));
    asio::async_write(stream_, bhttp::make_chunk_last(),
                      [self = shared_from_this()](beast::error_code end, size_t) { self->Sent(end); });
  }

  // A client that leaves while nothing is sent is seen only by reading. What it sends meanwhile is its next request.
  void WatchForEnd() {
    if (watching_) return;
    watching_ = true;
    stream_.socket().async_wait(tcp::socket::wait_read, [self = shared_from_this()](beast::error_code ec) {
      self->watching_ = false;
      if (self->body_ == nullptr) return;
      beast::error_code ignored;
      if (ec || self->stream_.socket().available(ignored) == 0) self->Close();
    });
  }

  void EndStream() {
    if (body_ == nullptr) return;
    body_.reset();
    waiting_ = false;
    --shared_->streams;
  }

  void Close() {
    EndStream();
    beast::error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
    stream_.close();
  }

  using Then = BodyStream::Piece::Then;

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{kHeaderBytesMax + kBodyBytesMax};
  std::optional<bhttp::request_parser<bhttp::string_body>> parser_;
  int64_t idle_ = 0;  // its place among those that wait for a request; 0: it does not
  bool head_ = false;
  bool keep_alive_ = false;
  unsigned version_ = 11;
  // An answer at once.
  std::optional<bhttp::response<bhttp::string_body>> whole_;
  std::optional<bhttp::response_serializer<bhttp::string_body>> whole_serializer_;
  // A stream.
  std::optional<bhttp::response<bhttp::empty_body>> start_;
  std::optional<bhttp::response_serializer<bhttp::empty_body>> start_serializer_;
  std::shared_ptr<BodyStream> body_;
  std::optional<int64_t> left_;
  std::string piece_;
  Then then_ = Then::kMore;
  bool chunked_ = false;
  bool waiting_ = false;   // for a wake, after kWait
  bool woken_ = false;     // since the last Pull began
  bool watching_ = false;  // for the client's end
  const std::shared_ptr<Shared> shared_;
};

}  // namespace

class HttpServer::Impl {
 public:
  Impl(Router router, HttpServerOptions options) : acceptor_(asio::make_strand(io_)), retry_(acceptor_.get_executor()) {
    shared_->router = std::move(router);
    shared_->options = options;
  }

  absl::Status Bind(const std::string& address) {
    GOFARM_ASSIGN_OR_RETURN(const HostPort where, ParseAddress(address));
    const tcp::endpoint endpoint(where.host, where.port);
    boost::system::error_code ec;
    acceptor_.open(endpoint.protocol(), ec);
    if (!ec) acceptor_.set_option(asio::socket_base::reuse_address(true), ec);
    if (!ec) acceptor_.bind(endpoint, ec);
    if (!ec) acceptor_.listen(kConnectionsMax, ec);
    if (ec) return absl::UnavailableError(Cat("listen on ", address, ": ", ec.message()));
    port_ = acceptor_.local_endpoint(ec).port();
    return absl::OkStatus();
  }

  void Run() {
    asio::dispatch(acceptor_.get_executor(), [this] { Accept(); });
    for (int i = 0; i < kIoThreads; ++i) {
      threads_.emplace_back([this] {
        while (true) {
          try {
            io_.run();
            return;
          } catch (const std::exception& e) {
            obs::Error("http_threw", {{"what", e.what()}});
          }
        }
      });
    }
  }

  ~Impl() {
    {
      absl::MutexLock lock(&shared_->wake_mutex);
      shared_->stopped = true;
    }
    io_.stop();
    for (std::thread& t : threads_) t.join();
    shared_->handlers.Stop();
    shared_->pieces.Stop();
  }

  int port() const { return port_; }

 private:
  void Accept() {
    acceptor_.async_accept(asio::make_strand(io_), [this](boost::system::error_code ec, tcp::socket socket) {
      if (ec == asio::error::operation_aborted) return;
      if (!ec) {
        // A request of the new one is worth more than one that may never come.
        const bool full = shared_->connections >= kConnectionsMax;
        const std::shared_ptr<Connection> oldest = full ? shared_->idle.TakeOldest() : nullptr;
        if (oldest != nullptr) oldest->GiveWay();
        if (!full || oldest != nullptr) {
          std::make_shared<Connection>(std::move(socket), shared_)->Run();
        }  // else closed at once: whoever asks this often asks again
        return Accept();
      }
      // Out of file descriptors, most likely: not in a busy loop.
      retry_.expires_after(std::chrono::milliseconds(100));
      retry_.async_wait([this](boost::system::error_code cancelled) {
        if (!cancelled) Accept();
      });
    });
  }

  asio::io_context io_{kIoThreads};
  tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::vector<std::thread> threads_;
  int port_ = 0;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& address, Router router,
                                                              HttpServerOptions options) {
  auto impl = std::make_shared<Impl>(std::move(router), options);
  GOFARM_RETURN_IF_ERROR_CTX(impl->Bind(address), "http");
  impl->Run();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;
int HttpServer::port() const { return impl_->port(); }

absl::Status CheckAddress(const std::string& address) { return ParseAddress(address).status(); }

void AddOperations(Router& router, Operations operations) {
  const auto told = [](std::string_view good, std::string_view bad, const absl::Status& status) {
    if (status.ok()) return Response{.body = Cat(good, "\n")};
    return Response{.status = 503, .body = Cat(bad, ": ", EscapeForPrint(Sv(status.message())), "\n")};
  };
  router.Get("/metrics", Router::Kind::kBlocking, [metrics = std::move(operations.metrics)](const Request&) {
    return Response{.body = metrics(), .content_type = "text/plain; version=0.0.4; charset=utf-8"};
  });
  router.Get("/healthz", Router::Kind::kQuick,
             [told, alive = std::move(operations.alive)](const Request&) { return told("ok", "not well", alive()); });
  router.Get("/readyz", Router::Kind::kBlocking, [told, ready = std::move(operations.ready)](const Request&) {
    return told("ready", "not ready", ready());
  });
}

}  // namespace gofarm::http
