#include "worker/upload/archive_download.h"

#include <fcntl.h>
#include <gofarm/v1/worker.grpc.pb.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <random>
#include <stop_token>

#include "common/archives/archive_source.h"
#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/obs/log.h"
#include "common/rpc/deadline.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/session_secret.h"
#include "common/sync/wait.h"

namespace gofarm::upload {
namespace {

constexpr absl::Duration kTryMax = absl::Minutes(20);  // the coordinator may have to get it first
constexpr BackoffPolicy kBackoff = {absl::Milliseconds(500), absl::Seconds(15), 2.0};

struct Download {
  io::Fd file;
  std::string path;
  int64_t done = 0;
  int64_t total = 0;
  absl::Status mine;  // what went wrong on this host, or with what came: another try is of no use
};

absl::Status Take(const v1::ArchivePiece& piece, bool first, Download& d) {
  if (first) {
    if (piece.total_size() < d.done || piece.total_size() > archives::kArchiveBytesMax) {
      return absl::DataLossError(Cat("the coordinator speaks of ", piece.total_size(), " bytes after ", d.done));
    }
    d.total = piece.total_size();
  }
  if (d.done + static_cast<int64_t>(piece.data().size()) > d.total) {
    return absl::DataLossError(Cat("the coordinator sends more than the ", d.total, " bytes that it spoke of"));
  }
  GOFARM_RETURN_IF_ERROR(io::WriteAll(d.file.get(), piece.data(), d.path));
  d.done += static_cast<int64_t>(piece.data().size());
  return absl::OkStatus();
}

// OK: it is whole. Else the coordinator's status, or `d.mine`.
absl::Status TryOnce(const Scope& scope, const Uplink& uplink, const std::string& sha256, Download& d,
                     const DownloadProgress& progress) {
  const std::shared_ptr<grpc::Channel> channel = uplink.channel();
  if (channel == nullptr) return absl::UnavailableError("no coordinator was dialled yet");
  grpc::ClientContext context;
  const rpc::CallDeadline deadline(context, std::min(scope.deadline, SteadyNow() + kTryMax));
  rpc::AttachSessionSecret(context, uplink.secret());
  const std::stop_callback cancel(scope.stop, [&context] { context.TryCancel(); });
  v1::FetchArchiveRequest request;
  request.set_sha256(sha256);
  request.set_offset(d.done);
  if (progress) progress(d.done, d.total);
  const auto stub = v1::Worker::NewStub(channel);
  const auto stream = stub->FetchArchive(&context, request);
  v1::ArchivePiece piece;
  for (bool first = true; stream->Read(&piece); first = false) {
    d.mine = Take(piece, first, d);
    if (!d.mine.ok()) {
      context.TryCancel();
      break;
    }
    if (progress) progress(d.done, d.total);
  }
  // The status stands behind what was not read; after TryCancel there is nothing of it.
  while (!d.mine.ok() && stream->Read(&piece)) {
  }
  absl::Status ended = rpc::FromGrpc(stream->Finish());
  if (!d.mine.ok()) return d.mine;
  if (!ended.ok()) return ended;
  if (d.total == 0 || d.done < d.total) {
    return absl::UnavailableError(Cat("the coordinator ended the archive at ", d.done, " of ", d.total, " bytes"));
  }
  return absl::OkStatus();
}

bool MayPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsCancelled(status) ||
         absl::IsResourceExhausted(status) || absl::IsUnauthenticated(status);
}

}  // namespace

absl::Status DownloadArchive(const Scope& scope, const Uplink& uplink, const std::string& sha256,
                             const std::string& path, const DownloadProgress& progress,
                             const ArchivePatience& patience) {
  Download d{.file = io::Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)), .path = path};
  if (!d.file) return ErrnoStatus(errno, Cat("create ", path));
  std::minstd_rand random{std::random_device{}()};
  absl::Time heard = SteadyNow();  // when it was last known to be there
  const absl::Time busy_until = SteadyNow() + patience.busy;
  for (int failures = 1;; ++failures) {
    const int64_t before = d.done;
    const absl::Time began = SteadyNow();
    absl::Status status = TryOnce(scope, uplink, sha256, d, progress);
    if (status.ok()) return status;
    GOFARM_RETURN_IF_ERROR_CTX(scope.Check(), Cat("fetch ", sha256, " from the coordinator"));
    if (!d.mine.ok() || !MayPass(status)) return status;
    const bool busy = absl::IsResourceExhausted(status);
    if (d.done > before) failures = 1;
    // A call that stood for so long had a coordinator at its other end.
    if (d.done > before || busy || SteadyNow() - began > patience.away) heard = SteadyNow();
    if (SteadyNow() > busy_until || SteadyNow() - heard > patience.away) {
      return absl::UnavailableError(Cat("the coordinator is ", busy ? "busy" : "away", ": ", Sv(status.message())));
    }
    if (failures == 3) {
      obs::Warn("archive_interrupted", {{"sha256", sha256}, {"bytes", Cat(d.done)}, {"error", status.ToString()}});
    }
    sync::SleepFor(scope, BackoffDelay(kBackoff, failures, std::uniform_real_distribution<double>(0, 1)(random)));
  }
}

}  // namespace gofarm::upload
