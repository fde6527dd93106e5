// Releases of before, as their descriptors stand in tests/golden/proto: what they say still means the same, and a
// worker and an operator of such a release do their work with the server of today. They speak through messages made
// from those descriptors, not through today's classes.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/text_format.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_replace.h"
#include "common/base/text.h"
#include "common/rpc/session_secret.h"
#include "tests/rpc/farm_server.h"

namespace gofarm::testing {
namespace {

namespace fs = std::filesystem;
namespace pb = google::protobuf;
using Message = std::unique_ptr<pb::Message>;

class Release {
 public:
  explicit Release(const fs::path& file) : name_(file.stem()) {
    std::ifstream in(file, std::ios::binary);
    std::stringstream bytes;
    bytes << in.rdbuf();
    pb::FileDescriptorSet set;
    EXPECT_TRUE(set.ParseFromString(bytes.str())) << file;
    for (const pb::FileDescriptorProto& one : set.file()) files_.push_back(pool_.BuildFile(one));
  }
  const std::string& name() const { return name_; }
  const std::vector<const pb::FileDescriptor*>& files() const { return files_; }
  Message New(const std::string& type, const std::string& text = "") {
    const pb::Descriptor* const descriptor = pool_.FindMessageTypeByName("gofarm.v1." + type);
    EXPECT_NE(descriptor, nullptr) << type;
    Message message(factory_.GetPrototype(descriptor)->New());
    EXPECT_TRUE(pb::TextFormat::ParseFromString(text, message.get())) << type << ": " << text;
    return message;
  }

 private:
  const std::string name_;
  pb::DescriptorPool pool_;
  pb::DynamicMessageFactory factory_{&pool_};
  std::vector<const pb::FileDescriptor*> files_;
};

std::vector<fs::path> Kept() {
  std::vector<fs::path> files;
  for (const fs::directory_entry& e :
       fs::directory_iterator(Cat(std::getenv("GOFARM_SOURCE_DIR"), "/tests/golden/proto"))) {
    if (e.path().extension() == ".binpb") files.push_back(e.path());
  }
  return files;
}

// One call of any kind, in bytes.
class RawCall {
 public:
  RawCall(const std::shared_ptr<grpc::Channel>& channel, const std::string& method, const std::string& secret = "")
      : stub_(channel) {
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    rpc::AttachSessionSecret(context_, secret);
    call_ = stub_.PrepareCall(&context_, "/gofarm.v1." + method, &queue_);
    call_->StartCall(this);
    Done();
  }
  ~RawCall() {
    context_.TryCancel();
    queue_.Shutdown();
    void* tag;
    bool ok;
    while (queue_.Next(&tag, &ok)) {
    }
  }
  void Say(const Message& message) {
    const grpc::Slice slice(message->SerializeAsString());
    call_->Write(grpc::ByteBuffer(&slice, 1), this);
    EXPECT_TRUE(Done());
  }
  void SaidAll() {
    call_->WritesDone(this);
    Done();
  }
  // False: the stream ended.
  bool Hear(const Message& message) {
    grpc::ByteBuffer bytes;
    call_->Read(&bytes, this);
    if (!Done()) return false;
    std::vector<grpc::Slice> slices;
    EXPECT_TRUE(bytes.Dump(&slices).ok());
    std::string all;
    for (const grpc::Slice& slice : slices) all.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    return message->ParseFromString(all);
  }
  grpc::Status End() {
    grpc::Status status;
    call_->Finish(&status, this);
    Done();
    return status;
  }

 private:
  bool Done() {
    void* tag;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

// Of a field that may be absent: "offer.token".
const pb::Message& At(const pb::Message& message, const std::string& field) {
  return message.GetReflection()->GetMessage(message, message.GetDescriptor()->FindFieldByName(field));
}
bool Has(const Message& message, const std::string& field) {
  return message->GetReflection()->HasField(*message, message->GetDescriptor()->FindFieldByName(field));
}
int64_t Number(const pb::Message& message, const std::string& field) {
  return message.GetReflection()->GetInt64(message, message.GetDescriptor()->FindFieldByName(field));
}
std::string Bytes(const pb::Message& message, const std::string& field) {
  return message.GetReflection()->GetString(message, message.GetDescriptor()->FindFieldByName(field));
}

class NeighbourTest : public RpcTest {
 protected:
  Message Ask(Release& release, const std::string& method, const Message& request, const std::string& reply,
              const std::string& secret = "") {
    RawCall call(channel_, method, secret);
    call.Say(request);
    call.SaidAll();
    Message answer = release.New(reply);
    EXPECT_TRUE(call.Hear(answer)) << method;
    const grpc::Status status = call.End();
    EXPECT_TRUE(status.ok()) << method << ": " << status.error_message();
    return answer;
  }
};

TEST_F(NeighbourTest, WhatAReleaseSaidStillMeansTheSame) {
  const pb::DescriptorPool& today = *pb::DescriptorPool::generated_pool();
  v1::Hello::descriptor();  // links the generated files in
  int fields = 0;
  const std::function<void(const pb::Descriptor&)> compare = [&](const pb::Descriptor& then) {
    const pb::Descriptor* const now = today.FindMessageTypeByName(then.full_name());
    ASSERT_NE(now, nullptr) << then.full_name() << " is gone";
    for (int i = 0; i < then.field_count(); ++i, ++fields) {
      const pb::FieldDescriptor& was = *then.field(i);
      const pb::FieldDescriptor* const is = now->FindFieldByNumber(was.number());
      if (is == nullptr) {
        EXPECT_TRUE(now->IsReservedNumber(was.number())) << was.full_name() << " is gone and its number is free";
        continue;
      }
      EXPECT_EQ(is->name(), was.name()) << "number " << was.number() << " of " << then.full_name();
      EXPECT_EQ(is->type(), was.type()) << was.full_name();
      EXPECT_EQ(is->is_repeated(), was.is_repeated()) << was.full_name();
      if (was.message_type() != nullptr) {
        EXPECT_EQ(is->message_type()->full_name(), was.message_type()->full_name());
      }
      if (was.enum_type() != nullptr) {
        EXPECT_EQ(is->enum_type()->full_name(), was.enum_type()->full_name());
      }
    }
    for (int i = 0; i < then.nested_type_count(); ++i) compare(*then.nested_type(i));
  };
  for (const fs::path& file : Kept()) {
    const Release release(file);
    SCOPED_TRACE(release.name());
    for (const pb::FileDescriptor* then : release.files()) {
      for (int i = 0; i < then->message_type_count(); ++i) compare(*then->message_type(i));
      for (int i = 0; i < then->enum_type_count(); ++i) {
        const pb::EnumDescriptor& was = *then->enum_type(i);
        const pb::EnumDescriptor* const is = today.FindEnumTypeByName(was.full_name());
        ASSERT_NE(is, nullptr) << was.full_name();
        for (int v = 0; v < was.value_count(); ++v) {
          const pb::EnumValueDescriptor* const value = is->FindValueByNumber(was.value(v)->number());
          ASSERT_NE(value, nullptr) << was.value(v)->full_name();
          EXPECT_EQ(value->name(), was.value(v)->name());
        }
      }
      for (int i = 0; i < then->service_count(); ++i) {
        for (int m = 0; m < then->service(i)->method_count(); ++m) {
          const pb::MethodDescriptor& was = *then->service(i)->method(m);
          const pb::MethodDescriptor* const is = today.FindMethodByName(was.full_name());
          ASSERT_NE(is, nullptr) << was.full_name();
          EXPECT_EQ(is->input_type()->full_name(), was.input_type()->full_name());
          EXPECT_EQ(is->output_type()->full_name(), was.output_type()->full_name());
          EXPECT_EQ(is->client_streaming(), was.client_streaming()) << was.full_name();
          EXPECT_EQ(is->server_streaming(), was.server_streaming()) << was.full_name();
        }
      }
    }
  }
  EXPECT_GT(fields, 100) << "no release was compared; tests/golden/proto holds them";
}

TEST_F(NeighbourTest, AWorkerAndAnOperatorOfAReleaseOfBeforeDoTheirWork) {
  ASSERT_FALSE(Kept().empty());
  for (const fs::path& file : Kept()) {
    Release old(file);
    SCOPED_TRACE(old.name());
    const std::string worker = Cat("old-", old.name()), request = absl::StrReplaceAll(worker, {{".", "-"}});
    RawCall session(channel_, "Worker/Session");
    session.Say(
        old.New("WorkerMessage", Cat("hello { protocol_version: 2 name: '", worker,
                                     "' instance: 'i-1' host_arch: 'x86_64' "
                                     "targets: TARGET_X86_64 slots: 1 memory_bytes: 8000000000 pid: 7 build_version: '",
                                     old.name(), "' }")));
    const Message heard = old.New("CoordinatorMessage");
    ASSERT_TRUE(session.Hear(heard));
    ASSERT_TRUE(Has(heard, "welcome")) << heard->ShortDebugString();
    const std::string secret = Bytes(At(*heard, "welcome"), "session_secret");

    RawCall submit(channel_, "Farm/Submit");
    submit.Say(
        old.New("SubmitChunk", Cat("header { request_id: '", request, "' submitter: 'ann' targets: TARGET_X86_64 }")));
    submit.Say(
        old.New("SubmitChunk", Cat("entries { entries { module: 'example.com/of' version: 'v", old.name(), "' } }")));
    submit.SaidAll();
    const Message reply = old.New("SubmitReply");
    ASSERT_TRUE(submit.Hear(reply)) << submit.End().error_message();
    const int64_t batch = Number(At(*reply, "batch"), "id");
    EXPECT_GT(batch, 0);

    session.Say(old.New("WorkerMessage", "ready { free_slots: 1 }"));
    do {
      ASSERT_TRUE(session.Hear(heard));
    } while (!Has(heard, "offer"));
    const int64_t token = Number(At(*heard, "offer"), "token"), job = Number(At(*heard, "offer"), "job_id");
    session.Say(old.New("WorkerMessage", Cat("accept { token: ", token, " }")));
    session.Say(
        old.New("WorkerMessage", Cat("progress { token: ", token, " phases: PHASE_FETCH phases: PHASE_BUILD }")));
    // The acceptance and what follows it pass each other.
    grpc::Status status;
    do {
      RawCall log(channel_, "Worker/AppendLog", secret);
      log.Say(old.New("LogChunk", Cat("token: ", token, " data: 'from before'")));
      log.SaidAll();
      const Message ack = old.New("LogAck");
      while (log.Hear(ack)) {
      }
      status = log.End();
    } while (status.error_code() == grpc::StatusCode::UNAVAILABLE);
    EXPECT_TRUE(status.ok()) << status.error_message();
    Ask(old, "Worker/Complete",
        old.New("CompleteRequest",
                Cat("token: ", token, " job_id: ", job,
                    " outcome: ATTEMPT_OUTCOME_FAILED "
                    "failure_class: FAILURE_CLASS_COMPILE_ERROR failure_detail: 'main.go:1: wrong'")),
        "CompleteReply", secret);
    const Message ended = Ask(old, "Farm/GetJob", old.New("JobRequest", Cat("id: ", job)), "Job");
    EXPECT_EQ(Bytes(*ended, "failure_detail"), "main.go:1: wrong");
    const Message shown = Ask(old, "Farm/GetBatch", old.New("BatchRequest", Cat("id: ", batch)), "Batch");
    EXPECT_EQ(Number(*shown, "id"), batch);
  }
}

}  // namespace
}  // namespace gofarm::testing
