// Every method of the services passes the one point of authorization, whatever its kind.
#include <gmock/gmock.h>
#include <gofarm/v1/publish.pb.h>
#include <google/protobuf/descriptor.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include "common/base/text.h"
#include "tests/rpc/farm_server.h"

namespace gofarm::testing {
namespace {

using grpc::StatusCode;

std::vector<std::string> AllMethods() {
  std::vector<std::string> methods;
  for (const auto* file : {v1::FarmStatus::descriptor()->file(), v1::Hello::descriptor()->file(),
                           v1::PublishStatus::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        methods.push_back(Cat("/", file->service(s)->full_name(), "/", file->service(s)->method(m)->name()));
      }
    }
  }
  return methods;
}

class AuthorizationTest : public RpcTest {
 protected:
  // The end of a call with one empty message, of a method of any kind.
  grpc::Status CallOnce(const std::string& method) {
    grpc::GenericStub stub(channel_);
    grpc::CompletionQueue queue;
    const auto context = Context(absl::Seconds(5));
    const grpc::Slice nothing;
    const auto call = stub.PrepareCall(context.get(), method, &queue);
    void* tag = nullptr;
    bool ok = false;
    call->StartCall(nullptr);
    EXPECT_TRUE(queue.Next(&tag, &ok));
    call->WriteLast(grpc::ByteBuffer(&nothing, 1), grpc::WriteOptions(), nullptr);
    EXPECT_TRUE(queue.Next(&tag, &ok));
    grpc::Status status;
    for (ok = true; ok;) {
      grpc::ByteBuffer reply;
      call->Read(&reply, nullptr);
      EXPECT_TRUE(queue.Next(&tag, &ok));
    }
    call->Finish(&status, nullptr);
    EXPECT_TRUE(queue.Next(&tag, &ok));
    return status;
  }
};

TEST_F(AuthorizationTest, EveryMethodIsRefusedWhenTheTableSaysNo) {
  adjust_ = [](rpc::ServerParts& parts) {
    parts.authorize = [](std::string_view method, const PeerIdentity& peer) {
      return absl::PermissionDeniedError(Cat("no ", method, " for ", Name(peer.role), " ", peer.name));
    };
  };
  Restart();
  const std::vector<std::string> methods = AllMethods();
  ASSERT_GE(methods.size(), 19u);
  for (const std::string& method : methods) {
    const grpc::Status status = CallOnce(method);
    EXPECT_EQ(status.error_code(), StatusCode::PERMISSION_DENIED) << method << ": " << status.error_message();
    EXPECT_EQ(status.error_message(), Cat("no ", method, " for admin local")) << "it asks for its own name";
    EXPECT_TRUE(MetricsSoonHave(Cat("gofarm_rpc_calls_total{code=\"PERMISSION_DENIED\",method=\"",
                                    method.substr(method.rfind('/') + 1), "\"} 1")))
        << method;
  }
}

TEST_F(AuthorizationTest, TheTableLetsThisMachineCallEveryMethod) {
  for (const std::string& method : AllMethods()) {
    const grpc::Status status = CallOnce(method);
    EXPECT_NE(status.error_code(), StatusCode::PERMISSION_DENIED) << method << ": " << status.error_message();
    EXPECT_NE(status.error_code(), StatusCode::UNIMPLEMENTED) << method << ": " << status.error_message();
  }
}

}  // namespace
}  // namespace gofarm::testing
