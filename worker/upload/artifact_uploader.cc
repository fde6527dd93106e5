#include "worker/upload/artifact_uploader.h"

#include <fcntl.h>
#include <gofarm/v1/worker.grpc.pb.h>
#include <grpcpp/grpcpp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <random>
#include <stop_token>
#include <utility>

#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/obs/log.h"
#include "common/rpc/deadline.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/session_secret.h"
#include "common/sync/wait.h"
#include "worker/upload/finish_stream.h"
#include "worker/upload/log_uploader.h"

namespace gofarm::upload {
namespace {

constexpr absl::Duration kTryMax = absl::Minutes(10);
constexpr int kMismatchesMax = 2;

absl::StatusOr<io::Fd> OpenBlob(const Blob& blob) {
  io::Fd fd(::open(blob.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return ErrnoStatus(errno, Cat("open ", EscapeForPrint(blob.path)));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, Cat("stat ", EscapeForPrint(blob.path)));
  if (!S_ISREG(info.st_mode) || info.st_size != blob.size) {
    return absl::DataLossError(Cat(EscapeForPrint(blob.path), " changed after it was checked: it has ",
                                   static_cast<int64_t>(info.st_size), " bytes, not ", blob.size));
  }
  return fd;
}

absl::Status ReadAt(int fd, int64_t offset, size_t size, std::string& data) {
  data.resize(size);
  size_t done = 0;
  while (done < size) {
    const ssize_t n = ::pread(fd, data.data() + done, size - done, offset + static_cast<int64_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read the artifact");
    if (n == 0) return absl::DataLossError("the artifact became shorter after it was checked");
    done += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

absl::Status TryOnce(const Scope& scope, const std::shared_ptr<grpc::Channel>& channel, const std::string& secret,
                     AttemptToken token, const Blob& blob, int fd, const UploadProgress& progress) {
  grpc::ClientContext context;
  const rpc::CallDeadline deadline(context, std::min(scope.deadline, SteadyNow() + kTryMax));
  rpc::AttachSessionSecret(context, secret);
  const std::stop_callback cancel(scope.stop, [&context] { context.TryCancel(); });
  const auto stub = v1::Worker::NewStub(channel);
  const auto stream = stub->UploadBlob(&context);
  const auto finish = [&stream] { return FinishBroken<v1::BlobAck>(*stream, "artifact"); };
  v1::BlobChunk chunk;
  v1::BlobAck ack;
  v1::BlobChunk::Header& header = *chunk.mutable_header();
  header.set_token(token.value);
  header.set_sha256(blob.sha256);
  header.set_size(blob.size);
  if (!stream->Write(chunk) || !stream->Read(&ack)) return finish();
  int64_t offset = ack.offset();
  if (!ack.complete() && (offset < 0 || offset > blob.size)) {
    return absl::InternalError(Cat("the coordinator wants to go on at ", offset, " of ", blob.size, " bytes"));
  }
  while (!ack.complete() && offset < blob.size) {
    if (progress) progress(offset);
    const auto size = static_cast<size_t>(std::min<int64_t>(kBlobChunkBytes, blob.size - offset));
    GOFARM_RETURN_IF_ERROR(ReadAt(fd, offset, size, *chunk.mutable_data()));
    if (!stream->Write(chunk)) return finish();
    offset += static_cast<int64_t>(size);
  }
  stream->WritesDone();
  while (!ack.complete()) {
    if (!stream->Read(&ack)) return finish();
  }
  if (progress) progress(blob.size);
  return rpc::FromGrpc(stream->Finish());
}

}  // namespace

absl::Status UploadBlob(const Scope& scope, const Uplink& uplink, AttemptToken token, const Blob& blob,
                        const UploadProgress& progress, const UploadTrouble& trouble) {
  std::minstd_rand random{std::random_device{}()};
  int mismatches = 0;
  for (int failures = 1;; ++failures) {
    GOFARM_RETURN_IF_ERROR_CTX(scope.Check(), Cat("upload ", blob.sha256));
    GOFARM_ASSIGN_OR_RETURN(const io::Fd fd, OpenBlob(blob));
    const std::shared_ptr<grpc::Channel> channel = uplink.channel();
    absl::Status status = channel == nullptr
                              ? absl::UnavailableError("no coordinator was dialled yet")
                              : TryOnce(scope, channel, uplink.secret(), token, blob, fd.get(), progress);
    if (status.ok()) return status;
    const bool mismatch = absl::IsDataLoss(status);
    if (absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status) ||
        (mismatch && ++mismatches == kMismatchesMax)) {
      return Annotate(status, Cat("upload ", blob.sha256));
    }
    if (!scope.Check().ok()) return Annotate(scope.Check(), Cat("upload ", blob.sha256, " (", status.ToString(), ")"));
    if (trouble) trouble(status);
    if (failures == 2 || failures % 16 == 0) {
      obs::Warn("upload_interrupted",
                {{"token", Cat(token.value)}, {"sha256", blob.sha256}, {"error", status.ToString()}});
    }
    sync::SleepFor(scope, BackoffDelay(kUploadBackoff, failures, std::uniform_real_distribution<double>(0, 1)(random)));
  }
}

}  // namespace gofarm::upload
