#include "coordinator/rpc/wire_form.h"

#include <gmock/gmock.h>
#include <gofarm/v1/catalog.pb.h>
#include <gofarm/v1/farm.pb.h>
#include <gofarm/v1/worker.pb.h>
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "common/vocab/report_check.h"

namespace gofarm::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using ::testing::HasSubstr;

grpc::ByteBuffer Raw(const std::string& bytes) {
  // Two slices: what is read crosses from one to the other.
  const grpc::Slice slices[] = {grpc::Slice(bytes.substr(0, bytes.size() / 2)),
                                grpc::Slice(bytes.substr(bytes.size() / 2))};
  return grpc::ByteBuffer(slices, 2);
}

absl::StatusOr<size_t> Measure(const google::protobuf::Message& message) {
  return MeasureWire(*message.GetDescriptor(), Raw(message.SerializeAsString()));
}

// Everything that may come on a stream or from a worker.
const std::vector<const Descriptor*>& Incoming() {
  static const std::vector<const Descriptor*> all = {v1::WorkerMessage::descriptor(), v1::LogChunk::descriptor(),
                                                     v1::BlobChunk::descriptor(),     v1::CompleteRequest::descriptor(),
                                                     v1::SubmitChunk::descriptor(),   v1::IngestChunk::descriptor(),
                                                     v1::ImportChunk::descriptor()};
  return all;
}

void RepeatedFieldsOf(const Descriptor& type, std::set<std::string>& fields) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.is_repeated() && !field.is_packable()) fields.insert(field.full_name());
    if (field.message_type() != nullptr) RepeatedFieldsOf(*field.message_type(), fields);
  }
}

TEST(WireFormTest, EveryListInWhatComesInHasALimit) {
  std::set<std::string> fields;
  for (const Descriptor* type : Incoming()) RepeatedFieldsOf(*type, fields);
  EXPECT_GE(fields.size(), 13u);
  for (const std::string& field : fields) EXPECT_TRUE(RepeatedMax(field).has_value()) << field;
}

TEST(WireFormTest, AListMayBeAsLongAsItsLimit) {
  v1::CompleteRequest request;
  for (size_t i = 0; i < kVariantsMax; ++i) request.add_variants();
  EXPECT_TRUE(Measure(request).ok());
  request.add_variants();
  const absl::Status status = Measure(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("CompleteRequest.variants: more than 32 in one message"));
}

TEST(WireFormTest, ListsOfAllPartsCountTogether) {
  v1::CompleteRequest request;
  for (int i = 0; i < 3; ++i) {
    v1::VariantTry& variant = *request.add_variants();
    for (size_t n = 0; n < kArgumentsMax; ++n) variant.add_argv();
  }
  EXPECT_THAT(std::string(Measure(request).status().message()), HasSubstr("VariantTry.argv: more than 40000"));
}

TEST(WireFormTest, FieldsThatNobodyKnowsCountToo) {
  std::string bytes;
  for (size_t i = 0; i <= kWireFieldsMax; ++i) bytes += {120, 0};  // field 15 as a number
  const absl::Status status = MeasureWire(*v1::LogChunk::descriptor(), Raw(bytes)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("gofarm.v1.LogChunk has more than 250000 fields"));
}

TEST(WireFormTest, WhatAMessageTakesIsNotGuessedTooLow) {
  v1::CompleteRequest request;
  for (int i = 0; i < 4'000; ++i) {
    request.add_executables()->set_name("n");
    request.add_dependencies()->set_h1("h1");
    request.add_failed_programs();
  }
  for (int i = 0; i < 100'000; ++i) request.mutable_executables(0)->add_dependency_indexes(1);
  const absl::StatusOr<size_t> bytes = Measure(request);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_GE(*bytes, request.SpaceUsedLong());
  v1::LogChunk chunk;
  chunk.set_data(std::string(256 << 10, 'x'));
  const absl::StatusOr<size_t> log = Measure(chunk);
  ASSERT_TRUE(log.ok());
  EXPECT_GE(*log, size_t{256} << 10);
  EXPECT_LE(*log, size_t{257} << 10) << "bytes count once: transfers are most of what comes in";
}

TEST(WireFormTest, WhatIsNoMessageIsRefusedAndNothingIsReadBeyondIt) {
  v1::WorkerMessage message;
  message.mutable_report()->add_toolchains()->set_path("/go");
  const std::string good = message.SerializeAsString();
  ASSERT_TRUE(Measure(message).ok());
  for (size_t length = 1; length < good.size(); ++length) {
    EXPECT_FALSE(MeasureWire(*v1::WorkerMessage::descriptor(), Raw(good.substr(0, length))).ok()) << length;
  }
  EXPECT_FALSE(MeasureWire(*v1::WorkerMessage::descriptor(), Raw(std::string("\x0b\x0c", 2))).ok()) << "a group";
  EXPECT_TRUE(MeasureWire(*v1::WorkerMessage::descriptor(), grpc::ByteBuffer()).ok()) << "no field at all";
  std::mt19937 random(15);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random() % 40, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    for (const Descriptor* type : Incoming()) (void)MeasureWire(*type, Raw(bytes));
    (void)ReadLeadingNumbers(Raw(bytes));
  }
}

TEST(WireFormTest, ThereAndBackAgain) {
  v1::CompleteRequest request;
  request.set_token(7);
  request.set_job_id(9);
  request.set_failure_detail("x");
  grpc::ByteBuffer raw = ToWire(request);
  const LeadingNumbers numbers = ReadLeadingNumbers(raw);
  EXPECT_EQ(numbers.first, 7);
  EXPECT_EQ(numbers.second, 9);
  v1::CompleteRequest out;
  ASSERT_TRUE(ParseWire(raw, out).ok());
  EXPECT_EQ(out.failure_detail(), "x");
  grpc::ByteBuffer garbage = Raw("\xff\xff");
  EXPECT_EQ(ParseWire(garbage, out).code(), absl::StatusCode::kInvalidArgument);
}

TEST(WireFormTest, WhoIsMeantIsReadFromAMessageThatIsBrokenBehindIt) {
  const LeadingNumbers numbers = ReadLeadingNumbers(Raw(std::string("\x08\x2a\x10\x01\xff", 5)));
  EXPECT_EQ(numbers.first, 42);
  EXPECT_EQ(numbers.second, 1);
  EXPECT_EQ(ReadLeadingNumbers(grpc::ByteBuffer()).first, 0);
}

}  // namespace
}  // namespace gofarm::rpc
