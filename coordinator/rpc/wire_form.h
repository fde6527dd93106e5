// What a message will be once it is parsed, read off its wire form: two bytes on the wire may become three hundred. The
// coordinator looks at every message of a worker's and every message of a stream this way before it makes anything of
// it. Pure.
#pragma once

#include <google/protobuf/descriptor.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace google::protobuf {
class Message;
}

namespace gofarm::rpc {

inline constexpr size_t kWireFieldsMax = 250'000;   // fields of one message, those of its parts included
inline constexpr size_t kChunkEntriesMax = 20'000;  // modules in one message of a submission

// How often a repeated field may stand in one message, all parts together; none: only kWireFieldsMax holds.
std::optional<size_t> RepeatedMax(std::string_view full_name);

// About how many bytes of memory the parsed message takes. INVALID_ARGUMENT: it is no message of this type, or holds
// more of something than it may.
absl::StatusOr<size_t> MeasureWire(const google::protobuf::Descriptor& type, const grpc::ByteBuffer& raw);

// INVALID_ARGUMENT: it is none. `raw` is empty afterwards.
absl::Status ParseWire(grpc::ByteBuffer& raw, google::protobuf::Message& message);
grpc::ByteBuffer ToWire(const google::protobuf::Message& message);

// The numbers in fields 1 and 2 of the message, which may be malformed behind them: who is meant, before anything else
// is looked at. 0 where there is none.
struct LeadingNumbers {
  int64_t first = 0;
  int64_t second = 0;
};
LeadingNumbers ReadLeadingNumbers(const grpc::ByteBuffer& raw);

}  // namespace gofarm::rpc
