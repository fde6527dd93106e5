#include "coordinator/rpc/authorization.h"

#include <gmock/gmock.h>
#include <gofarm/v1/farm.pb.h>
#include <gofarm/v1/publish.pb.h>
#include <gofarm/v1/worker.pb.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "common/base/text.h"

namespace gofarm::rpc {
namespace {

using ::testing::HasSubstr;

constexpr char kGetBatch[] = "/gofarm.v1.Farm/GetBatch";
constexpr char kSubmit[] = "/gofarm.v1.Farm/Submit";
constexpr char kComplete[] = "/gofarm.v1.Worker/Complete";

absl::StatusCode As(Role role, std::string_view method) {
  return Allow(method, {.role = role, .name = "x", .secret_sha256 = "of some session"}, {}).code();
}

TEST(AllowTest, NamesEveryMethodOfEveryService) {
  for (const auto* file : {v1::FarmStatus::descriptor()->file(), v1::Hello::descriptor()->file(),
                           v1::PublishStatus::descriptor()->file()}) {
    ASSERT_GT(file->service_count(), 0);
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        const std::string method = Cat("/", file->service(s)->full_name(), "/", file->service(s)->method(m)->name());
        EXPECT_EQ(As(Role::kAdmin, method), absl::StatusCode::kOk) << method;
        EXPECT_EQ(As(Role::kNone, method), absl::StatusCode::kPermissionDenied) << method;
      }
    }
  }
}

TEST(AllowTest, AMethodThatIsNotNamedIsRefusedToEverybody) {
  EXPECT_EQ(As(Role::kAdmin, "/gofarm.v1.Farm/Format"), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(As(Role::kAdmin, "GetBatch"), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(As(Role::kAdmin, ""), absl::StatusCode::kUnimplemented);
}

TEST(AllowTest, EachRoleMayDoWhatTheOneBeforeMayAndWorkersAreApart) {
  using enum absl::StatusCode;
  struct Row {
    Role role;
    absl::StatusCode reads, changes, works;
  };
  for (const Row& row : {Row{Role::kNone, kPermissionDenied, kPermissionDenied, kPermissionDenied},
                         Row{Role::kWorker, kPermissionDenied, kPermissionDenied, kOk},
                         Row{Role::kViewer, kOk, kPermissionDenied, kPermissionDenied},
                         Row{Role::kOperator, kOk, kOk, kPermissionDenied}, Row{Role::kAdmin, kOk, kOk, kOk}}) {
    EXPECT_EQ(As(row.role, kGetBatch), row.reads) << Name(row.role);
    EXPECT_EQ(As(row.role, kSubmit), row.changes) << Name(row.role);
    EXPECT_EQ(As(row.role, kComplete), row.works) << Name(row.role);
  }
  EXPECT_THAT(std::string(Allow(kSubmit, {.role = Role::kViewer, .name = "eve"}, {}).message()),
              HasSubstr("takes the role operator; this is viewer eve"));
}

TEST(AllowTest, OperatorsDrainWorkersAndOnlyAdminsRemoveThem) {
  for (const char* method : {"/gofarm.v1.Farm/DrainWorkers", "/gofarm.v1.Farm/UndrainWorkers"}) {
    EXPECT_EQ(As(Role::kViewer, method), absl::StatusCode::kPermissionDenied) << method;
    EXPECT_EQ(As(Role::kOperator, method), absl::StatusCode::kOk) << method;
  }
  EXPECT_EQ(As(Role::kOperator, "/gofarm.v1.Farm/RemoveWorker"), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(As(Role::kAdmin, "/gofarm.v1.Farm/RemoveWorker"), absl::StatusCode::kOk);
}

TEST(AllowTest, ViewersSeeWhatIsPublishedOperatorsOrderItAndAdminsChangeKeys) {
  for (const char* method : {"GetKeys", "GetStatus", "ListPublications", "ListWithdrawals", "ListAttachments"}) {
    EXPECT_EQ(As(Role::kViewer, Cat("/gofarm.v1.Publish/", method)), absl::StatusCode::kOk) << method;
    EXPECT_EQ(As(Role::kWorker, Cat("/gofarm.v1.Publish/", method)), absl::StatusCode::kPermissionDenied) << method;
    EXPECT_EQ(AuditedAs(Cat("/gofarm.v1.Publish/", method)), "") << method;
  }
  for (const char* method : {"Retry", "Pause", "Resume", "Withdraw", "Rebuild"}) {
    EXPECT_EQ(As(Role::kViewer, Cat("/gofarm.v1.Publish/", method)), absl::StatusCode::kPermissionDenied) << method;
    EXPECT_EQ(As(Role::kOperator, Cat("/gofarm.v1.Publish/", method)), absl::StatusCode::kOk) << method;
    EXPECT_NE(AuditedAs(Cat("/gofarm.v1.Publish/", method)), "") << method;
  }
  EXPECT_EQ(As(Role::kOperator, "/gofarm.v1.Publish/RotateKey"), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(As(Role::kAdmin, "/gofarm.v1.Publish/RotateKey"), absl::StatusCode::kOk);
  EXPECT_EQ(AuditedAs("/gofarm.v1.Publish/RotateKey"), "keys rotate");
}

TEST(AllowTest, WhatConcernsAnAttemptTakesTheSecretOfASession) {
  for (const auto& [method, takes] :
       std::map<std::string, bool>{{"Session", false}, {"AppendLog", true}, {"UploadBlob", true}, {"Complete", true}}) {
    for (const PeerIdentity& peer : {LocalPeer(), PeerIdentity{.role = Role::kWorker, .name = "w"}}) {
      const absl::Status status = Allow(Cat("/gofarm.v1.Worker/", method), peer, {});
      EXPECT_EQ(status.code(), takes ? absl::StatusCode::kUnauthenticated : absl::StatusCode::kOk) << method;
    }
  }
}

TEST(AllowTest, OnStandbyOnlyStatusAndHealthAreAnswered) {
  const CallFacts standby{.standby = "this coordinator stands by: b leads"};
  for (const char* method : {kGetBatch, kSubmit, kComplete, "/gofarm.v1.Worker/Session"}) {
    const absl::Status status = Allow(method, LocalPeer(), standby);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << method;
    EXPECT_EQ(status.message(), "this coordinator stands by: b leads");
  }
  for (const char* method : {"/gofarm.v1.Farm/GetFarmStatus", "/grpc.health.v1.Health/Check"}) {
    EXPECT_TRUE(Allow(method, LocalPeer(), standby).ok()) << method;
    EXPECT_EQ(Allow(method, {}, standby).code(), absl::StatusCode::kPermissionDenied) << method;
  }
}

}  // namespace
}  // namespace gofarm::rpc
