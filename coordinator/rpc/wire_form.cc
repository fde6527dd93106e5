#include "coordinator/rpc/wire_form.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/message.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <iterator>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/vocab/labels.h"
#include "common/vocab/report_check.h"
#include "common/vocab/worker_report.h"
#include "coordinator/domain/dispatch_store.h"

namespace gofarm::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

struct Limit {
  std::string_view field;
  size_t max;
};
constexpr Limit kLimits[] = {
    {"gofarm.v1.CompleteRequest.executables", kExecutablesMax},
    {"gofarm.v1.CompleteRequest.failed_programs", kFailedProgramsMax},
    {"gofarm.v1.CompleteRequest.variants", kVariantsMax},
    {"gofarm.v1.CompleteRequest.phases", kPhasesMax},
    {"gofarm.v1.CompleteRequest.dependencies", kDependenciesMax},
    {"gofarm.v1.CompleteRequest.omitted", kReportParts},
    {"gofarm.v1.CompleteRequest.notes", kNotesMax},
    {"gofarm.v1.VariantTry.edits", kNotesMax},
    {"gofarm.v1.VariantTry.argv", 2 * kArgumentsMax},
    {"gofarm.v1.VariantTry.environment", 2 * kArgumentsMax},
    {"gofarm.v1.Hello.attempts", domain::kAnnouncedMax},
    {"gofarm.v1.Hello.labels", kLabelsMax},
    {"gofarm.v1.WorkerReport.toolchains", kWorkerReportRowsMax},
    {"gofarm.v1.WorkerReport.readiness", kWorkerReportRowsMax},
    {"gofarm.v1.WorkerFigures.caches", kCacheFiguresMax},
    {"gofarm.v1.SubmitChunk.Entries.entries", kChunkEntriesMax},
    {"gofarm.v1.SubmitChunk.Header.labels", 1'000},
};

// What a parsed message takes, roughly and rather too much.
constexpr size_t kMessageBytes = 256;  // the largest has a dozen texts
constexpr size_t kTextBytes = 64;      // std::string, its place in a list, what the allocator adds
constexpr size_t kNumberBytes = 16;    // in a list that doubles as it grows

absl::Status NoMessage(const Descriptor& type) {
  return absl::InvalidArgumentError(Cat("the bytes are no ", type.full_name()));
}

class Walk {
 public:
  Walk(const Descriptor& type, CodedInputStream& in) : type_(type), in_(in) {}

  absl::StatusOr<size_t> Measure() {
    GOFARM_RETURN_IF_ERROR(Message(&type_));
    return memory_ + kMessageBytes;
  }

 private:
  // Up to the end of the stream or of the part. `type`: null within what this coordinator does not know.
  absl::Status Message(const Descriptor* type) {
    while (const uint32_t tag = in_.ReadTag()) {
      if (++fields_ > kWireFieldsMax) {
        return absl::InvalidArgumentError(
            Cat("a ", type_.full_name(), " has more than ", kWireFieldsMax, " fields; send less at once"));
      }
      const FieldDescriptor* field = type->FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
      if (field != nullptr && field->is_repeated()) GOFARM_RETURN_IF_ERROR(Count(*field));
      GOFARM_RETURN_IF_ERROR(Value(WireFormatLite::GetTagWireType(tag), field));
    }
    return in_.ConsumedEntireMessage() ? absl::OkStatus() : NoMessage(type_);
  }

  absl::Status Count(const FieldDescriptor& field) {
    size_t& count = counts_[&field];
    if (++count == 1) maxima_[&field] = RepeatedMax(field.full_name()).value_or(kWireFieldsMax);
    if (count <= maxima_[&field]) return absl::OkStatus();
    return absl::InvalidArgumentError(
        Cat(field.containing_type()->name(), ".", field.name(), ": more than ", maxima_[&field], " in one message"));
  }

  absl::Status Value(WireFormatLite::WireType wire, const FieldDescriptor* field) {
    bool good = false;
    switch (wire) {
      case WireFormatLite::WIRETYPE_VARINT: {
        uint64_t number = 0;
        good = in_.ReadVarint64(&number);
        break;
      }
      case WireFormatLite::WIRETYPE_FIXED64:
        good = in_.Skip(8);
        break;
      case WireFormatLite::WIRETYPE_FIXED32:
        good = in_.Skip(4);
        break;
      case WireFormatLite::WIRETYPE_LENGTH_DELIMITED:
        return Delimited(field);
      default:
        return NoMessage(type_);  // groups: no message of ours has one
    }
    memory_ += kNumberBytes;
    return good ? absl::OkStatus() : NoMessage(type_);
  }

  absl::Status Delimited(const FieldDescriptor* field) {
    uint32_t length = 0;
    if (!in_.ReadVarint32(&length) || length > INT32_MAX) return NoMessage(type_);
    if (field == nullptr || field->type() != FieldDescriptor::TYPE_MESSAGE) {
      const bool packed = field != nullptr && field->is_packable();
      memory_ += kTextBytes + (packed ? length * kNumberBytes : length);
      return in_.Skip(static_cast<int>(length)) ? absl::OkStatus() : NoMessage(type_);
    }
    memory_ += kMessageBytes;
    const CodedInputStream::Limit outer = in_.PushLimit(static_cast<int>(length));
    GOFARM_RETURN_IF_ERROR(Message(field->message_type()));  // ours do not nest without end
    if (in_.BytesUntilLimit() != 0) return NoMessage(type_);
    in_.PopLimit(outer);
    return absl::OkStatus();
  }

  const Descriptor& type_;
  CodedInputStream& in_;
  size_t fields_ = 0;
  size_t memory_ = 0;
  absl::flat_hash_map<const FieldDescriptor*, size_t> counts_;
  absl::flat_hash_map<const FieldDescriptor*, size_t> maxima_;
};

// The reader takes a pointer to what is not const, and leaves the bytes as they are.
grpc::ProtoBufferReader ReaderOf(const grpc::ByteBuffer& raw) {
  return grpc::ProtoBufferReader(const_cast<grpc::ByteBuffer*>(&raw));
}

}  // namespace

std::optional<size_t> RepeatedMax(std::string_view full_name) {
  for (const Limit& limit : kLimits) {
    if (limit.field == full_name) return limit.max;
  }
  return std::nullopt;
}

absl::StatusOr<size_t> MeasureWire(const Descriptor& type, const grpc::ByteBuffer& raw) {
  if (!raw.Valid()) return kMessageBytes;  // a message without fields
  grpc::ProtoBufferReader reader = ReaderOf(raw);
  if (!reader.status().ok()) return NoMessage(type);
  CodedInputStream in(&reader);
  return Walk(type, in).Measure();
}

absl::Status ParseWire(grpc::ByteBuffer& raw, google::protobuf::Message& message) {
  bool good = true;
  if (raw.Valid()) {
    grpc::ProtoBufferReader reader(&raw);
    good = reader.status().ok() && message.ParseFromZeroCopyStream(&reader);
  } else {
    message.Clear();
  }
  raw.Clear();
  return good ? absl::OkStatus() : NoMessage(*message.GetDescriptor());
}

grpc::ByteBuffer ToWire(const google::protobuf::Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

LeadingNumbers ReadLeadingNumbers(const grpc::ByteBuffer& raw) {
  LeadingNumbers numbers;
  if (!raw.Valid()) return numbers;
  grpc::ProtoBufferReader reader = ReaderOf(raw);
  if (!reader.status().ok()) return numbers;
  CodedInputStream in(&reader);
  while (const uint32_t tag = in.ReadTag()) {
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    if (WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_VARINT && (field == 1 || field == 2)) {
      uint64_t number = 0;
      if (!in.ReadVarint64(&number)) return numbers;
      (field == 1 ? numbers.first : numbers.second) = static_cast<int64_t>(number);
    } else if (!WireFormatLite::SkipField(&in, tag)) {
      return numbers;
    }
  }
  return numbers;
}

}  // namespace gofarm::rpc
