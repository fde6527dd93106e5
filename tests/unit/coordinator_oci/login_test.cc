// Who gets credentials and tokens, and who does not.
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "tests/unit/coordinator_oci/oci_fixture.h"

namespace gofarm::oci {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

using LoginTest = OciFixture;

TEST_F(LoginTest, BasicIsSentAfterItWasAskedFor) {
  Start({.auth = Fake::Auth::kBasic}, LoggedIn());
  EXPECT_EQ(client_->PushBlob(Soon(), "a", Blob::OfBytes("x")).value(), Pushed::kUploaded);
  const auto requests = fake_->requests();
  EXPECT_EQ(requests.front().Field("authorization"), "");
  EXPECT_EQ(requests.back().Field("authorization"), "Basic ZmFybTpzM2NyZXQtdG9rZW4=");
  EXPECT_THAT(fake_->Seen(), SizeIs(4));  // one of them a second time
}

TEST_F(LoginTest, ATokenServesAllOfAPush) {
  Start({.auth = Fake::Auth::kBearer, .token_life = 300}, LoggedIn());
  for (const std::string bytes : {"x", "y", "z"}) {
    EXPECT_EQ(client_->PushBlob(Soon(), "a", Blob::OfBytes(bytes)).value(), Pushed::kUploaded);
  }
  EXPECT_EQ(fake_->tokens(), 1);
  const std::vector<std::string> seen = fake_->Seen();
  EXPECT_THAT(seen, ::testing::Contains(HasSubstr("GET /token?service=fake&scope=repository%3Aa%3Apull%2Cpush")));
  // Another repository: another token, without a request that is refused before it.
  fake_->ResetSeen();
  EXPECT_EQ(client_->PushBlob(Soon(), "b", Blob::OfBytes("x")).value(), Pushed::kUploaded);
  EXPECT_EQ(fake_->tokens(), 2);
  EXPECT_THAT(fake_->Seen()[0], HasSubstr("GET /token"));
  EXPECT_THAT(fake_->Seen(), SizeIs(4));
  // The registry itself never saw the secret.
  for (const auto& request : fake_->requests()) {
    if (absl::StartsWith(request.target, "/token")) continue;
    EXPECT_THAT(request.head, Not(HasSubstr("Basic")));
  }
}

TEST_F(LoginTest, ATokenLivesAMinuteUnlessItSaysOtherwise) {
  Start({.auth = Fake::Auth::kBearer}, LoggedIn());
  const auto ask = [&] { EXPECT_TRUE(client_->FindBlob(Soon(), "a", DigestOf("x")).ok()); };
  ask();
  clock_.Advance(absl::Seconds(45));
  ask();
  EXPECT_EQ(fake_->tokens(), 1);
  clock_.Advance(absl::Seconds(6));
  ask();
  EXPECT_EQ(fake_->tokens(), 2);
}

TEST_F(LoginTest, ATokenThatIsRefusedIsRenewedOnce) {
  Start({.auth = Fake::Auth::kBearer, .token_life = 3000, .token_uses = 2}, LoggedIn());
  for (const std::string bytes : {"x", "y", "z"}) {
    EXPECT_EQ(client_->PushBlob(Soon(), "a", Blob::OfBytes(bytes)).value(), Pushed::kUploaded);
  }
  EXPECT_GT(fake_->tokens(), 3);
  EXPECT_EQ(fake_->BlobOf("a", DigestOf("z")), "z");
}

TEST_F(LoginTest, WrongOrMissingCredentialsAreSaid) {
  for (const Fake::Auth auth : {Fake::Auth::kBasic, Fake::Auth::kBearer}) {
    Start({.auth = auth}, {.user_agent = "", .credentials = Credentials{"farm", "wrong-secret"}});
    const absl::Status wrong = client_->PushBlob(Soon(), "a", Blob::OfBytes("x")).status();
    EXPECT_EQ(FailureOf(wrong).why, FailureClass::kUnauthorized);
    EXPECT_THAT(wrong.ToString(), Not(HasSubstr("wrong-secret")));
    EXPECT_THAT(wrong.ToString(), Not(HasSubstr("Basic")));
    Start({.auth = auth}, {});
    EXPECT_EQ(FailureOf(client_->PushBlob(Soon(), "a", Blob::OfBytes("x")).status()).why, FailureClass::kUnauthorized);
    EXPECT_THAT(fake_->Seen(true), IsEmpty());
  }
  Start({});
  fake_->Inject({.method = "HEAD", .status = 401, .times = 2});
  EXPECT_EQ(Why(client_->FindBlob(Soon(), "a", DigestOf("x"))), "unauthorized");  // says not how
}

TEST_F(LoginTest, ARealmThatMayNotHaveThemGetsNone) {
  for (const std::string realm :
       {"http://example.org/token", "ftp://127.0.0.1/token", "token", "http://u:p@127.0.0.1/t"}) {
    Start({.auth = Fake::Auth::kBearer, .realm = realm}, LoggedIn());
    EXPECT_EQ(Why(client_->FindBlob(Soon(), "a", DigestOf("x"))), "refused") << realm;
    EXPECT_THAT(fake_->Seen(), SizeIs(1));
  }
}

TEST_F(LoginTest, FailuresOfTheRealmHaveTheirClass) {
  struct Case {
    Fake::Fault fault;
    std::string why;
  };
  for (const Case& c :
       std::vector<Case>{{{.part = "/token", .status = 401}, "unauthorized"},
                         {{.part = "/token", .status = 403}, "forbidden"},
                         {{.part = "/token", .status = 404}, "refused"},
                         {{.part = "/token", .status = 500}, "unavailable"},
                         {{.kind = Kind::kCut, .part = "/token", .times = 2}, "unavailable"},
                         {{.part = "/token", .status = 200, .body = "{}"}, "broken_answer"},
                         {{.part = "/token", .status = 200, .body = std::string(1 << 20, 'x')}, "broken_answer"},
                         {{.part = "/token", .status = 200, .body = R"({"token":"a\nb"})"}, "broken_answer"}}) {
    Start({.auth = Fake::Auth::kBearer}, LoggedIn());
    fake_->Inject(c.fault);
    EXPECT_EQ(Why(client_->FindBlob(Soon(), "a", DigestOf("x"))), c.why) << c.fault.status;
    EXPECT_EQ(Why(client_->FindBlob(Soon(), "a", DigestOf("x"))), "ok");
  }
  Start({.auth = Fake::Auth::kBearer}, LoggedIn());
  fake_->Inject({.part = "/token", .status = 429, .fields = "Retry-After: 9\r\n"});
  EXPECT_EQ(FailureOf(client_->FindBlob(Soon(), "a", DigestOf("x")).status()).retry_after, absl::Seconds(9));
}

TEST_F(LoginTest, UploadsThatBeginTogetherAskForOneToken) {
  Start({.auth = Fake::Auth::kBearer, .token_life = 300}, LoggedIn());
  EXPECT_TRUE(client_->FindBlob(Soon(), "other", DigestOf("x")).ok());  // it knows how to log in
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      const std::string bytes = Cat("b", i);
      EXPECT_TRUE(client_->PushBlob(Soon(), "a", Blob::OfBytes(bytes)).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(fake_->tokens(), 2);
}

TEST_F(LoginTest, AStorageElsewhereSeesNoCredentials) {
  Fake storage;
  storage.PutBlob("a", "content");
  for (const Fake::Auth auth : {Fake::Auth::kBasic, Fake::Auth::kBearer}) {
    Start({.auth = auth, .blobs_elsewhere = storage.url()}, LoggedIn());
    fake_->PutBlob("a", "content");
    std::string got;
    EXPECT_TRUE(client_
                    ->GetBlob(Soon(), "a", DigestOf("content"), 100,
                              [&](std::string_view piece) {
                                got += piece;
                                return absl::OkStatus();
                              })
                    .ok());
    EXPECT_EQ(got, "content");
    EXPECT_NE(fake_->requests().back().Field("authorization"), "");  // the control
  }
  ASSERT_THAT(storage.requests(), SizeIs(2));
  for (const auto& request : storage.requests()) EXPECT_EQ(request.Field("authorization"), "");
}

TEST_F(LoginTest, AStorageThatAsksForThemGetsNoneEither) {
  Fake storage({.auth = Fake::Auth::kBasic});
  Start({.auth = Fake::Auth::kBasic, .blobs_elsewhere = storage.url()}, LoggedIn());
  fake_->PutBlob("a", "content");
  EXPECT_EQ(FailureOf(client_->GetBlob(Soon(), "a", DigestOf("content"), 100,
                                       [](std::string_view) { return absl::OkStatus(); }))
                .why,
            FailureClass::kUnauthorized);
  for (const auto& request : storage.requests()) EXPECT_EQ(request.Field("authorization"), "");
}

TEST_F(LoginTest, RedirectsThatBreakTheRuleAreNotFollowed) {
  Start({.blobs_elsewhere = "http://example.org"});
  fake_->PutBlob("a", "content");
  EXPECT_EQ(
      Why(client_->GetBlob(Soon(), "a", DigestOf("content"), 100, [](std::string_view) { return absl::OkStatus(); })),
      "broken_answer");
}

}  // namespace
}  // namespace gofarm::oci
