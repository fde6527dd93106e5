#include "tests/rpc/fake_coordinator.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/rpc/channel.h"
#include "common/rpc/session_secret.h"

namespace gofarm {

class FakeCoordinator::Service : public v1::Worker::Service {
 public:
  explicit Service(FakeCoordinator& farm) : farm_(farm) {}

  grpc::Status Session(grpc::ServerContext* context,
                       grpc::ServerReaderWriter<v1::CoordinatorMessage, v1::WorkerMessage>* stream) override {
    v1::WorkerMessage message;
    if (!stream->Read(&message) || !message.has_hello()) return {grpc::StatusCode::INVALID_ARGUMENT, "Hello first"};
    v1::CoordinatorMessage answer;
    answer.set_epoch(1);
    {
      absl::MutexLock lock(&farm_.mutex_);
      farm_.secret_of["Session"] = rpc::SessionSecretOf(*context);
      if (!farm_.session_refusal_.ok()) {
        ++farm_.sessions_refused;
        return farm_.session_refusal_;
      }
      v1::Welcome& welcome = *answer.mutable_welcome();
      welcome.set_session_id(static_cast<int64_t>(farm_.hellos.size()) + 1);
      welcome.set_lease_seconds(30);
      welcome.set_heartbeat_seconds(0.2);
      welcome.set_session_secret(farm_.welcome_secret);
      *welcome.mutable_go() = farm_.welcome_go;
      for (const v1::RunningAttempt& attempt : message.hello().attempts()) {
        if (farm_.valid_.contains(attempt.token())) {
          welcome.add_keep(attempt.token());
        } else {
          welcome.add_drop(attempt.token());
        }
      }
      v1::Toolset& toolset = *welcome.add_toolsets();
      toolset.set_name("tools");
      toolset.add_go_versions("1.26.8");
      toolset.set_zig_version("0.15.2");
      toolset.set_digest("abcdef");
      for (const char* kind : {"go", "zig"}) {
        v1::Archive& archive = *toolset.add_archives();
        archive.set_kind(kind);
        archive.set_version(std::string(kind) == "go" ? "1.26.8" : "0.15.2");
        archive.set_host_arch("x86_64");
      }
      stream->Write(answer);
      farm_.hellos.push_back(message.hello());
      farm_.session_ = stream;
      ++farm_.sessions_open;
      farm_.half_closed = false;
    }
    while (stream->Read(&message)) {
      absl::MutexLock lock(&farm_.mutex_);
      if (message.has_goodbye()) farm_.goodbye = true;
      farm_.messages.push_back(message);
    }
    absl::MutexLock lock(&farm_.mutex_);
    if (farm_.session_ == stream) farm_.session_ = nullptr;
    --farm_.sessions_open;
    farm_.half_closed = true;
    return grpc::Status::OK;
  }

  grpc::Status AppendLog(grpc::ServerContext* context,
                         grpc::ServerReaderWriter<v1::LogAck, v1::LogChunk>* stream) override {
    {
      absl::MutexLock lock(&farm_.mutex_);
      farm_.secret_of["AppendLog"] = rpc::SessionSecretOf(*context);
      ++farm_.log_streams;
    }
    v1::LogChunk chunk;
    for (int chunks = 0; stream->Read(&chunk); ++chunks) {
      v1::LogAck ack;
      {
        absl::MutexLock lock(&farm_.mutex_);
        if (!farm_.valid_.contains(chunk.token())) return {grpc::StatusCode::FAILED_PRECONDITION, "stale token"};
        if (farm_.break_logs_after_ > 0 && chunks >= farm_.break_logs_after_)
          return {grpc::StatusCode::UNAVAILABLE, "broken by the test"};
        std::string& log = farm_.logs[chunk.token()];
        const auto offset = static_cast<size_t>(chunk.offset());
        if (offset > log.size()) return {grpc::StatusCode::OUT_OF_RANGE, "beyond the end"};
        if (offset + chunk.data().size() > log.size()) log += chunk.data().substr(log.size() - offset);
        ack.set_stored_offset(static_cast<int64_t>(log.size()));
      }
      if (!stream->Write(ack)) break;
    }
    return grpc::Status::OK;
  }

  grpc::Status UploadBlob(grpc::ServerContext* context,
                          grpc::ServerReaderWriter<v1::BlobAck, v1::BlobChunk>* stream) override {
    v1::BlobChunk chunk;
    if (!stream->Read(&chunk) || !chunk.has_header()) return {grpc::StatusCode::INVALID_ARGUMENT, "header first"};
    const v1::BlobChunk::Header header = chunk.header();
    std::string data;
    v1::BlobAck ack;
    {
      absl::MutexLock lock(&farm_.mutex_);
      if (!farm_.valid_.contains(header.token())) return {grpc::StatusCode::FAILED_PRECONDITION, "stale token"};
      farm_.secret_of["UploadBlob"] = rpc::SessionSecretOf(*context);
      ack.set_complete(farm_.blobs.contains(header.sha256()));
      data = farm_.partial_blobs[header.sha256()];
      ack.set_offset(static_cast<int64_t>(data.size()));
    }
    stream->Write(ack);
    if (ack.complete()) return grpc::Status::OK;
    while (static_cast<int64_t>(data.size()) < header.size() && stream->Read(&chunk)) {
      data += chunk.data();
      absl::MutexLock lock(&farm_.mutex_);
      farm_.blob_bytes_received += static_cast<int>(chunk.data().size());
      farm_.partial_blobs[header.sha256()] = data;
    }
    if (digest::Sha256Hex(data) != header.sha256()) {
      absl::MutexLock lock(&farm_.mutex_);
      farm_.partial_blobs.erase(header.sha256());
      return {grpc::StatusCode::DATA_LOSS, "the bytes do not match their digest"};
    }
    absl::MutexLock lock(&farm_.mutex_);
    farm_.blobs[header.sha256()] = data;
    ack.set_complete(true);
    ack.set_offset(header.size());
    stream->Write(ack);
    return grpc::Status::OK;
  }

  grpc::Status Complete(grpc::ServerContext* context, const v1::CompleteRequest* request,
                        v1::CompleteReply* reply) override {
    absl::MutexLock lock(&farm_.mutex_);
    farm_.secret_of["Complete"] = rpc::SessionSecretOf(*context);
    if (!farm_.valid_.contains(request->token())) return {grpc::StatusCode::FAILED_PRECONDITION, "stale token"};
    if (farm_.completions_to_fail_ > 0) {
      --farm_.completions_to_fail_;
      return {farm_.completion_failure_, "failed by the test"};
    }
    farm_.completions.push_back(*request);
    reply->set_job_state(v1::JOB_STATE_BUILT);
    return grpc::Status::OK;
  }

  grpc::Status FetchArchive(grpc::ServerContext*, const v1::FetchArchiveRequest* request,
                            grpc::ServerWriter<v1::ArchivePiece>* stream) override {
    std::string archive;
    size_t piece_bytes = 0, break_after = 0;
    {
      absl::MutexLock lock(&farm_.mutex_);
      farm_.archive_offsets.push_back(request->offset());
      if (!farm_.archive_refusals.empty()) {
        grpc::Status refusal = farm_.archive_refusals.front();
        farm_.archive_refusals.erase(farm_.archive_refusals.begin());
        return refusal;
      }
      archive = farm_.archive;
      piece_bytes = farm_.archive_piece;
      break_after = farm_.break_archive_after;
    }
    v1::ArchivePiece piece;
    piece.set_total_size(static_cast<int64_t>(archive.size()));
    bool first = true;
    for (size_t at = static_cast<size_t>(request->offset()), sent = 0; first || at < archive.size();
         at += piece_bytes, first = false) {
      piece.set_data(archive.substr(std::min(at, archive.size()), piece_bytes));
      sent += piece.data().size();
      if (!stream->Write(piece)) break;
      piece.set_total_size(0);
      if (break_after > 0 && sent >= break_after) return {grpc::StatusCode::UNAVAILABLE, "broken by the test"};
    }
    return grpc::Status::OK;
  }

 private:
  FakeCoordinator& farm_;
};

FakeCoordinator::FakeCoordinator() {
  std::string form = "/tmp/gofarm-fake-XXXXXX";
  if (::mkdtemp(form.data()) == nullptr) ADD_FAILURE() << "no folder " << form;
  folder_ = form;
  address_ = "unix:" + folder_ + "/s";
  Start();
}

FakeCoordinator::~FakeCoordinator() {
  Stop();
  ::unlink((folder_ + "/s").c_str());
  ::rmdir(folder_.c_str());
}

void FakeCoordinator::Start() {
  service_ = std::make_unique<Service>(*this);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
  builder.SetMaxReceiveMessageSize(rpc::kMessageBytesMax);
  builder.RegisterService(service_.get());
  server_ = builder.BuildAndStart();
  ASSERT_NE(server_, nullptr) << "cannot listen at " << address_;
}

void FakeCoordinator::Stop() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
}

void FakeCoordinator::SetValid(int64_t token, bool valid) {
  absl::MutexLock lock(&mutex_);
  if (valid) {
    valid_.insert(token);
  } else {
    valid_.erase(token);
  }
}

void FakeCoordinator::FailCompletions(int count, grpc::StatusCode code) {
  absl::MutexLock lock(&mutex_);
  completions_to_fail_ = count;
  completion_failure_ = code;
}

void FakeCoordinator::RefuseSessions(grpc::Status status) {
  absl::MutexLock lock(&mutex_);
  session_refusal_ = std::move(status);
}

void FakeCoordinator::BreakLogsAfter(int chunks) {
  absl::MutexLock lock(&mutex_);
  break_logs_after_ = chunks;
}

void FakeCoordinator::Send(const v1::CoordinatorMessage& message) {
  absl::MutexLock lock(&mutex_);
  ASSERT_NE(session_, nullptr) << "no session is open";
  session_->Write(message);
}

void FakeCoordinator::Offer(int64_t token, const std::function<void(v1::Offer&)>& change) {
  SetValid(token, true);
  v1::CoordinatorMessage message;
  message.set_epoch(1);
  v1::Offer& offer = *message.mutable_offer();
  offer.set_token(token);
  offer.set_job_id(token + 1000);
  offer.set_module("example.com/tool");
  offer.set_version("v1.2.3");
  offer.set_target(v1::TARGET_X86_64);
  offer.set_toolset("tools");
  offer.set_deadline_seconds(60);
  if (change) change(offer);
  Send(message);
}

bool FakeCoordinator::WaitFor(const std::function<bool()>& condition) {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&condition, &std::function<bool()>::operator()), kPatience);
}

const v1::Hello* FakeCoordinator::WaitForHello(size_t number) {
  return WaitFor([&] { return hellos.size() >= number; }) ? &hellos[number - 1] : nullptr;
}

bool FakeCoordinator::WaitForCompletion(int64_t token, v1::CompleteRequest* request) {
  return WaitFor([&] {
    for (const v1::CompleteRequest& completion : completions) {
      if (completion.token() != token) continue;
      if (request != nullptr) *request = completion;
      return true;
    }
    return false;
  });
}

}  // namespace gofarm
