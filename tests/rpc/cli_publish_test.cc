// The real gofarm program against a farm that answers what the test wants: keys, what is published, and exports with
// what was made with programs.
#include <gmock/gmock.h>
#include <gofarm/v1/farm.grpc.pb.h>
#include <gofarm/v1/publish.grpc.pb.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <map>

#include "common/attest/checksums.h"
#include "common/attest/minisign.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/process/run.h"
#include "tests/unit/cli_install/fake_index.h"

namespace gofarm {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kPem[] = "-----BEGIN PUBLIC KEY-----\nnew\n-----END PUBLIC KEY-----\n";

class FakeFarm final : public v1::Farm::Service {
 public:
  v1::ArtifactPage programs;
  std::map<std::string, std::string> blobs;

 private:
  grpc::Status GetBatch(grpc::ServerContext*, const v1::BatchRequest* request, v1::Batch* reply) override {
    reply->set_id(request->id());
    return grpc::Status::OK;
  }
  grpc::Status ListArtifacts(grpc::ServerContext*, const v1::ListArtifactsRequest*,
                             grpc::ServerWriter<v1::ArtifactPage>* writer) override {
    writer->Write(programs);
    return grpc::Status::OK;
  }
  grpc::Status Download(grpc::ServerContext*, const v1::DownloadRequest* request,
                        grpc::ServerWriter<v1::BlobData>* writer) override {
    const auto it = blobs.find(request->sha256());
    if (it == blobs.end()) return {grpc::StatusCode::NOT_FOUND, "no such blob"};
    v1::BlobData data;
    data.set_total_size(static_cast<int64_t>(it->second.size()));
    data.set_data(it->second.substr(static_cast<size_t>(request->offset())));
    writer->Write(data);
    return grpc::Status::OK;
  }
};

class FakePublish final : public v1::Publish::Service {
 public:
  v1::AttachmentPage attachments;
  v1::PublishKeys keys;
  v1::PublishStatus status;
  grpc::Status answer;
  v1::RetryPublicationsRequest retried;
  v1::WithdrawRequest withdrawn;
  v1::RebuildRequest asked;
  v1::RebuildReply rebuilds;

 private:
  grpc::Status ListAttachments(grpc::ServerContext*, const v1::ListAttachmentsRequest*,
                               grpc::ServerWriter<v1::AttachmentPage>* writer) override {
    writer->Write(attachments);
    return answer;
  }
  grpc::Status GetKeys(grpc::ServerContext*, const v1::GetKeysRequest*, v1::PublishKeys* reply) override {
    *reply = keys;
    return answer;
  }
  grpc::Status GetStatus(grpc::ServerContext*, const v1::PublishStatusRequest*, v1::PublishStatus* reply) override {
    *reply = status;
    return answer;
  }
  grpc::Status Retry(grpc::ServerContext*, const v1::RetryPublicationsRequest* request,
                     v1::RetryPublicationsReply* reply) override {
    retried = *request;
    reply->set_ordered(1);
    return answer;
  }
  grpc::Status Rebuild(grpc::ServerContext*, const v1::RebuildRequest* request, v1::RebuildReply* reply) override {
    asked = *request;
    *reply = rebuilds;
    return answer;
  }
  grpc::Status Withdraw(grpc::ServerContext*, const v1::WithdrawRequest* request, v1::WithdrawReply* reply) override {
    withdrawn = *request;
    reply->set_releases(4);
    return answer;
  }
};

class CliPublishTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/gofarm-cli-XXXXXX";
    top_ = mkdtemp(pattern);
    address_ = Cat("unix:", top_, "/s");
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
    builder.RegisterService(&farm_);
    builder.RegisterService(&publish_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void TearDown() override {
    server_->Shutdown(std::chrono::system_clock::now());
    EXPECT_TRUE(io::RemoveTree(top_).ok());
  }
  process::CommandResult Call(std::vector<std::string> argv) const {
    const absl::StatusOr<process::CommandResult> result = process::Run(
        Scope::For(absl::Seconds(60)),
        {.argv = std::move(argv),
         .environment = process::InheritedWith({{"GOFARM_SERVER", address_}, {"GOFARM_DIR", ""}, {"USER", "ann"}})});
    EXPECT_TRUE(result.ok()) << result.status();
    return result.value_or(process::CommandResult{.exit_code = -1});
  }
  static std::string Program() {
    const char* const bin = std::getenv("GOFARM_BIN_DIR");
    return Cat(bin == nullptr ? "build/bin" : bin, "/gofarm");
  }
  process::CommandResult Gofarm(std::vector<std::string> words) const {
    words.insert(words.begin(), Program());
    return Call(std::move(words));
  }
  // `until` 0: it signs.
  void AddKey(const std::string& kind, const std::string& text, int64_t until) {
    v1::PublishKey& key = *publish_.keys.add_keys();
    key.set_kind(kind);
    key.set_public_key(text);
    if (until > 0) key.mutable_until()->set_unix_micros(until);
  }
  std::string Stored(const std::string& bytes) {
    std::string sha256 = digest::Sha256Hex(bytes);
    farm_.blobs[sha256] = bytes;
    return sha256;
  }
  void AddProgram(int64_t job, const std::string& bytes) {
    v1::ArtifactRow& row = *farm_.programs.add_artifacts();
    row.set_module("a.test/m");
    row.set_version("v1.0.0");
    row.set_target(v1::TARGET_X86_64);
    row.set_name("m");
    row.set_import_path("a.test/m");
    row.set_sha256(Stored(bytes));
    row.set_size(static_cast<int64_t>(bytes.size()));
    row.set_job_id(job);
  }
  void Attach(int64_t job, const std::string& name, const std::string& kind, const std::string& bytes) {
    v1::Attachment& row = *publish_.attachments.add_attachments();
    row.set_job_id(job);
    row.set_module("a.test/m");
    row.set_version("v1.0.0");
    row.set_target(v1::TARGET_X86_64);
    row.set_name(name);
    row.set_import_path("a.test/m");
    row.set_kind(kind);
    row.set_sha256(Stored(bytes));
    row.set_size(static_cast<int64_t>(bytes.size()));
  }
  // "MODE NAME" of every file below the export, and whether the sums hold.
  std::string Exported() {
    const process::CommandResult exported = Gofarm({"artifact", "export", "--batch", "7", top_ + "/x"});
    EXPECT_EQ(exported.exit_code, 0) << exported.err;
    const process::CommandResult seen =
        Call({"/bin/sh", "-c",
              "cd \"$1\" && sha256sum --quiet -c SHA256SUMS && "
              "[ $(wc -l <SHA256SUMS) -eq $(find . -type f ! -path ./SHA256SUMS | wc -l) ] && "
              "find . -mindepth 2 -type f -printf '%m %P\\n' | LC_ALL=C sort",
              "sh", top_ + "/x"});
    EXPECT_EQ(seen.exit_code, 0) << seen.err;
    return seen.out;
  }

  std::string top_, address_;
  FakeFarm farm_;
  FakePublish publish_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(CliPublishTest, AnExportHoldsWhatWasMadeWithTheProgram) {
  AddProgram(4, "program");
  Attach(4, "m", "executable", "program");
  Attach(4, "m.json", "record", "{}");
  Attach(4, "CHECKSUM", "checksums", "sums");
  const std::string expected =
      "644 a.test/m@v1.0.0/x86_64/CHECKSUM\n644 a.test/m@v1.0.0/x86_64/m.json\n755 a.test/m@v1.0.0/x86_64/m\n";
  EXPECT_EQ(Exported(), expected);
  // Again: what is there is left, and a file of another mode is written anew.
  EXPECT_EQ(Call({"/bin/chmod", "755", top_ + "/x/a.test/m@v1.0.0/x86_64/CHECKSUM"}).exit_code, 0);
  EXPECT_EQ(Exported(), expected);
}

TEST_F(CliPublishTest, AFarmThatPublishesNothingGivesProgramsAlone) {
  AddProgram(4, "program");
  for (const grpc::StatusCode code : {grpc::StatusCode::UNIMPLEMENTED, grpc::StatusCode::FAILED_PRECONDITION}) {
    publish_.answer = {code, "nothing"};
    EXPECT_EQ(Exported(), "755 a.test/m@v1.0.0/x86_64/m\n");
  }
  publish_.answer = {grpc::StatusCode::INTERNAL, "the database is odd"};
  EXPECT_EQ(Gofarm({"artifact", "export", "--batch", "7", top_ + "/y"}).exit_code, 4) << "half an export is none";
}

TEST_F(CliPublishTest, AnAttachmentWithoutADigestIsRefused) {
  AddProgram(4, "program");
  Attach(4, "m.json", "record", "{}");
  publish_.attachments.mutable_attachments(0)->set_sha256("../../etc/passwd");
  const process::CommandResult exported = Gofarm({"artifact", "export", "--batch", "7", top_ + "/x"});
  EXPECT_EQ(exported.exit_code, 4);
  EXPECT_THAT(exported.err, HasSubstr("as a SHA-256"));
}

TEST_F(CliPublishTest, KeysArePrintedWholeOrTheOneThatSignsAlone) {
  AddKey("provenance", "-----BEGIN PUBLIC KEY-----\nold\n-----END PUBLIC KEY-----\n", 1'700'000'000'000'000);
  const process::CommandResult none = Gofarm({"keys", "show", "--public"});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_THAT(none.out, IsEmpty());
  AddKey("provenance", kPem, 0);
  AddKey("minisign", "RWQx", 0);
  EXPECT_EQ(Gofarm({"keys", "show", "--public"}).out, kPem);
  EXPECT_THAT(Gofarm({"keys", "show", "--output", "json"}).out, HasSubstr("\"minisign_public_key\": \"RWQx\""));
  EXPECT_THAT(Gofarm({"keys", "show"}).out, AllOf(HasSubstr("\nold\n"), HasSubstr("\nnew\n"), HasSubstr("RWQx\n")));
}

TEST_F(CliPublishTest, AFileIsVerifiedByKeysOfTheFarmAlsoThoseThatHaveEnded) {
  const install::FakeIndex index;  // for its keys
  const std::string bytes = install::ProgramBytes(1);
  const std::string sums =
      attest::ChecksumFile({{.name = "hey", .sha256 = digest::Sha256Hex(bytes), .blake3 = digest::Blake3Hex(bytes)}})
          .value();
  const std::map<std::string, std::string> files = {
      {"hey", bytes},
      {"hey.sigstore.json", index.Bundle(index.ProvenanceOf("v0.1.5", bytes), index.provenance_key())},
      {"CHECKSUM", sums},
      {"CHECKSUM.minisig", index.minisign().Sign(sums, "of its time", "signature").value()}};
  for (const auto& [name, text] : files) ASSERT_TRUE(io::WriteFileAtomic(Cat(top_, "/", name), text).ok());
  // Nothing is remembered there.
  const auto verify = [&] {
    return Call({"/usr/bin/env", Cat("XDG_CONFIG_HOME=", top_, "/config"), Program(), "verify", top_ + "/hey"});
  };
  publish_.keys.set_builder(install::kBuilder);
  AddKey("provenance", index.provenance_key().pem, 0);
  AddKey("minisign", attest::MinisignSecretKey::Generate()->public_key().Line(), 0);
  EXPECT_EQ(verify().exit_code, 6) << "a key that nobody knows";
  AddKey("minisign", index.minisign().public_key().Line(), 1'700'000'000'000'000);
  const process::CommandResult verified = verify();
  EXPECT_EQ(verified.exit_code, 0) << verified.err;
  EXPECT_THAT(verified.out, HasSubstr("says the same, signed (of its time)"));
}

TEST_F(CliPublishTest, TheStatusSaysWhyNothingIsPublished) {
  publish_.status.set_off("nothing is published: there are no keys in /k\x1b[2J");
  EXPECT_EQ(Gofarm({"publish", "status"}).out, "nothing is published: there are no keys in /k\\x1b[2J\n");
  const process::CommandResult verify = Gofarm({"publish", "verify"});
  EXPECT_EQ(verify.exit_code, 2);
  EXPECT_THAT(verify.err, HasSubstr("there are no keys"));
  publish_.answer = {grpc::StatusCode::PERMISSION_DENIED, "takes the role viewer"};
  EXPECT_EQ(Gofarm({"publish", "status"}).exit_code, 5);
}

TEST_F(CliPublishTest, ARebuildIsOfAnIdAModuleOrAll) {
  publish_.rebuilds.set_batch_id(12);
  publish_.rebuilds.set_ordered(3);
  publish_.rebuilds.set_running(1);
  process::CommandResult told = Gofarm({"publish", "rebuild", "17"});
  EXPECT_EQ(told.exit_code, 0) << told.err;
  EXPECT_EQ(told.out, "batch 12: 3 rebuilds ordered, 1 under way already\n");
  EXPECT_THAT(publish_.asked.ids(), ElementsAre(17));
  EXPECT_EQ(Gofarm({"publish", "rebuild", "a.test/m@v1.0.0"}).exit_code, 0);
  EXPECT_EQ(publish_.asked.module(), "a.test/m");
  EXPECT_EQ(publish_.asked.version(), "v1.0.0");
  EXPECT_THAT(publish_.asked.ids(), IsEmpty());
  told = Gofarm({"publish", "rebuild", "--all", "--output", "json"});
  EXPECT_TRUE(publish_.asked.all());
  EXPECT_THAT(told.out,
              AllOf(HasSubstr("\"batch_id\": 12"), HasSubstr("\"ordered\": 3"), HasSubstr("\"results\": []")));
  publish_.rebuilds.Clear();
  publish_.rebuilds.set_left_out(1);
  publish_.rebuilds.set_why("m: \x1b[2Jno");
  told = Gofarm({"publish", "rebuild", "a.test/m"});
  EXPECT_EQ(told.exit_code, 1);
  EXPECT_EQ(told.out, "1 build cannot be made again: m: \\x1b[2Jno\n");
}

TEST_F(CliPublishTest, TheStatusCountsWhatWasBuiltAgain) {
  publish_.status.set_reproduced(5);
  publish_.status.set_differing(1);
  EXPECT_THAT(Gofarm({"publish", "status"}).out, HasSubstr("built again: 5 reproduced, 1 differing, 0 under way\n"));
  publish_.status.Clear();
  EXPECT_EQ(Gofarm({"publish", "status"}).out, "nothing is published yet\n");
}

TEST_F(CliPublishTest, OrdersSayWhatIsMeant) {
  EXPECT_EQ(Gofarm({"publish", "retry", "17", "19", "--replace"}).out, "1 publication is tried again\n");
  EXPECT_THAT(publish_.retried.ids(), ElementsAre(17, 19));
  EXPECT_TRUE(publish_.retried.replace());
  EXPECT_FALSE(publish_.retried.all());
  EXPECT_EQ(Gofarm({"publish", "retry", "--all"}).exit_code, 0);
  EXPECT_TRUE(publish_.retried.all());
  EXPECT_THAT(publish_.retried.ids(), IsEmpty());
  EXPECT_THAT(Gofarm({"publish", "withdraw", "a.test/m@v1.0.0", "--reason", "malware", "--yes"}).out,
              HasSubstr("a.test/m@v1.0.0 is withdrawn: 4 releases are taken away"));
  EXPECT_EQ(publish_.withdrawn.version(), "v1.0.0");
  EXPECT_EQ(publish_.withdrawn.reason(), "malware");
  EXPECT_EQ(Gofarm({"publish", "withdraw", "a.test/m", "--reason", "malware", "--yes", "--output", "json"}).out,
            "{\n  \"releases\": 4\n}\n");
  EXPECT_EQ(publish_.withdrawn.version(), "");
}

}  // namespace
}  // namespace gofarm
