// One connection of the HTTP listener, plain or over TLS. For http_server.cc alone.
#pragma once

#include <boost/asio/dispatch.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/http/http_server.h"
#include "common/http/router.h"
#include "common/http/shared.h"
#include "common/http/socket_calls.h"
#include "common/obs/log.h"
#include "common/pki/shown.h"

namespace gofarm::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using tcp = asio::ip::tcp;

inline std::chrono::milliseconds Chrono(absl::Duration d) { return absl::ToChronoMilliseconds(d); }

// One connection; alive as long as one of its handlers waits, so a stream that waits keeps one. All of it runs on its
// own strand, but for the tasks that it posts to the pools, which touch nothing but what they are given.
template <typename Stream>
class Connection final : public Waiting, public std::enable_shared_from_this<Connection<Stream>> {
  using Self = std::shared_ptr<Connection>;
  static constexpr bool kTls = !std::is_same_v<Stream, beast::tcp_stream>;

 public:
  // `address`: its place in per_address, which it gives back; empty: it has none. `more`: what the stream is made of
  // beside the socket.
  template <typename... More>
  Connection(std::shared_ptr<Shared> shared, std::string address, tcp::socket socket, More&... more)
      : stream_(std::move(socket), more...),
        address_(std::move(address)),
        slow_(stream_.get_executor()),
        look_(stream_.get_executor()),
        shared_(std::move(shared)) {
    ++shared_->connections;
    if (shared_->options.open != nullptr) ++*shared_->options.open;
    TuneSocket(Lowest().socket().native_handle());
    if constexpr (!kTls) {
      beast::error_code ignored;
      Lowest().socket().native_non_blocking(true, ignored);  // for sendfile
    }
  }
  ~Connection() override {
    EndStream();
    if (!address_.empty()) shared_->per_address.Leave(address_);
    --shared_->connections;
    if (shared_->options.open != nullptr) --*shared_->options.open;
  }

  void Run() {
    asio::dispatch(stream_.get_executor(), [self = this->shared_from_this()] { self->Greet(); });
  }

  void GiveWay() override {
    asio::post(stream_.get_executor(), [self = this->shared_from_this()] {
      if (self->idle_ != 0) self->Close();
    });
  }

 private:
  auto& Lowest() { return beast::get_lowest_layer(stream_); }

  void Greet() {
    if constexpr (kTls) {
      idle_ = shared_->idle.Enter(this->weak_from_this());
      Lowest().expires_after(Chrono(shared_->options.handshake_time));
      stream_.async_handshake(asio::ssl::stream_base::server, [self = this->shared_from_this()](beast::error_code ec) {
        self->shared_->idle.Leave(std::exchange(self->idle_, 0));
        if (ec) return self->Close();
        self->Read();
      });
    } else {
      Read();
    }
  }

  void Read() {
    idle_ = shared_->idle.Enter(this->weak_from_this());
    parser_.emplace();
    parser_->header_limit(kHeaderBytesMax);
    parser_->body_limit(kBodyBytesMax);
    Lowest().expires_after(Chrono(shared_->options.request_time));
    bhttp::async_read(stream_, buffer_, *parser_, [self = this->shared_from_this()](beast::error_code ec, size_t) {
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
    // Browsers always send it.
    const std::string_view host = Text(message[bhttp::field::host]);
    if (shared_->checks_host && !host.empty() && !IsOwnHost(host, shared_->options.names)) {
      return Send({.status = 421, .body = "this listener has no such name; ask it by its address or as localhost\n"});
    }
    Router::Match match = shared_->router.Find(Text(message.method_string()), Text(message.target()));
    if (match.handler == nullptr) return Send(std::move(match.refusal));
    for (const auto& field : message) {
      match.request.headers.Add(std::string(Text(field.name_string())), std::string(Text(field.value())));
    }
    const Authorize& authorize = shared_->options.authorize;
    if (match.kind == Router::Kind::kQuick && !authorize) return Send(Run(*match.handler, match.request));
    Lowest().expires_never();  // the handler bounds its own time
    sync::BoundedPool& pool = match.kind == Router::Kind::kOperations ? shared_->operations : shared_->handlers;
    const bool queued =
        pool.TryPost([self = this->shared_from_this(), handler = match.handler, posted = SteadyNow(),
                      caller = authorize ? CallerOf(match.request) : Caller{}, request = std::move(match.request)] {
          if (SteadyNow() - posted > self->shared_->options.thread_patience) {
            return asio::post(self->stream_.get_executor(), [self] { self->Busy(); });
          }
          const Authorize& may = self->shared_->options.authorize;
          const absl::Status allowed = may ? may(caller) : absl::OkStatus();
          auto response = std::make_shared<Response>(allowed.ok() ? Run(*handler, request) : RefusalOf(allowed));
          asio::post(self->stream_.get_executor(), [self, response, refused = !allowed.ok()] {
            if (refused) self->keep_alive_ = false;  // a stranger's connection ends with its first answer
            self->Send(std::move(*response));
          });
        });
    if (!queued) Busy();
  }

  Caller CallerOf(const Request& request) {
    Caller caller;
    constexpr std::string_view kBearer = "Bearer ";
    const std::string* const authorization = request.headers.Find("authorization");
    if (authorization != nullptr && authorization->substr(0, kBearer.size()) == kBearer) {
      caller.bearer = authorization->substr(kBearer.size());
    }
    if constexpr (kTls) caller.certificate = pki::ShownBy(stream_.native_handle());
    return caller;
  }

  static Response RefusalOf(const absl::Status& why) {
    const std::string text = Cat(EscapeForPrint(Sv(why.message())), "\n");
    if (absl::IsPermissionDenied(why)) return {.status = 403, .body = text};
    if (!absl::IsUnauthenticated(why)) return {.status = 503, .body = text};
    return {.status = 401, .body = text, .headers = {{"WWW-Authenticate", "Bearer"}}};
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
    if (shared_->options.answered) shared_->options.answered(response.status);
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
    if (response.status != 304 && response.status != 204) whole_->content_length(response.body.size());
    if (!head_) whole_->body() = std::move(response.body);
    whole_serializer_.emplace(*whole_);
    whole_serializer_->split(false);
    WatchPace();
    bhttp::async_write(stream_, *whole_serializer_, [self = this->shared_from_this()](beast::error_code ec, size_t) {
      self->EndPace();
      self->Sent(ec);
    });
  }

  void Sent(beast::error_code ec) {
    if (ec || !keep_alive_) return Close();
    Read();
  }

  void SendStream(Response response) {
    if (++shared_->streams > shared_->options.limits.streams) {
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
    WatchPace();
    bhttp::async_write_header(stream_, *start_serializer_,
                              [self = this->shared_from_this()](beast::error_code ec, size_t) {
                                self->EndPace();
                                if (ec) return self->Close();
                                if (self->head_) {
                                  self->EndStream();
                                  return self->Sent(ec);
                                }
                                self->StartStream();
                              });
  }

  void StartStream() {
    if constexpr (!kTls) {
      part_ = body_->file().value_or(FilePart{});
      if (part_.fd >= 0) return SendFile();
    }
    const auto wake = [weak = this->weak_from_this(), shared = shared_, body = std::weak_ptr(body_)] {
      absl::MutexLock lock(&shared->wake_mutex);
      if (shared->stopped) return;
      const std::shared_ptr<Connection> self = weak.lock();
      if (self == nullptr) return;
      asio::post(self->stream_.get_executor(), [self, body] { self->Woken(body.lock()); });
    };
    body_->Start(wake);
    Pull();
  }

  // On the plain socket, by the kernel; what has to be read from a disk, on a thread that may wait. Such a task has the
  // socket until FileSent, and Close leaves it open for so long: its number must not become another file's.
  void SendFile() {
    if (body_ == nullptr) return Close();
    if (part_.size == 0) return EndFile();
    if (IsInMemory(part_)) return FileSent(SendFilePart(Lowest().socket().native_handle(), part_));
    lent_ = true;
    const bool queued = shared_->pieces.TryPost(
        [self = this->shared_from_this(), body = body_, part = part_, socket = Lowest().socket().native_handle()] {
          const absl::StatusOr<FileTurn> turn = SendFilePart(socket, part);
          asio::post(self->stream_.get_executor(), [self, turn] { self->FileSent(turn); });
        });
    if (queued) return;
    lent_ = false;
    Close();
  }

  void FileSent(const absl::StatusOr<FileTurn>& turn) {
    lent_ = false;
    if (body_ == nullptr) return Close();
    if (!turn.ok()) {
      if (!absl::IsUnavailable(turn.status())) {
        obs::Warn("http_stream_failed", {{"error", std::string(turn.status().message())}});
      }
      return Close();
    }
    part_.first += turn->sent;
    part_.size -= turn->sent;
    // Others have their turn before its next.
    if (!turn->blocked)
      return asio::post(stream_.get_executor(), [self = this->shared_from_this()] { self->SendFile(); });
    WatchPace();
    Lowest().socket().async_wait(tcp::socket::wait_write, [self = this->shared_from_this()](beast::error_code ec) {
      self->EndPace();
      if (ec) return self->Close();
      self->SendFile();
    });
  }

  void EndFile() {
    EndStream();
    Sent({});
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
    sync::BoundedPool& pool = body_->blocks() ? shared_->handlers : shared_->pieces;
    const bool queued = pool.TryPost([self = this->shared_from_this(), body = body_] {
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
    if (!Lowest().socket().is_open()) return EndStream();
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
    WatchPace();
    const auto sent = [self = this->shared_from_this()](beast::error_code ec, size_t) { self->PieceSent(ec); };
    if (chunked_) {
      asio::async_write(stream_, bhttp::make_chunk(asio::buffer(piece_)), sent);
    } else {
      asio::async_write(stream_, asio::buffer(piece_), sent);
    }
  }

  void PieceSent(beast::error_code ec) {
    EndPace();
    if (ec) return Close();
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
    WatchPace();
    asio::async_write(stream_, bhttp::make_chunk_last(),
                      [self = this->shared_from_this()](beast::error_code end, size_t) {
                        self->EndPace();
                        self->Sent(end);
                      });
  }

  // From here to EndPace the client is waited for. What it has taken is what it confirmed, which shows a slow one at
  // work long before a whole piece has found room.
  void WatchPace() {
    Lowest().expires_never();
    taken_ = TakenBytes(Lowest().socket().native_handle());
    slow_.expires_after(Chrono(shared_->options.pace_time));
    slow_.async_wait([self = this->shared_from_this(), watch = ++watch_](beast::error_code ec) {
      if (ec || watch != self->watch_) return;
      const int64_t taken = TakenBytes(self->Lowest().socket().native_handle());
      if (taken - self->taken_ < self->shared_->options.pace_bytes) return self->Close();
      self->WatchPace();
    });
  }
  void EndPace() {
    ++watch_;
    slow_.cancel();
  }

  // A client that leaves while nothing is sent is seen only by its end. One look is under way at a time.
  void WatchForEnd() {
    if (watching_) return;
    watching_ = true;
    Lowest().socket().async_wait(tcp::socket::wait_read,
                                 [self = this->shared_from_this(), body = std::weak_ptr(body_)](beast::error_code ec) {
                                   self->watching_ = false;
                                   if (self->body_ == nullptr) return;
                                   // Of an earlier stream: what came was the request for this one.
                                   if (body.lock() != self->body_) return self->waiting_ ? self->WatchForEnd() : void();
                                   if (ec) return self->Close();
                                   switch (LookAtClient(self->Lowest().socket().native_handle())) {
                                     case FromClient::kEnd:
                                       return self->Close();
                                     case FromClient::kUnread:
                                       return self->LookLater();
                                     case FromClient::kNothing:
                                       // The event was of bytes that have been read since: of the request, most likely.
                                       return self->waiting_ ? self->WatchForEnd() : void();
                                   }
                                 });
  }

  // What is unread is the next request, or the farewell of TLS: it keeps the socket ready, so its end is no event.
  void LookLater() {
    watching_ = true;
    look_.expires_after(Chrono(kEndLook));
    look_.async_wait([self = this->shared_from_this()](beast::error_code) {
      self->watching_ = false;
      if (self->body_ != nullptr && self->waiting_) self->WatchForEnd();
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
    look_.cancel();
    beast::error_code ignored;
    Lowest().socket().shutdown(tcp::socket::shutdown_both, ignored);
    if (!lent_) Lowest().close();
  }

  using Then = typename BodyStream::Piece::Then;

  Stream stream_;
  const std::string address_;
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
  FilePart part_;      // what is left of it, where the body is one
  bool lent_ = false;  // the socket, to a task
  std::string piece_;
  Then then_ = Then::kMore;
  bool chunked_ = false;
  bool waiting_ = false;     // for a wake, after kWait
  bool woken_ = false;       // since the last Pull began
  bool watching_ = false;    // for the client's end
  asio::steady_timer slow_;  // while the client is waited for
  int64_t watch_ = 0;        // of it: an earlier one says nothing
  int64_t taken_ = 0;        // when it began
  asio::steady_timer look_;  // while a client has sent what nobody reads yet
  const std::shared_ptr<Shared> shared_;
};

}  // namespace gofarm::http
