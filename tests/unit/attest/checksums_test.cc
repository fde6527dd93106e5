#include "common/attest/checksums.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/io/scratch_folder.h"
#include "common/process/run.h"

namespace gofarm::attest {
namespace {

using ::testing::HasSubstr;

FileSums SumsOf(const std::string& name, const std::string& content) {
  return {.name = name, .sha256 = digest::Sha256Hex(content), .blake3 = digest::Blake3Hex(content)};
}

std::string Code(const absl::Status& status) { return absl::StatusCodeToString(status.code()); }

TEST(ChecksumsTest, EachFileHasItsTwoLinesSortedByName) {
  const std::string text = ChecksumFile({SumsOf("hey", "a"), SumsOf("LICENSE", "b")}).value();
  EXPECT_EQ(text, Cat("LICENSE:", digest::Blake3Hex("b"), "\nSHA256 (LICENSE) = ", digest::Sha256Hex("b"),
                      "\nhey:", digest::Blake3Hex("a"), "\nSHA256 (hey) = ", digest::Sha256Hex("a"), "\n"));
  EXPECT_EQ(ChecksumFile({SumsOf("LICENSE", "b"), SumsOf("hey", "a")}).value(), text);
  EXPECT_THAT(ParseChecksums(text).value(), ::testing::ElementsAre(SumsOf("LICENSE", "b"), SumsOf("hey", "a")));
  EXPECT_EQ(ChecksumFile({}).value(), "");
  EXPECT_TRUE(ParseChecksums("").value().empty());
}

TEST(ChecksumsTest, WhatIsMadeOfItOrAfterItIsLeftOut) {
  EXPECT_EQ(ChecksumFile({SumsOf("CHECKSUM", "x"), SumsOf("CHECKSUM.minisig", "x"), SumsOf("hey.sigstore.json", "x"),
                          SumsOf("hey", "a")}),
            ChecksumFile({SumsOf("hey", "a")}));
  EXPECT_TRUE(StandsInChecksums("hey.json"));
  EXPECT_TRUE(StandsInChecksums("MY-CHECKSUM"));
}

// The programs that people have.
class ChecksumProgramTest : public ::testing::Test {
 protected:
  ChecksumProgramTest() : folder_(io::ScratchFolder::Make(::testing::TempDir(), "sums").value()) {}
  void Write(const std::string& name, const std::string& content) {
    ASSERT_TRUE(io::WriteFileAtomic(folder_.path() + "/" + name, content).ok());
  }
  process::CommandResult Run(const std::vector<std::string>& argv) {
    process::Command command{
        .argv = argv, .environment = process::InheritedWith({{"LC_ALL", "C"}}), .working_directory = folder_.path()};
    auto result = process::Run(Scope::For(absl::Seconds(60)), command);
    EXPECT_TRUE(result.ok()) << result.status() << " (bash deploy/setup/setup.sh test)";
    return result.value_or(process::CommandResult{.exit_code = -1});
  }
  const io::ScratchFolder folder_;
};

TEST_F(ChecksumProgramTest, Sha256sumTakesItAndOnlyWarnsAboutTheLinesForB3sum) {
  Write("hey", "program");
  Write("hey.v2+x~y@z=1", "names as they may be");
  Write("CHECKSUM", ChecksumFile({SumsOf("hey", "program"), SumsOf("hey.v2+x~y@z=1", "names as they may be")}).value());
  const auto good = Run({"sha256sum", "-c", "CHECKSUM"});
  EXPECT_EQ(good.exit_code, 0) << good.err;
  EXPECT_EQ(good.out, "hey: OK\nhey.v2+x~y@z=1: OK\n");
  EXPECT_THAT(good.err, HasSubstr("2 lines are improperly formatted"));
  EXPECT_EQ(Run({"sha256sum", "--ignore-missing", "--status", "-c", "CHECKSUM"}).exit_code, 0);

  Write("hey", "programm");
  EXPECT_NE(Run({"sha256sum", "-c", "CHECKSUM"}).exit_code, 0);
}

TEST_F(ChecksumProgramTest, TheOtherLinesAreThoseOfB3sum) {
  Write("hey", "program");
  const auto b3sum = Run({"b3sum", "--no-names", "hey"});
  ASSERT_EQ(b3sum.exit_code, 0) << b3sum.err;
  EXPECT_THAT(ChecksumFile({SumsOf("hey", "program")}).value(), HasSubstr(Cat("hey:", b3sum.out)));
}

TEST(ChecksumsTest, NamesThatALineCouldBeMisreadByAreRefused) {
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("-"), std::string("-c"), std::string("a/b"),
        std::string("../x"), std::string("a\\b"), std::string("a\nb"), std::string("a b"), std::string("a:b"),
        std::string("a)b"), std::string("(a"), std::string("\x1b[2J"), std::string("ü"),
        Cat(std::string(64, 'a'), "  x"), std::string(kChecksumNameBytesMax + 1, 'x')}) {
    EXPECT_EQ(ChecksumFile({SumsOf(name, "x")}).status().code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(ParseChecksums(Cat(name, ":", digest::Blake3Hex("x"), "\n")).status().code(),
              absl::StatusCode::kInvalidArgument)
        << name;
  }
  EXPECT_TRUE(ChecksumFile({SumsOf(std::string(kChecksumNameBytesMax, 'x'), "x")}).ok());
}

TEST(ChecksumsTest, FilesWithoutDigestsAndFilesTwiceAreRefused) {
  EXPECT_THAT(Code(ChecksumFile({{.name = "x", .sha256 = "", .blake3 = digest::Blake3Hex("")}}).status()),
              "INVALID_ARGUMENT");
  EXPECT_THAT(Code(ChecksumFile({{.name = "x", .sha256 = digest::Sha256Hex(""), .blake3 = "X"}}).status()),
              "INVALID_ARGUMENT");
  EXPECT_THAT(Code(ChecksumFile({SumsOf("x", "1"), SumsOf("x", "1")}).status()), "INVALID_ARGUMENT");
  std::vector<FileSums> many;
  for (size_t i = 0; i <= kChecksumFilesMax; ++i) many.push_back(SumsOf(Cat("f", i), "x"));
  EXPECT_THAT(Code(ChecksumFile(many).status()), "INVALID_ARGUMENT");
  many.pop_back();
  const std::string largest = ChecksumFile(many).value();
  EXPECT_EQ(ParseChecksums(largest).value().size(), kChecksumFilesMax);
  EXPECT_THAT(Code(ParseChecksums(largest + ChecksumFile({SumsOf("one-more", "x")}).value()).status()),
              "INVALID_ARGUMENT");
}

TEST(ChecksumsTest, WhatIsNoChecksumFileIsRefusedWithTheReason) {
  const std::string good = ChecksumFile({SumsOf("hey", "a")}).value();
  const std::string first = good.substr(0, good.find('\n') + 1), second = good.substr(first.size());
  for (const auto& [text, why] : std::vector<std::pair<std::string, std::string>>{
           {first, "only one line"},
           {second, "only one line"},
           {good + first, "two lines"},
           {good + second, "two lines"},
           {good + "\n", "another form"},
           {good + "garbage\n", "another form"},
           {good.substr(0, good.size() - 1), "no end"},
           {absl::StrReplaceAll(good, {{"hey:", "hey: "}}), "no digest"},
           {absl::StrReplaceAll(good, {{") = ", ") =  "}}), "no digest"},
           {absl::StrReplaceAll(good, {{"SHA256", "SHA512"}}), "another form"},
           {std::string(kChecksumBytesMax + 1, 'x'), "at most"}}) {
    const auto refused = ParseChecksums(text);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument) << text.substr(0, 300);
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr(why)) << text.substr(0, 300);
  }
}

}  // namespace
}  // namespace gofarm::attest
