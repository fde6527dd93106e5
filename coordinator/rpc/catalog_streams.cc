#include "coordinator/rpc/catalog_streams.h"

#include <exception>
#include <functional>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/catalog/fields.h"

namespace gofarm::rpc {
namespace {

absl::Status BrokeOff(std::string_view what) {
  return absl::AbortedError(Cat(what, " broke off before its end; nothing of the rest was stored, send it again"));
}

grpc::ByteBuffer DocumentOf(std::string json) {
  v1::CatalogDocument document;
  document.set_json(std::move(json));
  return ToWire(document);
}

// `body` on the catalog's pool; a status other than OK ends the stream, `next` follows in any case.
template <typename Stream, typename Body>
void OnPool(RpcContext& rpc, Stream* stream, Body body, std::function<void()> next) {
  const bool queued = rpc.ingest.TryPost([stream, body, next] {
    absl::Status status;
    try {
      status = body();
    } catch (const std::exception& e) {
      status = ThrewStatus(stream->call().method(), e);
    }
    if (!status.ok()) stream->Close(status);
    next();
  });
  if (queued) return;
  stream->Close(BusyStatus());
  next();
}

}  // namespace

absl::Status IngestStream::Open() {
  GOFARM_ASSIGN_OR_RETURN(ingestion_, rpc_.parts.catalog->BeginIngestion(Scope::For(kIngestMax, stop_.get_token())));
  return absl::OkStatus();
}

void IngestStream::Gone() {
  stop_.request_stop();
  ingestion_.reset();
}

void IngestStream::Received(const v1::IngestChunk& chunk) {
  // The message and the stream live until ReadNext.
  OnPool(
      rpc_, this, [this, &chunk] { return Take(chunk); }, [this] { ReadNext(); });
}

absl::Status IngestStream::Take(const v1::IngestChunk& chunk) {
  if (ended_) return absl::InvalidArgumentError("a message after the end of an index file");
  switch (chunk.kind_case()) {
    case v1::IngestChunk::kHeader:
      return absl::OkStatus();
    case v1::IngestChunk::kEnd:
      ended_ = true;
      return absl::OkStatus();
    case v1::IngestChunk::kData:
      break;
    case v1::IngestChunk::KIND_NOT_SET:
      return absl::InvalidArgumentError("a message of an index file is empty");
  }
  if (chunk.data().size() > kIngestChunkMax) {
    return absl::InvalidArgumentError(
        Cat("a chunk has ", chunk.data().size(), " bytes, at most ", kIngestChunkMax, " are allowed"));
  }
  return ingestion_->Add(chunk.data());
}

void IngestStream::PeerEnded() {
  if (!ended_) return Close(BrokeOff("the index file"));
  if (!Claim()) return;  // too late
  const bool queued = rpc_.ingest.TryPost([this] {
    absl::Status status;
    try {
      status = Finish();
    } catch (const std::exception& e) {
      status = ThrewStatus(call().method(), e);
    }
    Conclude(status);
  });
  if (!queued) Conclude(BusyStatus());
}

absl::Status IngestStream::Finish() {
  GOFARM_ASSIGN_OR_RETURN(const catalog::IngestResult result, ingestion_->Finish());
  call().Audit("a file of index lines");
  *reply_ = DocumentOf(json::Write(result));
  return absl::OkStatus();
}

void ImportStream::Received(const v1::ImportChunk& chunk) {
  if (const absl::Status taken = Take(chunk); !taken.ok()) Close(taken);
  ReadNext();
}

absl::Status ImportStream::Take(const v1::ImportChunk& chunk) {
  if (ended_) return absl::InvalidArgumentError("a message after the end of a list");
  switch (chunk.kind_case()) {
    case v1::ImportChunk::kHeader:
      if (chunk.header().origin().size() > kOriginMax) {
        return absl::InvalidArgumentError(Cat("the name of a list has at most ", kOriginMax, " bytes"));
      }
      origin_ = chunk.header().origin();
      return absl::OkStatus();
    case v1::ImportChunk::kEnd:
      ended_ = true;
      return absl::OkStatus();
    case v1::ImportChunk::kData:
      break;
    case v1::ImportChunk::KIND_NOT_SET:
      return absl::InvalidArgumentError("a message of a list is empty");
  }
  if (text_.size() + chunk.data().size() > kImportBytesMax) {
    return absl::InvalidArgumentError(Cat("a list has at most ", kImportBytesMax >> 20, " MiB"));
  }
  text_ += chunk.data();
  return absl::OkStatus();
}

void ImportStream::PeerEnded() {
  if (!ended_) return Close(BrokeOff("the list"));
  if (origin_.empty()) return Close(absl::InvalidArgumentError("a list needs a name of where it is from"));
  if (!Claim()) return;
  const bool queued = rpc_.catalog.TryPost([this] {
    absl::Status status;
    try {
      const absl::StatusOr<catalog::ImportResult> result =
          rpc_.parts.catalog->Import(call().ScopeFor(kCallMax), origin_, text_);
      status = result.status();
      if (result.ok()) {
        call().Audit(Cat("a list of ", text_.size(), " bytes from ", origin_));
        *reply_ = DocumentOf(json::Write(*result));
      }
    } catch (const std::exception& e) {
      status = ThrewStatus(call().method(), e);
    }
    Conclude(status);
  });
  if (!queued) Conclude(BusyStatus());
}

}  // namespace gofarm::rpc
