#include "coordinator/http/http_server.h"

#include <atomic>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/obs/log.h"

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

struct Shared {
  Routes routes;
  std::chrono::milliseconds timeout;
  std::atomic<int> connections = 0;
};

// One connection; alive as long as one of its handlers waits. All of it runs on its own strand.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, std::shared_ptr<Shared> shared)
      : stream_(std::move(socket)), shared_(std::move(shared)) {
    ++shared_->connections;
  }
  ~Connection() { --shared_->connections; }

  void Run() {
    asio::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->Read(); });
  }

 private:
  void Read() {
    parser_.emplace();
    parser_->header_limit(kHeaderBytesMax);
    parser_->body_limit(kBodyBytesMax);
    stream_.expires_after(shared_->timeout);
    bhttp::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](beast::error_code ec, size_t) {
      if (ec == bhttp::error::header_limit) return self->Send({431, "request header is too large\n"}, false);
      if (ec == bhttp::error::body_limit) return self->Send({413, "request body is too large\n"}, false);
      if (ec == bhttp::error::end_of_stream || ec == beast::error::timeout || ec == asio::error::connection_reset ||
          ec == asio::error::operation_aborted || ec == bhttp::error::partial_message) {
        return self->Close();
      }
      if (ec) return self->Send({400, "not an HTTP request\n"}, false);
      self->Send(self->Answer(), self->parser_->get().keep_alive());
    });
  }

  Response Answer() {
    const auto& request = parser_->get();
    head_ = request.method() == bhttp::verb::head;
    if (request.method() != bhttp::verb::get && !head_) return {405, "only GET and HEAD are served here\n"};
    std::string path(request.target().data(), request.target().size());
    path = path.substr(0, path.find('?'));
    const auto route = shared_->routes.find(path);
    if (route == shared_->routes.end()) {
      std::string known;
      for (const auto& [name, handler] : shared_->routes) known += Cat(known.empty() ? "" : ", ", name);
      return {404, Cat("nothing is served at this path; known: ", known, "\n")};
    }
    try {
      return route->second();
    } catch (const std::exception& e) {
      obs::Error("http_handler_threw", {{"path", path}, {"what", e.what()}});
      return {500, "internal error; see the log of the coordinator\n"};
    }
  }

  void Send(Response response, bool keep_alive) {
    message_.emplace(static_cast<bhttp::status>(response.status), 11);
    message_->set(bhttp::field::content_type, response.content_type);
    message_->set(bhttp::field::cache_control, "no-store");
    if (response.status == 405) message_->set(bhttp::field::allow, "GET, HEAD");
    message_->keep_alive(keep_alive);
    message_->content_length(response.body.size());
    if (!head_) message_->body() = std::move(response.body);
    stream_.expires_after(shared_->timeout);
    serializer_.emplace(*message_);
    serializer_->split(false);
    bhttp::async_write(stream_, *serializer_, [self = shared_from_this(), keep_alive](beast::error_code ec, size_t) {
      if (ec || !keep_alive) return self->Close();
      self->Read();
    });
  }

  void Close() {
    beast::error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
    stream_.close();
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{kHeaderBytesMax + kBodyBytesMax};
  std::optional<bhttp::request_parser<bhttp::string_body>> parser_;
  std::optional<bhttp::response<bhttp::string_body>> message_;
  std::optional<bhttp::response_serializer<bhttp::string_body>> serializer_;
  bool head_ = false;
  const std::shared_ptr<Shared> shared_;
};

}  // namespace

class HttpServer::Impl {
 public:
  Impl(Routes routes, absl::Duration timeout) : acceptor_(asio::make_strand(io_)), retry_(acceptor_.get_executor()) {
    shared_->routes = std::move(routes);
    shared_->timeout = absl::ToChronoMilliseconds(timeout);
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
    for (int i = 0; i < kThreads; ++i) {
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
    io_.stop();
    for (std::thread& t : threads_) t.join();
  }

  int port() const { return port_; }

 private:
  void Accept() {
    acceptor_.async_accept(asio::make_strand(io_), [this](boost::system::error_code ec, tcp::socket socket) {
      if (ec == asio::error::operation_aborted) return;
      if (!ec) {
        if (shared_->connections < kConnectionsMax) {
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

  asio::io_context io_{kThreads};
  tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::vector<std::thread> threads_;
  int port_ = 0;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& address, Routes routes,
                                                              absl::Duration request_timeout) {
  auto impl = std::make_shared<Impl>(std::move(routes), request_timeout);
  GOFARM_RETURN_IF_ERROR_CTX(impl->Bind(address), "http");
  impl->Run();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;
int HttpServer::port() const { return impl_->port(); }

absl::Status CheckAddress(const std::string& address) { return ParseAddress(address).status(); }

Routes OperationsRoutes(std::function<std::string()> metrics, std::function<absl::Status()> ready) {
  Routes routes;
  routes["/metrics"] = [metrics = std::move(metrics)] {
    return Response{200, metrics(), "text/plain; version=0.0.4; charset=utf-8"};
  };
  routes["/healthz"] = [] { return Response{200, "ok\n"}; };
  routes["/readyz"] = [ready = std::move(ready)] {
    const absl::Status status = ready();
    if (status.ok()) return Response{200, "ready\n"};
    return Response{503, Cat("not ready: ", EscapeForPrint(Sv(status.message())), "\n")};
  };
  return routes;
}

}  // namespace gofarm::http
