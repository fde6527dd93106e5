#include "coordinator/rpc/server.h"

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
#include "common/rpc/deadline.h"
#include "coordinator/rpc/catalog_rpc.h"
#include "coordinator/rpc/farm_rpc.h"
#include "coordinator/rpc/identity_rpc.h"
#include "coordinator/rpc/listeners.h"
#include "coordinator/rpc/publish_rpc.h"
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

class Server::Impl {
 public:
  explicit Impl(ServerParts parts)
      : rpc_(std::move(parts)), worker_(rpc_), farm_(rpc_), catalog_(rpc_), identity_(rpc_), publish_(rpc_) {}

  absl::Status Start(ListenOptions listen) {
    grpc::ResourceQuota quota("gofarm-coordinator");
    quota.Resize(kQuotaBytes);
    quota.SetMaxThreads(kQuotaThreads);
    grpc::ServerBuilder builder;
    builder.RegisterService(&worker_);
    builder.RegisterService(&farm_);
    builder.RegisterService(&identity_);
    builder.RegisterService(&publish_);
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
    if (!listen.authorize) listen.authorize = rpc_.parts.authorize;
    listen.identities = rpc_.parts.identities;
    // What the gate refuses comes to no handler.
    listen.refused = [audit = rpc_.parts.audit, metrics = rpc_.parts.metrics](
                         std::string_view method, const PeerIdentity& peer, const absl::Status& why) {
      if (metrics != nullptr) metrics->AddRefusal(why.code());
      if (audit != nullptr) audit->Refused({.who = peer.name, .role = peer.role, .origin = "tls"}, method, why);
    };
    listeners_ = std::make_unique<Listeners>(std::move(listen));
    GOFARM_RETURN_IF_ERROR(listeners_->AddTo(builder));
    rpc_.parts.vouch = [this](const std::string& peer, const PeerIdentity& who) {
      return listeners_->Vouch(peer, who.identity, who.until);
    };
    if (rpc_.parts.identities != nullptr) {
      rpc_.parts.identities->OnRevoked([this](domain::IdentityId id) { listeners_->Shut(id.value); });
    }
    server_ = builder.BuildAndStart();
    GOFARM_RETURN_IF_ERROR(listeners_->Open(server_.get()));
    server_->GetHealthCheckService()->SetServingStatus(true);
    return absl::OkStatus();
  }

  void Stop() {
    if (server_ == nullptr) return;
    server_->GetHealthCheckService()->SetServingStatus(false);
    if (rpc_.parts.identities != nullptr) rpc_.parts.identities->OnRevoked(nullptr);
    listeners_->Close();
    rpc_.stop.request_stop();
    server_->Shutdown(DeadlineOf(SteadyNow() + kStopGrace));
    rpc_.followers.Join();
    rpc_.lists.Join();
    rpc_.transfers.Join();
    rpc_.archives.Join();
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
  const std::string& address() const { return listeners_->address(); }
  const std::string& tls_address() const { return listeners_->tls_address(); }

 private:
  RpcContext rpc_;
  WorkerRpc worker_;
  FarmRpc farm_;
  CatalogRpc catalog_;
  IdentityRpc identity_;
  PublishRpc publish_;
  std::unique_ptr<Listeners> listeners_;
  std::unique_ptr<grpc::Server> server_;
};

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ListenOptions listen, ServerParts parts) {
  auto impl = std::make_unique<Impl>(std::move(parts));
  GOFARM_RETURN_IF_ERROR_CTX(impl->Start(std::move(listen)), "grpc");
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;
const std::string& Server::address() const { return impl_->address(); }
const std::string& Server::tls_address() const { return impl_->tls_address(); }
void Server::Stop() { impl_->Stop(); }

}  // namespace gofarm::rpc
