#include "coordinator/rpc/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <utility>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/obs/log.h"
#include "common/rpc/channel.h"
#include "common/rpc/credentials.h"
#include "common/rpc/deadline.h"
#include "coordinator/rpc/catalog_rpc.h"
#include "coordinator/rpc/farm_rpc.h"
#include "coordinator/rpc/identity_rpc.h"
#include "coordinator/rpc/rpc_context.h"
#include "coordinator/rpc/worker_rpc.h"

namespace gofarm::rpc {
namespace {

bool IsServed(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  path.copy(address.sun_path, path.size());
  const io::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // EAGAIN: served, by somebody who is slow to accept.
  return fd &&
         (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN);
}

}  // namespace

absl::Status FreeSocket(const std::string& path) {
  struct stat st;
  if (::lstat(path.c_str(), &st) != 0) return absl::OkStatus();
  if (!S_ISSOCK(st.st_mode)) return absl::FailedPreconditionError(Cat(path, " is there and is no socket"));
  if (IsServed(path))
    return absl::UnavailableError(Cat("listen on unix:", path, ": another process serves it; stop that first"));
  if (::unlink(path.c_str()) != 0) return ErrnoStatus(errno, Cat("remove the old socket ", path));
  return absl::OkStatus();
}

absl::Status CheckListen(const std::string& address) { return Credentials::Plaintext().CheckAddress(address); }

absl::StatusOr<std::unique_ptr<grpc::Server>> BindServer(grpc::ServerBuilder& builder, const std::string& address,
                                                         std::string& bound) {
  GOFARM_RETURN_IF_ERROR(CheckListen(address));
  const bool is_unix = address.substr(0, 5) == "unix:";
  if (is_unix) GOFARM_RETURN_IF_ERROR(FreeSocket(address.substr(5)));
  static const bool once = [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    return true;
  }();
  (void)once;
  int port = 0;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  // Two coordinators must not share a port unnoticed.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || (!is_unix && port == 0)) {
    return absl::UnavailableError(Cat("listen on ", address, ": it is taken, or not an address of this machine"));
  }
  // The folder decides who may come in; the socket is for its owner and group.
  if (is_unix && ::chmod(address.substr(5).c_str(), 0660) != 0) return ErrnoStatus(errno, Cat("protect ", address));
  bound = is_unix ? address : Cat(address.substr(0, address.rfind(':')), ":", port);
  return server;
}

class Server::Impl {
 public:
  explicit Impl(ServerParts parts)
      : rpc_(std::move(parts)), worker_(rpc_), farm_(rpc_), catalog_(rpc_), identity_(rpc_) {}

  absl::Status Start(const std::string& address) {
    grpc::ResourceQuota quota("gofarm-coordinator");
    quota.Resize(kQuotaBytes);
    quota.SetMaxThreads(kQuotaThreads);
    grpc::ServerBuilder builder;
    builder.RegisterService(&worker_);
    builder.RegisterService(&farm_);
    builder.RegisterService(&identity_);
    if (rpc_.parts.catalog != nullptr) builder.RegisterService(&catalog_);
    builder.SetResourceQuota(quota);
    builder.SetMaxReceiveMessageSize(kMessageBytesMax);
    builder.SetMaxSendMessageSize(kMessageBytesMax);
    // The limit holds for what comes over the wire; a compressed message may be a thousand times as large.
    for (const grpc_compression_algorithm algorithm : {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) {
      builder.SetCompressionAlgorithmSupportStatus(algorithm, false);
    }
    builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsPerConnection);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
    // Workers and clients ping every 20 s, also between calls.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    GOFARM_ASSIGN_OR_RETURN(server_, BindServer(builder, address, address_));
    server_->GetHealthCheckService()->SetServingStatus(true);
    return absl::OkStatus();
  }

  void Stop() {
    if (server_ == nullptr) return;
    server_->GetHealthCheckService()->SetServingStatus(false);
    rpc_.stop.request_stop();
    server_->Shutdown(DeadlineOf(SteadyNow() + kStopGrace));
    rpc_.followers.Join();
    rpc_.lists.Join();
    rpc_.transfers.Join();
    rpc_.worker_lists.Join();
    rpc_.searches.Join();
    rpc_.operators.Stop();
    rpc_.submits.Stop();
    rpc_.completions.Stop();
    rpc_.reports.Stop();
    rpc_.blobs.Stop();
    rpc_.catalog.Stop();
    rpc_.ingest.Stop();
    server_->Wait();
    server_.reset();
  }

  ~Impl() { Stop(); }
  const std::string& address() const { return address_; }

 private:
  RpcContext rpc_;
  WorkerRpc worker_;
  FarmRpc farm_;
  CatalogRpc catalog_;
  IdentityRpc identity_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const std::string& address, ServerParts parts) {
  auto impl = std::make_unique<Impl>(std::move(parts));
  GOFARM_RETURN_IF_ERROR_CTX(impl->Start(address), "grpc");
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;
const std::string& Server::address() const { return impl_->address(); }
void Server::Stop() { impl_->Stop(); }

}  // namespace gofarm::rpc
