// Against the program minisign itself, both ways, and what must be refused.
#include "common/attest/minisign.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <tuple>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/attest/base64.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/io/scratch_folder.h"
#include "common/process/run.h"

namespace gofarm::attest {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

std::vector<std::string> Lines(const std::string& text) { return absl::StrSplit(text, '\n'); }

std::string Joined(const std::vector<std::string>& lines) { return absl::StrJoin(lines, "\n"); }

// The byte at `at` of what the line's base64 means is another one.
std::string Flipped(const std::string& line, size_t at) {
  std::string raw = FromBase64(line).value();
  raw[at] = static_cast<char>(raw[at] ^ 1);
  return Base64(raw);
}

class MinisignTest : public ::testing::Test {
 protected:
  MinisignTest() : key_(MinisignSecretKey::Generate().value()) {}

  std::string Signed(const std::string& bytes) { return key_.Sign(bytes, "generation 7", "signed by gofarm").value(); }
  absl::StatusCode CodeOf(const std::string& bytes, const std::string& signature) {
    return VerifyMinisign(key_.public_key(), bytes, signature).status().code();
  }

  const MinisignSecretKey key_;
  const std::string bytes_ = "what is published";
};

class MinisignProgramTest : public MinisignTest {
 protected:
  void SetUp() override {
    auto folder = io::ScratchFolder::Make(::testing::TempDir(), "minisign");
    ASSERT_TRUE(folder.ok()) << folder.status();
    folder_.emplace(*std::move(folder));
    Write("file", bytes_);
  }
  std::string At(const std::string& name) { return folder_->path() + "/" + name; }
  void Write(const std::string& name, const std::string& content) {
    ASSERT_TRUE(io::WriteFileAtomic(At(name), content).ok());
  }
  std::string Read(const std::string& name) { return io::ReadFile(At(name), 1 << 20).value(); }
  process::CommandResult Minisign(const std::vector<std::string>& arguments) {
    process::Command command;
    command.argv = {"minisign"};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    command.environment = process::InheritedEnvironment();
    command.working_directory = folder_->path();
    auto result = process::Run(Scope::For(absl::Seconds(60)), command);
    EXPECT_TRUE(result.ok()) << result.status() << " (bash deploy/setup/setup.sh test)";
    return result.value_or(process::CommandResult{.exit_code = -1});
  }

  std::optional<io::ScratchFolder> folder_;
};

TEST_F(MinisignProgramTest, TheProgramTakesWhatWeSign) {
  Write("file.minisig", Signed(bytes_));
  const auto good = Minisign({"-V", "-m", "file", "-P", key_.public_key().Line()});
  EXPECT_EQ(good.exit_code, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("Trusted comment: generation 7"));

  Write("file", bytes_ + "!");
  EXPECT_NE(Minisign({"-V", "-m", "file", "-P", key_.public_key().Line()}).exit_code, 0);
}

TEST_F(MinisignProgramTest, WeTakeWhatTheProgramSigns) {
  ASSERT_EQ(Minisign({"-G", "-W", "-p", "k.pub", "-s", "k.key"}).exit_code, 0);
  ASSERT_EQ(Minisign({"-S", "-s", "k.key", "-m", "file", "-t", "of the program", "-x", "sig"}).exit_code, 0);
  const auto key = MinisignPublicKey::Parse(Read("k.pub"));
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_THAT(Read("k.pub"), HasSubstr(key->Line()));
  // The program writes the number without leading zeros.
  EXPECT_THAT(Read("k.pub"), HasSubstr(Cat(" ", key->IdHex().substr(key->IdHex().find_first_not_of('0')), "\n")));
  const auto comment = VerifyMinisign(*key, bytes_, Read("sig"));
  ASSERT_TRUE(comment.ok()) << comment.status();
  EXPECT_EQ(*comment, "of the program");
  EXPECT_EQ(VerifyMinisign(*key, bytes_ + "!", Read("sig")).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(MinisignProgramTest, ItsOlderFormIsRefusedThoughItTakesItItself) {
  ASSERT_EQ(Minisign({"-G", "-W", "-p", "k.pub", "-s", "k.key"}).exit_code, 0);
  ASSERT_EQ(Minisign({"-S", "-l", "-s", "k.key", "-m", "file", "-x", "sig"}).exit_code, 0);
  ASSERT_EQ(Minisign({"-V", "-p", "k.pub", "-m", "file", "-x", "sig"}).exit_code, 0);
  const auto refused = VerifyMinisign(MinisignPublicKey::Parse(Read("k.pub")).value(), bytes_, Read("sig"));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(refused.status()), HasSubstr("older form"));
}

TEST_F(MinisignTest, APublicKeyIsOneLineAndReadAgain) {
  const std::string line = key_.public_key().Line();
  EXPECT_THAT(line, StartsWith("RW"));
  EXPECT_EQ(line.size(), 56u);
  for (const std::string& text :
       {line, line + "\n", line + "\r\n", "untrusted comment: minisign public key\n" + line + "\n"}) {
    const auto read = MinisignPublicKey::Parse(text);
    ASSERT_TRUE(read.ok()) << text << read.status();
    EXPECT_EQ(*read, key_.public_key());
  }
  for (const std::string& text : {std::string(), line.substr(1), line + line, line + "\n" + line, "XX" + line.substr(2),
                                  " " + line, std::string(5000, 'R'), "untrusted comment: " + line}) {
    EXPECT_EQ(MinisignPublicKey::Parse(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST_F(MinisignTest, TheSecretKeysTextIsAllOfIt) {
  const auto again = MinisignSecretKey::FromPem(key_.pem());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->public_key(), key_.public_key());
  EXPECT_EQ(again->Sign(bytes_, "generation 7", "signed by gofarm").value(), Signed(bytes_));
  EXPECT_NE(MinisignSecretKey::Generate().value().public_key(), key_.public_key());
  EXPECT_EQ(MinisignSecretKey::FromPem("garbage").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(MinisignTest, OneFlippedBitAnywhereIsRefused) {
  const std::string signature = Signed(bytes_);
  ASSERT_EQ(VerifyMinisign(key_.public_key(), bytes_, signature).value(), "generation 7");
  const std::vector<std::string> lines = Lines(signature);
  ASSERT_EQ(lines.size(), 5u);  // the last is empty
  std::string other = bytes_;
  other[3] = static_cast<char>(other[3] ^ 1);
  EXPECT_EQ(CodeOf(other, signature), absl::StatusCode::kDataLoss);
  EXPECT_EQ(CodeOf("", signature), absl::StatusCode::kDataLoss);
  for (const auto& [line, at, code] : std::vector<std::tuple<size_t, size_t, absl::StatusCode>>{
           {1, 0, absl::StatusCode::kInvalidArgument},  // the algorithm
           {1, 2, absl::StatusCode::kNotFound},         // the key's id
           {1, 10, absl::StatusCode::kDataLoss},
           {1, 73, absl::StatusCode::kDataLoss},
           {3, 0, absl::StatusCode::kDataLoss},
           {3, 63, absl::StatusCode::kDataLoss}}) {
    std::vector<std::string> changed = lines;
    changed[line] = Flipped(lines[line], at);
    EXPECT_EQ(CodeOf(bytes_, Joined(changed)), code) << line << ":" << at;
  }
}

TEST_F(MinisignTest, ATrustedCommentIsSignedAndTheOtherIsNot) {
  std::vector<std::string> lines = Lines(Signed(bytes_));
  lines[0] = "untrusted comment: anything else";
  EXPECT_EQ(CodeOf(bytes_, Joined(lines)), absl::StatusCode::kOk);
  lines[2] = "trusted comment: generation 8";
  const auto refused = VerifyMinisign(key_.public_key(), bytes_, Joined(lines));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Message(refused.status()), HasSubstr("trusted comment"));
  // Of another file of the same key.
  lines = Lines(Signed(bytes_));
  lines[3] = Lines(Signed("another"))[3];
  EXPECT_EQ(CodeOf(bytes_, Joined(lines)), absl::StatusCode::kDataLoss);
}

TEST_F(MinisignTest, AnotherKeyIsNamed) {
  const MinisignSecretKey other = MinisignSecretKey::Generate().value();
  const auto refused = VerifyMinisign(other.public_key(), bytes_, Signed(bytes_));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(refused.status()), HasSubstr(key_.public_key().IdHex()));
  // An id is no proof.
  const MinisignPublicKey posing(key_.public_key().id(), other.public_key().key());
  EXPECT_EQ(VerifyMinisign(posing, bytes_, Signed(bytes_)).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(MinisignTest, ASignatureSaysWhoseItIsBeforeTheKeyIsKnown) {
  EXPECT_EQ(MinisignKeyId(Signed(bytes_)).value(), key_.public_key().id());
  EXPECT_EQ(MinisignKeyId("garbage").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(MinisignTest, WhatIsNoSignatureFileIsRefusedWithTheReason) {
  const std::vector<std::string> lines = Lines(Signed(bytes_));
  const auto with = [&](size_t line, const std::string& text) {
    std::vector<std::string> changed = lines;
    changed[line] = text;
    return Joined(changed);
  };
  for (const auto& [signature, why] : std::vector<std::pair<std::string, std::string>>{
           {"", "first line"},
           {"garbage", "first line"},
           {with(0, "comment: x"), "first line"},
           {with(1, "!!!"), "second line"},
           {with(1, lines[1] + " "), "second line"},
           {with(1, lines[3]), "second line"},
           {with(2, "trusted: x"), "third line"},
           {with(3, lines[3].substr(4)), "last line"},
           {Joined(lines) + "more\n", "more than four lines"},
           {with(0, "untrusted comment: " + std::string(kMinisignSignatureBytesMax, 'x')), "at most 16384"}}) {
    const auto refused = VerifyMinisign(key_.public_key(), bytes_, signature);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument) << signature;
    EXPECT_THAT(Message(refused.status()), HasSubstr(why)) << signature;
  }
}

TEST_F(MinisignTest, ACommentCannotBecomeALineOfItsOwn) {
  for (const std::string& comment : {std::string("a\nb"), std::string("a\rb"), std::string("\x1b[31m"),
                                     std::string(kMinisignCommentBytesMax + 1, 'x')}) {
    EXPECT_EQ(key_.Sign(bytes_, comment, "c").status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(key_.Sign(bytes_, "c", comment).status().code(), absl::StatusCode::kInvalidArgument);
  }
  const std::string longest(kMinisignCommentBytesMax, 'x');
  EXPECT_EQ(VerifyMinisign(key_.public_key(), bytes_, key_.Sign(bytes_, longest, longest).value()).value(), longest);
}

}  // namespace
}  // namespace gofarm::attest
