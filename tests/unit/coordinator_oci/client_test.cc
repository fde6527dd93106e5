// The verbs against a registry that fails in every way a registry can.
#include "coordinator/oci/client.h"

#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "common/io/files.h"
#include "tests/unit/coordinator_oci/oci_fixture.h"

namespace gofarm::oci {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class ClientTest : public OciFixture {
 protected:
  ClientTest() { Start({}); }

  // An artifact of one file, whose blobs are there.
  Manifest Ready(const std::string& content = "program") {
    fake_->PutBlob("r", content);
    fake_->PutBlob("r", "");
    fake_->PutBlob("r", "{}");
    const Blob blob = Blob::OfBytes(content);
    return *ArtifactManifest("p", {{.name = "p", .sha256 = blob.digest.substr(7), .size = blob.size}},
                             {{"k", content}});
  }
  static Attachment Attached(const Manifest& subject, const std::string& content) {
    return {.type = std::string(kSbomType),
            .sha256 = DigestOf(content).substr(7),
            .size = static_cast<int64_t>(content.size()),
            .subject = DescriptorOf(subject),
            .annotations = {{std::string(kCreated), "2026-01-01T00:00:00Z"}}};
  }
};

TEST_F(ClientTest, ABlobGoesUpOnce) {
  const std::string bytes(300'000, 'b');
  const Blob blob = Blob::OfBytes(bytes);
  EXPECT_EQ(client_->PushBlob(Soon(), "a/b", blob).value(), Pushed::kUploaded);
  EXPECT_EQ(fake_->BlobOf("a/b", blob.digest), bytes);
  EXPECT_THAT(fake_->Seen(), ElementsAre("GET /v2/a/b/tags/list?n=1", "POST /v2/a/b/blobs/uploads/",
                                         HasSubstr("PUT /v2/a/b/blobs/uploads/s1?digest=sha256:")))
      << "nothing can be in a repository that has no tags";
  fake_->ResetSeen();
  EXPECT_EQ(client_->PushBlob(Soon(), "a/b", blob).value(), Pushed::kAlready);
  EXPECT_THAT(fake_->Seen(), IsEmpty()) << "that it is there is known";
}

TEST_F(ClientTest, OfARepositoryThatIsNotNewEachThingIsAskedFor) {
  const Manifest manifest = Ready();
  fake_->PutManifest("r", "v0", manifest.bytes);
  fake_->PutBlob("r", "there");
  EXPECT_EQ(client_->PushBlob(Soon(), "r", Blob::OfBytes("there")).value(), Pushed::kAlready);
  EXPECT_EQ(client_->PushManifest(Soon(), "r", "v0", manifest).value(), Pushed::kAlready);
  EXPECT_THAT(fake_->Seen(),
              ElementsAre("GET /v2/r/tags/list?n=1", HasSubstr("HEAD /v2/r/blobs/sha256:"), "HEAD /v2/r/manifests/v0"));
  EXPECT_EQ(client_->PushBlob(Soon(), "r", Blob::OfBytes("new")).value(), Pushed::kUploaded);
}

TEST_F(ClientTest, AManifestThatIsRefusedForAWhileSendsNoBlobAgain) {
  const Blob blob = Blob::OfBytes("program");
  ASSERT_EQ(client_->PushBlob(Soon(), "r", blob).value(), Pushed::kUploaded);
  fake_->Inject({.method = "PUT", .part = "/manifests/", .status = 429});
  EXPECT_EQ(Why(client_->PushManifest(Soon(), "r", "v1", Ready())), "rate_limited");
  EXPECT_EQ(client_->PushBlob(Soon(), "r", blob).value(), Pushed::kAlready);
}

TEST_F(ClientTest, WhoeverTriedBeforeAsksThoughThereIsNoTag) {
  fake_->PutBlob("r", "program");
  client_->AskFirst("r");
  EXPECT_EQ(client_->PushBlob(Soon(), "r", Blob::OfBytes("program")).value(), Pushed::kAlready);
  EXPECT_THAT(fake_->Seen(), ElementsAre(HasSubstr("HEAD /v2/r/blobs/sha256:")));
}

TEST_F(ClientTest, WhatARegistryLostIsSentAgainAfterItSaidSo) {
  const Manifest manifest = Ready();
  const Blob blob = Blob::OfBytes("program");
  ASSERT_EQ(client_->PushBlob(Soon(), "r", blob).value(), Pushed::kUploaded);
  ASSERT_TRUE(client_->PushManifest(Soon(), "r", "v1", manifest).ok());
  fake_->Clear();
  EXPECT_EQ(client_->PushBlob(Soon(), "r", blob).value(), Pushed::kAlready) << "as far as it knows";
  EXPECT_EQ(Why(client_->PushManifest(Soon(), "r", "v2", manifest)), "blob_missing MANIFEST_BLOB_UNKNOWN");
  EXPECT_EQ(client_->PushBlob(Soon(), "r", blob).value(), Pushed::kUploaded);
}

TEST_F(ClientTest, AFileIsStreamedAndComparedWithItsDigest) {
  const io::ScratchFolder folder = *io::ScratchFolder::Make("/tmp", "oci");
  const std::string path = folder.path() + "/f";
  const std::string bytes(1'000'000, 'f');
  ASSERT_TRUE(io::WriteFileAtomic(path, bytes).ok());
  const Blob blob = Blob::OfFile(DigestOf(bytes), 1'000'000, path);
  EXPECT_EQ(client_->PushBlob(Soon(), "a", blob).value(), Pushed::kUploaded);
  EXPECT_EQ(fake_->BlobOf("a", blob.digest), bytes);
  for (const auto& request : fake_->requests()) {
    EXPECT_EQ(request.Field("transfer-encoding"), "");
    if (request.method == "PUT") {
      EXPECT_EQ(request.Field("content-type"), "application/octet-stream");
      EXPECT_EQ(request.Field("content-length"), "1000000");
    }
  }

  // What is no longer the file that was meant is our own fault, not the registry's.
  std::string other = bytes;
  other[5] = 'x';
  ASSERT_TRUE(io::WriteFileAtomic(path, other).ok());
  EXPECT_EQ(Why(client_->PushBlob(Soon(), "b", blob)), "local");
  EXPECT_EQ(fake_->BlobOf("b", blob.digest), "(none)");
  ASSERT_TRUE(io::WriteFileAtomic(path, "short").ok());
  EXPECT_EQ(Why(client_->PushBlob(Soon(), "b", blob)), "local");
  EXPECT_EQ(Why(client_->PushBlob(Soon(), "b", Blob::OfFile(blob.digest, 5, path + ".missing"))), "local");
  EXPECT_EQ(Why(client_->PushBlob(Soon(), "b", Blob::OfFile(blob.digest, 5, folder.path()))), "local");
}

TEST_F(ClientTest, NoBytesAreABlobToo) {
  EXPECT_EQ(client_->PushBlob(Soon(), "a", Blob::OfBytes("")).value(), Pushed::kUploaded);
  EXPECT_EQ(fake_->BlobOf("a", DigestOf("")), "");
}

TEST_F(ClientTest, EveryFormOfLocationIsFollowed) {
  for (const Fake::Location form : {Fake::Location::kRelative, Fake::Location::kAbsolute, Fake::Location::kQuery}) {
    Start({.location = form});
    EXPECT_EQ(client_->PushBlob(Soon(), "a", Blob::OfBytes("x")).value(), Pushed::kUploaded);
  }
}

TEST_F(ClientTest, AnUploadMayGoOnAtAnotherHostThatGetsNoCredentials) {
  Fake storage;
  // It knows nothing of the session, so it answers as a store would that takes every PUT.
  storage.Inject({.method = "PUT", .status = 201});
  Start({.auth = Fake::Auth::kBasic, .upload_origin = storage.url()}, LoggedIn());
  fake_->Inject({.method = "HEAD", .status = 404, .times = 1});
  const std::string bytes = "x";
  // The registry does not have it afterwards, which is what the check behind each push is for.
  EXPECT_EQ(Why(client_->PushBlob(Soon(), "a", Blob::OfBytes(bytes))), "unavailable");
  ASSERT_THAT(storage.requests(), SizeIs(1));
  EXPECT_EQ(storage.requests()[0].body, "x");
  EXPECT_EQ(storage.requests()[0].Field("authorization"), "");
}

TEST_F(ClientTest, LocationsThatLeadAstrayAreNotFollowed) {
  for (const std::string location :
       {"", "http://example.org/v2/a", "file:///tmp/x", "ftp://example.org/", "//example.org/x", "http://10.0.0.1/x"}) {
    fake_->Inject(
        {.method = "POST", .status = 202, .fields = location.empty() ? "" : Cat("Location: ", location, "\r\n")});
    EXPECT_EQ(Why(client_->PushBlob(Soon(), "a", Blob::OfBytes("x"))), "broken_answer") << location;
  }
  fake_->Inject({.method = "POST", .status = 200, .fields = "Location: /v2/a/blobs/uploads/1\r\n"});
  EXPECT_EQ(Why(client_->PushBlob(Soon(), "a", Blob::OfBytes("x"))), "broken_answer");
  EXPECT_THAT(fake_->Seen(true), Not(::testing::Contains(HasSubstr("PUT"))));
}

TEST_F(ClientTest, ABlobOfAnotherRepositoryIsMounted) {
  fake_->PutBlob("first", "x");
  EXPECT_EQ(client_->PushBlob(Soon(), "second", Blob::OfBytes("x"), "first").value(), Pushed::kMounted);
  EXPECT_EQ(fake_->BlobOf("second", DigestOf("x")), "x");
  // Not there, not offered, forbidden: then it is sent.
  EXPECT_EQ(client_->PushBlob(Soon(), "second", Blob::OfBytes("y"), "first").value(), Pushed::kUploaded);
  fake_->Inject({.method = "POST", .part = "mount=", .status = 403});
  EXPECT_EQ(client_->PushBlob(Soon(), "third", Blob::OfBytes("x"), "first").value(), Pushed::kUploaded);
  Start({.mounts = false});
  fake_->PutBlob("first", "x");
  EXPECT_EQ(client_->PushBlob(Soon(), "second", Blob::OfBytes("x"), "first").value(), Pushed::kUploaded);
  EXPECT_THAT(fake_->Seen(true), SizeIs(2));  // the 202 of the mount is an upload that was begun
  fake_->Inject({.method = "POST", .part = "mount=", .status = 503});
  EXPECT_EQ(Why(client_->PushBlob(Soon(), "fourth", Blob::OfBytes("x"), "first")), "unavailable");
}

TEST_F(ClientTest, FailuresHaveTheirClass) {
  struct Case {
    Fake::Fault fault;
    std::string why;
  };
  const std::string denied = R"({"errors":[{"code":"DENIED","message":"no"}]})";
  for (const Case& c : std::vector<Case>{
           {{.method = "POST", .status = 403, .body = denied}, "forbidden DENIED"},
           {{.method = "POST", .status = 404, .body = R"({"errors":[{"code":"NAME_UNKNOWN"}]})"},
            "not_found NAME_UNKNOWN"},
           {{.method = "POST", .status = 405}, "unsupported"},
           {{.method = "PUT", .status = 413}, "too_large"},
           {{.kind = Kind::kEarly, .method = "PUT", .status = 413}, "too_large"},
           {{.method = "PUT", .status = 416}, "refused"},
           {{.method = "PUT", .status = 500}, "unavailable"},
           {{.method = "PUT", .status = 404, .body = R"({"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]})"},
            "unavailable BLOB_UPLOAD_UNKNOWN"},
           {{.method = "PUT", .status = 302, .fields = "Location: file:///etc/passwd\r\n"}, "broken_answer"},
           {{.kind = Kind::kCut, .method = "POST", .times = 2}, "unavailable"},
           {{.kind = Kind::kCut, .method = "PUT", .times = 2}, "unavailable"},
           {{.kind = Kind::kCutBody, .method = "PUT"}, "ok"},  // an empty body cannot be cut
           {{.kind = Kind::kWrongDigest, .method = "PUT"}, "digest_mismatch"},
           {{.kind = Kind::kWrongDigest, .method = "HEAD"}, "ok"},  // 404 names none
           {{.method = "POST", .status = 301, .fields = ""}, "broken_answer"},
           {{.method = "POST", .status = 503, .body = std::string(1 << 20, 'x')}, "unavailable"},
           {{.method = "POST", .status = 200, .body = std::string(kAnswerBytesMax + 1, 'x')}, "broken_answer"},
           {{.method = "POST", .status = 200, .fields = Cat("X: ", std::string(70'000, 'x'), "\r\n")}, "broken_answer"},
           {{.kind = Kind::kStall, .method = "GET"}, "ok"}}) {
    Start({});
    fake_->Inject(c.fault);
    EXPECT_EQ(Why(client_->PushBlob(Soon(), "a", Blob::OfBytes(std::string(3'000'000, 'x')))), c.why)
        << c.fault.method << " " << c.fault.status;
    // Repeats heal.
    EXPECT_TRUE(client_->PushBlob(Soon(), "a", Blob::OfBytes(std::string(3'000'000, 'x'))).ok());
  }
}

TEST_F(ClientTest, TheWaitThatWasAskedForIsHandedOver) {
  fake_->Inject({.method = "POST", .status = 429, .fields = "Retry-After: 17\r\n"});
  const absl::Status seconds = client_->PushBlob(Soon(), "a", Blob::OfBytes("x")).status();
  EXPECT_EQ(Why(seconds), "rate_limited");
  EXPECT_EQ(FailureOf(seconds).retry_after, absl::Seconds(17));
  const std::string date =
      absl::FormatTime("%a, %d %b %E4Y %H:%M:%S GMT", WallNow() + absl::Seconds(100), absl::UTCTimeZone());
  fake_->Inject({.method = "POST", .status = 503, .fields = Cat("Retry-After: ", date, "\r\n")});
  const absl::Status until = client_->PushBlob(Soon(), "a", Blob::OfBytes("x")).status();
  EXPECT_EQ(Why(until), "unavailable");
  ASSERT_TRUE(FailureOf(until).retry_after);
  EXPECT_GT(*FailureOf(until).retry_after, absl::Seconds(80));
  EXPECT_LE(*FailureOf(until).retry_after, absl::Seconds(101));
  fake_->Inject({.method = "POST", .status = 429, .fields = "Retry-After: soon\r\n"});
  EXPECT_EQ(FailureOf(client_->PushBlob(Soon(), "a", Blob::OfBytes("x")).status()).retry_after, std::nullopt);
}

TEST_F(ClientTest, ABlobThatIsThereWithAnotherSizeIsDamage) {
  const Blob blob{.digest = DigestOf("right"), .size = 6, .file = "", .bytes = "right"};
  fake_->PutManifest("a", "v0", "{}");
  fake_->PutBlob("a", "right");
  EXPECT_EQ(Why(client_->PushBlob(Soon(), "a", blob)), "digest_mismatch");
  EXPECT_THAT(fake_->Seen(true), IsEmpty());
}

TEST_F(ClientTest, ARegistryThatNamesNoDigestsIsReadBack) {
  Start({.names_digests = false});
  const Manifest manifest = Ready();
  EXPECT_EQ(client_->PushBlob(Soon(), "r", Blob::OfBytes("x")).value(), Pushed::kUploaded);
  EXPECT_EQ(client_->PushManifest(Soon(), "r", "v1", manifest).value(), Pushed::kUploaded);
  EXPECT_EQ(client_->PushManifest(Soon(), "r", "v1", manifest).value(), Pushed::kAlready);
  // The control: it lost a bit after it took it.
  Manifest other = Ready("other");
  fake_->Inject({.kind = Kind::kFlip, .method = "GET"});
  EXPECT_EQ(Why(client_->PushManifest(Soon(), "r", "v2", other)), "digest_mismatch");
}

TEST_F(ClientTest, AManifestIsPushedByTagAndByDigest) {
  const Manifest manifest = Ready();
  EXPECT_EQ(client_->PushManifest(Soon(), "r", "v1", manifest).value(), Pushed::kUploaded);
  EXPECT_EQ(fake_->ManifestOf("r", "v1"), manifest.bytes);
  fake_->ResetSeen();
  EXPECT_EQ(client_->PushManifest(Soon(), "r", "v1", manifest).value(), Pushed::kAlready);
  EXPECT_EQ(client_->PushManifest(Soon(), "r", manifest.digest, manifest).value(), Pushed::kAlready);
  EXPECT_THAT(fake_->Seen(true), IsEmpty());
  const Manifest other = Ready("other");
  EXPECT_EQ(client_->PushManifest(Soon(), "r", "v1", other).value(), Pushed::kUploaded);
  EXPECT_EQ(client_->FindManifest(Soon(), "r", "v1").value(), other.digest);
  EXPECT_EQ(client_->FindManifest(Soon(), "r", "v9").value(), std::nullopt);
  EXPECT_EQ(client_->GetManifest(Soon(), "r", "v1").value()->bytes, other.bytes);
  EXPECT_EQ(client_->GetManifest(Soon(), "r", "v1").value()->media_type, kManifestType);
  EXPECT_FALSE(client_->GetManifest(Soon(), "r", "v9").value());
}

TEST_F(ClientTest, AManifestThatDoesNotArriveIsSeen) {
  const Manifest manifest = Ready();
  fake_->Inject({.kind = Kind::kWrongDigest, .method = "PUT", .part = "/manifests/"});
  EXPECT_EQ(Why(client_->PushManifest(Soon(), "r", "v1", manifest)), "digest_mismatch");
  // Taken, it says, and the tag still names nothing, or something else.
  fake_->Inject({.method = "PUT", .part = "/manifests/v2", .status = 201});
  EXPECT_EQ(Why(client_->PushManifest(Soon(), "r", "v2", manifest)), "unavailable");
  fake_->PutManifest("r", "v3", "{}");
  fake_->Inject({.method = "PUT", .part = "/manifests/v3", .status = 201});
  EXPECT_EQ(Why(client_->PushManifest(Soon(), "r", "v3", manifest)), "digest_mismatch");
  const Manifest lost = *ArtifactManifest("p", {{.name = "p", .sha256 = std::string(64, 'a'), .size = 1}}, {});
  EXPECT_EQ(Why(client_->PushManifest(Soon(), "r", "v4", lost)), "blob_missing MANIFEST_BLOB_UNKNOWN");
  fake_->Inject({.method = "PUT", .status = 413});
  EXPECT_EQ(Why(client_->PushManifest(Soon(), "r", "v5", manifest)), "too_large");
}

TEST_F(ClientTest, ArgumentsThatAreNoneAskNothing) {
  const Manifest manifest = Ready();
  const Blob blob = Blob::OfBytes("x");
  EXPECT_EQ(Why(client_->PushBlob(Soon(), "../x", blob)), "local");
  EXPECT_EQ(Why(client_->PushBlob(Soon(), "a", blob, "A")), "local");
  EXPECT_EQ(Why(client_->PushBlob(Soon(), "a", Blob::OfFile("sha256:x", 1, "/x"))), "local");
  EXPECT_EQ(Why(client_->PushManifest(Soon(), "r", "v1/../../x", manifest)), "local");
  EXPECT_EQ(Why(client_->PushManifest(Soon(), "r", DigestOf("other"), manifest)), "local");
  EXPECT_EQ(Why(client_->PushManifest(Soon(), "r", "v1", MakeManifest("x", std::string(kManifestBytesMax + 1, 'x')))),
            "too_large");
  EXPECT_EQ(Why(client_->DeleteManifest(Soon(), "r", "v1")), "local");
  EXPECT_EQ(Why(client_->GetBlob(Soon(), "r", "v1", 1, nullptr)), "local");
  EXPECT_THAT(fake_->Seen(), IsEmpty());
}

TEST_F(ClientTest, BlobsAreReadBackWithinABound) {
  fake_->PutBlob("r", "0123456789");
  std::string got;
  const RegistryClient::Sink keep = [&](std::string_view piece) {
    got += piece;
    return absl::OkStatus();
  };
  EXPECT_EQ(Why(client_->GetBlob(Soon(), "r", DigestOf("0123456789"), 10, keep)), "ok");
  EXPECT_EQ(got, "0123456789");
  EXPECT_EQ(Why(client_->GetBlob(Soon(), "r", DigestOf("0123456789"), 9, keep)), "too_large");
  EXPECT_EQ(Why(client_->GetBlob(Soon(), "r", DigestOf("other"), 10, keep)), "not_found BLOB_UNKNOWN");
  fake_->Inject({.kind = Kind::kFlip, .method = "GET"});
  EXPECT_EQ(Why(client_->GetBlob(Soon(), "r", DigestOf("0123456789"), 10, keep)), "digest_mismatch");
  fake_->Inject({.kind = Kind::kCutBody, .method = "GET"});
  EXPECT_EQ(Why(client_->GetBlob(Soon(), "r", DigestOf("0123456789"), 10, keep)), "unavailable");
  fake_->Inject({.kind = Kind::kStall, .method = "GET"});
  EXPECT_EQ(Why(client_->GetBlob(Soon(), "r", DigestOf("0123456789"), 10, keep)), "unavailable");
  // What the sink says comes back as it is.
  EXPECT_EQ(client_->GetBlob(Soon(), "r", DigestOf("0123456789"), 10,
                             [](std::string_view) { return absl::ResourceExhaustedError("disk full"); }),
            absl::ResourceExhaustedError("disk full"));
}

TEST_F(ClientTest, ManifestsAreReadBackWithinABound) {
  fake_->PutManifest("r", "big", std::string(kManifestBytesMax + 1, 'x'));
  EXPECT_EQ(Why(client_->GetManifest(Soon(), "r", "big")), "broken_answer");
  fake_->PutManifest("r", "v1", R"({"a":1})");
  fake_->Inject({.kind = Kind::kFlip, .method = "GET"});
  EXPECT_EQ(Why(client_->GetManifest(Soon(), "r", DigestOf(R"({"a":1})"))), "digest_mismatch");
}

TEST_F(ClientTest, SeveralAttachmentsOfOneManifestChangeTheFallbackIndexOnce) {
  const Manifest subject = Ready();
  fake_->PutBlob("r", "one");
  fake_->PutBlob("r", "two");
  ASSERT_TRUE(client_->PushManifest(Soon(), "r", "v1", subject).ok());
  const std::vector<Attachment> both = {Attached(subject, "one"), Attached(subject, "two")};
  fake_->ResetSeen();
  EXPECT_EQ(client_->Attach(Soon(), "r", both).value(), Pushed::kUploaded);
  EXPECT_THAT(fake_->Seen(true), ::testing::SizeIs(3)) << "two manifests and the index";
  for (const Attachment& each : both) {
    EXPECT_THAT(fake_->ManifestOf("r", ReferrersTag(subject.digest)), HasSubstr(AttachmentManifest(each).digest));
  }
  EXPECT_EQ(client_->Attach(Soon(), "r", both).value(), Pushed::kAlready);
  std::vector<Attachment> mixed = both;
  mixed[1].subject.digest = Cat("sha256:", std::string(64, '7'));
  EXPECT_TRUE(absl::IsInvalidArgument(client_->Attach(Soon(), "r", mixed).status()));
}

TEST_F(ClientTest, TheFallbackIndexHasEachAttachmentOnce) {
  const Manifest subject = Ready();
  fake_->PutBlob("r", "one");
  fake_->PutBlob("r", "two");
  ASSERT_TRUE(client_->PushManifest(Soon(), "r", "v1", subject).ok());
  EXPECT_EQ(client_->Attach(Soon(), "r", {Attached(subject, "one")}).value(), Pushed::kUploaded);
  EXPECT_EQ(client_->Attach(Soon(), "r", {Attached(subject, "two")}).value(), Pushed::kUploaded);
  fake_->ResetSeen();
  EXPECT_EQ(client_->Attach(Soon(), "r", {Attached(subject, "one")}).value(), Pushed::kAlready);
  EXPECT_EQ(client_->Attach(Soon(), "r", {Attached(subject, "two")}).value(), Pushed::kAlready);
  EXPECT_THAT(fake_->Seen(true), IsEmpty());
  const std::string index = fake_->ManifestOf("r", ReferrersTag(subject.digest));
  EXPECT_TRUE(IndexNames(index, AttachmentManifest(Attached(subject, "one")).digest).value());
  EXPECT_TRUE(IndexNames(index, AttachmentManifest(Attached(subject, "two")).digest).value());
  EXPECT_EQ(client_->GetReferrers(Soon(), "r", subject.digest).value(), index);
  EXPECT_EQ(client_->GetReferrers(Soon(), "r", DigestOf("none")).value(), std::nullopt);
}

TEST_F(ClientTest, AnAttachmentWhoseIndexWasNotWrittenIsCompleted) {
  const Manifest subject = Ready();
  fake_->PutBlob("r", "one");
  ASSERT_TRUE(client_->PushManifest(Soon(), "r", "v1", subject).ok());
  fake_->Inject({.method = "PUT", .part = "/manifests/sha256-", .status = 500});
  EXPECT_EQ(Why(client_->Attach(Soon(), "r", {Attached(subject, "one")})), "unavailable");
  EXPECT_EQ(fake_->ManifestOf("r", ReferrersTag(subject.digest)), "(none)");
  EXPECT_EQ(client_->Attach(Soon(), "r", {Attached(subject, "one")}).value(), Pushed::kUploaded);
  EXPECT_TRUE(client_->GetReferrers(Soon(), "r", subject.digest).value().has_value());
}

TEST_F(ClientTest, ARegistryThatListsReferrersNeedsNoIndex) {
  Start({.subject = true});
  const Manifest subject = Ready();
  fake_->PutBlob("r", "one");
  ASSERT_TRUE(client_->PushManifest(Soon(), "r", "v1", subject).ok());
  EXPECT_EQ(client_->Attach(Soon(), "r", {Attached(subject, "one")}).value(), Pushed::kUploaded);
  EXPECT_EQ(client_->Attach(Soon(), "r", {Attached(subject, "one")}).value(), Pushed::kAlready);
  EXPECT_EQ(fake_->ManifestOf("r", ReferrersTag(subject.digest)), "(none)");
  const std::optional<std::string> listed = client_->GetReferrers(Soon(), "r", subject.digest).value();
  ASSERT_TRUE(listed);
  EXPECT_TRUE(IndexNames(*listed, AttachmentManifest(Attached(subject, "one")).digest).value());
}

TEST_F(ClientTest, AFallbackTagThatHoldsSomethingElseIsNotOverwritten) {
  const Manifest subject = Ready();
  fake_->PutBlob("r", "one");
  fake_->PutManifest("r", ReferrersTag(subject.digest), "<html>");
  ASSERT_TRUE(client_->PushManifest(Soon(), "r", "v1", subject).ok());
  EXPECT_EQ(Why(client_->Attach(Soon(), "r", {Attached(subject, "one")})), "broken_answer");
  EXPECT_EQ(fake_->ManifestOf("r", ReferrersTag(subject.digest)), "<html>");
}

TEST_F(ClientTest, AttachmentsFromManyThreadsAllStandInTheIndex) {
  const Manifest subject = Ready();
  ASSERT_TRUE(client_->PushManifest(Soon(), "r", "v1", subject).ok());
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    fake_->PutBlob("r", Cat("a", i));
    threads.emplace_back([&, i] { EXPECT_TRUE(client_->Attach(Soon(), "r", {Attached(subject, Cat("a", i))}).ok()); });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string index = fake_->ManifestOf("r", ReferrersTag(subject.digest));
  for (int i = 0; i < 8; ++i) {
    EXPECT_TRUE(IndexNames(index, AttachmentManifest(Attached(subject, Cat("a", i))).digest).value()) << i;
  }
}

TEST_F(ClientTest, ManifestsAreDeletedWithTheirTags) {
  const Manifest manifest = Ready();
  ASSERT_TRUE(client_->PushManifest(Soon(), "r", "v1", manifest).ok());
  EXPECT_EQ(client_->DeleteManifest(Soon(), "r", manifest.digest).value(), true);
  EXPECT_EQ(client_->FindManifest(Soon(), "r", "v1").value(), std::nullopt);
  EXPECT_EQ(client_->DeleteManifest(Soon(), "r", manifest.digest).value(), false);
  Start({.deletes = false});
  Ready();
  ASSERT_TRUE(client_->PushManifest(Soon(), "r", "v1", manifest).ok());
  EXPECT_EQ(Why(client_->DeleteManifest(Soon(), "r", manifest.digest)), "unsupported UNSUPPORTED");
  const Manifest withdrawn = WithdrawnManifest({{"why", "licence"}});
  EXPECT_EQ(client_->PushManifest(Soon(), "r", "v1", withdrawn).value(), Pushed::kUploaded);
  EXPECT_EQ(client_->FindManifest(Soon(), "r", "v1").value(), withdrawn.digest);
}

TEST_F(ClientTest, TheCallersTimeAndStopEndEveryWait) {
  fake_->Inject({.kind = Kind::kStall, .method = "PUT", .times = 2});
  EXPECT_EQ(Why(client_->PushBlob(Scope::For(absl::Milliseconds(300)), "a", Blob::OfBytes("x"))), "timed_out");
  std::stop_source stop;
  std::thread later([&] {
    absl::SleepFor(absl::Milliseconds(100));
    stop.request_stop();
  });
  EXPECT_EQ(Why(client_->PushBlob(Scope::For(absl::Seconds(20), stop.get_token()), "a", Blob::OfBytes("y"))),
            "stopped");
  later.join();
}

TEST_F(ClientTest, OurOwnBoundOnAnAnswerIsTheRegistrysFault) {
  ClientOptions options;
  options.ask_time = absl::Milliseconds(300);
  Connect(options);
  fake_->Inject({.kind = Kind::kStall, .method = "POST"});
  EXPECT_EQ(Why(client_->PushBlob(Soon(), "a", Blob::OfBytes("x"))), "unavailable");
}

TEST_F(ClientTest, TheBudgetHoldsBackWhatIsTooMuch) {
  ClientOptions options;
  options.requests_per_minute = 60;  // a burst of ten, then one a second
  Connect(options);
  const auto ask = [&](absl::Duration time) { return client_->FindBlob(Scope::For(time), "a", DigestOf("x")); };
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(ask(absl::Seconds(5)).ok());
  EXPECT_EQ(Why(ask(absl::Milliseconds(50))), "timed_out");
  EXPECT_THAT(fake_->Seen(), SizeIs(10));
  EXPECT_TRUE(ask(absl::Seconds(5)).ok());
}

TEST_F(ClientTest, ParallelUploadsAreBounded) {
  ClientOptions options;
  options.parallel_uploads = 1;
  Connect(options);
  fake_->Inject({.kind = Kind::kStall, .method = "PUT"});
  std::thread slow([&] { (void)client_->PushBlob(Scope::For(absl::Milliseconds(800)), "a", Blob::OfBytes("slow")); });
  absl::SleepFor(absl::Milliseconds(200));
  EXPECT_EQ(Why(client_->PushBlob(Scope::For(absl::Milliseconds(200)), "a", Blob::OfBytes("x"))), "timed_out");
  EXPECT_EQ(client_->PushBlob(Soon(), "a", Blob::OfBytes("x")).value(), Pushed::kUploaded);
  slow.join();
}

}  // namespace
}  // namespace gofarm::oci
