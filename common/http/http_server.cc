#include "common/http/http_server.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/http/connection.h"
#include "common/io/files.h"
#include "common/obs/log.h"

namespace gofarm::http {
namespace {

constexpr int64_t kPemMax = 64 << 10;

struct HostPort {
  asio::ip::address host;
  uint16_t port = 0;
};

absl::StatusOr<HostPort> ParseAddress(const std::string& address, bool anywhere) {
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
  if (!anywhere && !ip.is_loopback()) {
    return absl::FailedPreconditionError(Cat("\"", EscapeForPrint(address),
                                             "\" reaches beyond this machine; listen on 127.0.0.1 or [::1], or "
                                             "with TLS (http_tls)"));
  }
  return HostPort{ip, static_cast<uint16_t>(std::stoi(port))};
}

// Whose connections count together.
std::string SiteOf(const asio::ip::address& address) {
  if (address.is_v4()) return address.to_string();
  const asio::ip::address_v6 v6 = address.to_v6();
  if (v6.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, v6).to_string();
  const asio::ip::address_v6::bytes_type bytes = v6.to_bytes();
  return {bytes.begin(), bytes.begin() + 8};
}

using Plain = Connection<beast::tcp_stream>;
using Tls = Connection<beast::ssl_stream<beast::tcp_stream>>;

// What handshakes are made with: read again when the files are others.
class TlsContexts {
 public:
  // `asks`: for the client's certificate.
  TlsContexts(TlsFiles files, bool asks) : files_(std::move(files)), asks_(asks) {}

  // From one thread at a time. A new pair that cannot be read changes nothing.
  absl::StatusOr<std::shared_ptr<asio::ssl::context>> Current() {
    const absl::Time now = SteadyNow();
    if (context_ != nullptr && now < look_at_) return context_;
    look_at_ = now + kCertificateLook;
    absl::StatusOr<std::shared_ptr<asio::ssl::context>> made = Make();
    if (made.ok()) {
      context_ = *std::move(made);
    } else if (context_ == nullptr) {
      return made;
    } else {
      obs::Error("http_certificate", {{"error", std::string(made.status().message())}});
    }
    return context_;
  }

 private:
  absl::StatusOr<std::shared_ptr<asio::ssl::context>> Make() const {
    GOFARM_ASSIGN_OR_RETURN(const std::string key, io::ReadFile(files_.key, kPemMax));
    GOFARM_ASSIGN_OR_RETURN(const std::string certificate, io::ReadFile(files_.certificate, kPemMax));
    auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    boost::system::error_code ec;
    context->set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1, ec);
    // A context lives for kCertificateLook, so there is little to resume; and where a certificate is asked for, OpenSSL
    // ends a handshake that would resume a session of a context without a name.
    SSL_CTX_set_session_cache_mode(context->native_handle(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_TICKET);
    if (!ec && SSL_CTX_set_num_tickets(context->native_handle(), 0) != 1) {
      return absl::InternalError("set up TLS: no session tickets");
    }
    if (!ec) context->use_certificate_chain(asio::buffer(certificate), ec);
    if (!ec) context->use_private_key(asio::buffer(key), asio::ssl::context::pem, ec);
    // A certificate is asked for and judged by `authorize`, not by the handshake: a refusal can then be read.
    if (!ec && asks_) context->set_verify_mode(asio::ssl::verify_peer, ec);
    if (!ec && asks_) context->set_verify_callback([](bool, asio::ssl::verify_context&) { return true; }, ec);
    if (ec) {
      return absl::FailedPreconditionError(
          Cat("set up TLS with ", files_.certificate, " and ", files_.key, ": ", ec.message()));
    }
    return context;
  }

  const TlsFiles files_;
  const bool asks_;
  std::shared_ptr<asio::ssl::context> context_;
  absl::Time look_at_ = absl::InfinitePast();
};

}  // namespace

class HttpServer::Impl {
 public:
  Impl(Router router, HttpServerOptions options)
      : acceptor_(asio::make_strand(io_)),
        retry_(acceptor_.get_executor()),
        shared_(std::make_shared<Shared>(std::move(router), std::move(options))) {}

  absl::Status Bind(const std::string& address) {
    const HttpServerOptions& options = shared_->options;
    const bool tls = !options.tls.certificate.empty();
    GOFARM_ASSIGN_OR_RETURN(const HostPort where, ParseAddress(address, tls || options.for_everybody));
    if (tls) {
      contexts_ = std::make_unique<TlsContexts>(options.tls, options.authorize != nullptr);
      GOFARM_RETURN_IF_ERROR(contexts_->Current().status());
    }
    const tcp::endpoint endpoint(where.host, where.port);
    boost::system::error_code ec;
    acceptor_.open(endpoint.protocol(), ec);
    if (!ec) acceptor_.set_option(asio::socket_base::reuse_address(true), ec);
    if (!ec) acceptor_.bind(endpoint, ec);
    if (!ec) acceptor_.listen(options.limits.connections, ec);
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
    shared_->operations.Stop();
    shared_->pieces.Stop();
  }

  int port() const { return port_; }

 private:
  void Accept() {
    acceptor_.async_accept(asio::make_strand(io_), [this](boost::system::error_code ec, tcp::socket socket) {
      if (ec == asio::error::operation_aborted) return;
      if (!ec) {
        boost::system::error_code gone;
        const std::string address =
            shared_->options.limits.per_address == 0 ? "" : SiteOf(socket.remote_endpoint(gone).address());
        if (gone || (!address.empty() && !shared_->per_address.Enter(address))) return Accept();
        // A request of the new one is worth more than one that may never come.
        const bool full = shared_->connections >= shared_->options.limits.connections;
        const std::shared_ptr<Waiting> oldest = full ? shared_->idle.TakeOldest() : nullptr;
        if (oldest != nullptr) oldest->GiveWay();
        if (!full || oldest != nullptr) {
          Serve(address, std::move(socket));
        } else if (!address.empty()) {
          shared_->per_address.Leave(address);
        }  // closed at once: whoever asks this often asks again
        return Accept();
      }
      // Out of file descriptors, most likely: not in a busy loop.
      retry_.expires_after(std::chrono::milliseconds(100));
      retry_.async_wait([this](boost::system::error_code cancelled) {
        if (!cancelled) Accept();
      });
    });
  }

  void Serve(const std::string& address, tcp::socket socket) {
    if (contexts_ == nullptr) return std::make_shared<Plain>(shared_, address, std::move(socket))->Run();
    // Never an error: it was read when this began.
    const std::shared_ptr<asio::ssl::context> context = contexts_->Current().value();
    std::make_shared<Tls>(shared_, address, std::move(socket), *context)->Run();
  }

  asio::io_context io_{kIoThreads};
  tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  const std::shared_ptr<Shared> shared_;
  std::unique_ptr<TlsContexts> contexts_;  // null: plain
  std::vector<std::thread> threads_;
  int port_ = 0;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& address, Router router,
                                                              HttpServerOptions options) {
  auto impl = std::make_shared<Impl>(std::move(router), std::move(options));
  GOFARM_RETURN_IF_ERROR_CTX(impl->Bind(address), "http");
  impl->Run();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;
int HttpServer::port() const { return impl_->port(); }

absl::Status CheckAddress(const std::string& address, bool anywhere) {
  return ParseAddress(address, anywhere).status();
}
bool IsLoopback(const std::string& address) { return ParseAddress(address, /*anywhere=*/false).ok(); }

bool IsOwnHost(std::string_view host, const std::vector<std::string>& names) {
  std::string name(host.substr(0, host.rfind(':')));
  if (!host.empty() && host.front() == '[') {
    const size_t end = host.find(']');
    name = std::string(host.substr(1, end == std::string_view::npos ? 0 : end - 1));
  }
  boost::system::error_code ec;
  (void)asio::ip::make_address(name, ec);
  if (!ec || absl::EqualsIgnoreCase(name, "localhost")) return true;
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& own) { return !own.empty() && absl::EqualsIgnoreCase(name, own); });
}

HttpLimits WithinOpenFiles(HttpLimits wanted, int64_t open_files) {
  const int64_t most = std::max<int64_t>(open_files / 4, kConnectionsLeast);
  wanted.connections = static_cast<int>(std::min<int64_t>(wanted.connections, most));
  wanted.streams = std::min(wanted.streams, wanted.connections);
  return wanted;
}

void AddMetrics(Router& router, std::function<std::string(metrics::Format)> text) {
  router.Get("/metrics", Router::Kind::kOperations, [text = std::move(text)](const Request& request) {
    const std::string* const accept = request.headers.Find("accept");
    const metrics::Format format = metrics::FormatFor(accept == nullptr ? "" : *accept);
    return Response{.body = text(format), .content_type = std::string(metrics::ContentType(format))};
  });
}

void AddOperations(Router& router, Operations operations) {
  const auto told = [](std::string_view good, std::string_view bad, const absl::Status& status) {
    if (status.ok()) return Response{.body = Cat(good, "\n")};
    return Response{.status = 503, .body = Cat(bad, ": ", EscapeForPrint(Sv(status.message())), "\n")};
  };
  AddMetrics(router, std::move(operations.metrics));
  router.Get("/healthz", Router::Kind::kQuick,
             [told, alive = std::move(operations.alive)](const Request&) { return told("ok", "not well", alive()); });
  router.Get("/readyz", Router::Kind::kOperations,
             [told, ready = std::move(operations.ready), remarks = std::move(operations.remarks)](const Request&) {
               Response response = told("ready", "not ready", ready());
               if (response.status != 200 || remarks == nullptr) return response;
               if (const std::string more = remarks(); !more.empty()) {
                 response.body += Cat(EscapeForPrint(more, /*keep_newlines=*/true), "\n");
               }
               return response;
             });
}

}  // namespace gofarm::http
