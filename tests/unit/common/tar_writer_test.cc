#include "common/io/tar_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <stop_token>
#include <string>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/io/archive.h"
#include "common/io/files.h"
#include "common/io/scratch_folder.h"

namespace gofarm::io {
namespace {

class TarWriterTest : public ::testing::Test {
 protected:
  std::string At(const std::string& name) const { return Cat(folder_.path(), "/", name); }
  std::string Bytes(const std::string& name) const { return ReadFile(At(name), 64 << 20).value(); }

  void WriteAll(const std::string& name, TarOptions options) {
    const absl::StatusOr<std::unique_ptr<TarWriter>> tar = TarWriter::Create(At(name), options);
    ASSERT_TRUE(tar.ok()) << tar.status();
    ASSERT_TRUE(WriteFileAtomic(At("source"), content_).ok());
    EXPECT_TRUE((*tar)->AddFolder({.name = "d", .mode = 0755}).ok());
    EXPECT_TRUE((*tar)->AddBytes({.name = "d/small", .mode = 0755, .uid = 7, .gid = 8}, "bytes").ok());
    EXPECT_TRUE((*tar)->AddBytes({.name = "d/none"}, "").ok());
    EXPECT_TRUE((*tar)->AddFile({}, {.name = "d/large"}, At("source")).ok());
    EXPECT_TRUE((*tar)->Finish().ok());
  }

  const ScratchFolder folder_ = *ScratchFolder::Make("/tmp", "tar");
  const std::string content_ = Cat(std::string(1'000'001, 'x'), "end");
};

TEST_F(TarWriterTest, EveryCompressionReadsBackAndIsSeenByBothObservers) {
  for (const TarCompression compression : {TarCompression::kNone, TarCompression::kGzip, TarCompression::kZstd}) {
    std::string inside, stored;
    WriteAll("t", {.compression = compression,
                   .level = 3,
                   .on_tar = [&](std::string_view bytes) { inside += bytes; },
                   .on_stored = [&](std::string_view bytes) { stored += bytes; }});
    EXPECT_EQ(stored, Bytes("t"));
    EXPECT_EQ(inside.size() % 512, 0U);
    EXPECT_EQ(inside == stored, compression == TarCompression::kNone);
    ASSERT_TRUE(RemoveTree(At("out")).ok());
    ASSERT_TRUE(MakeFolders(At("out")).ok());
    ASSERT_TRUE(ExtractArchive({}, At("t"), At("out")).ok());
    EXPECT_EQ(Bytes("out/d/small"), "bytes");
    EXPECT_EQ(Bytes("out/d/none"), "");
    EXPECT_EQ(Bytes("out/d/large"), content_);
    EXPECT_EQ(::access(At("out/d/small").c_str(), X_OK), 0);
  }
}

TEST_F(TarWriterTest, NamesBeyondAsciiStandAsTheyAreWhateverTheLocale) {
  const absl::StatusOr<std::unique_ptr<TarWriter>> tar = TarWriter::Create(At("t"), {});
  ASSERT_TRUE(tar.ok()) << tar.status();
  const std::string name =
      "d/gr\xc3\xb6\xc3\x9f"
      "e \xe6\xbc\xa2.go";
  const absl::Status added = (*tar)->AddBytes({.name = name}, "bytes");
  ASSERT_TRUE(added.ok()) << added;
  ASSERT_TRUE((*tar)->Finish().ok());
  EXPECT_TRUE(absl::StrContains(Bytes("t"), name)) << "as POSIX pax headers have it: in UTF-8";
  ASSERT_TRUE(MakeFolders(At("out")).ok());
  ASSERT_TRUE(ExtractArchive({}, At("t"), At("out")).ok());
  EXPECT_EQ(Bytes(Cat("out/", name)), "bytes");
}

TEST_F(TarWriterTest, TheBytesHoldNothingOfThisMachine) {
  const absl::Time modified = absl::FromUnixSeconds(1'700'000'000);
  for (const TarCompression compression : {TarCompression::kNone, TarCompression::kGzip, TarCompression::kZstd}) {
    WriteAll("a", {.compression = compression, .level = 3, .modified = modified});
    absl::SleepFor(absl::Milliseconds(1100));  // another whole second for whoever writes the time of the call
    WriteAll("b", {.compression = compression, .level = 3, .modified = modified});
    EXPECT_EQ(Bytes("a"), Bytes("b"));
    WriteAll("c", {.compression = compression, .level = 3, .modified = modified + absl::Seconds(1)});
    EXPECT_NE(Bytes("a"), Bytes("c"));
  }
  WriteAll("plain", {.modified = modified});
  const std::string bytes = Bytes("plain");
  EXPECT_EQ(bytes.substr(0, 2), std::string("d/"));
  EXPECT_EQ(bytes.substr(136, 11), "14524770400");          // mtime, octal
  EXPECT_EQ(bytes.substr(265, 64), std::string(64, '\0'));  // names of user and group
  EXPECT_FALSE(absl::StrContains(bytes, folder_.path()));
}

TEST_F(TarWriterTest, NamesThatLeadAstrayAreRefused) {
  const std::unique_ptr<TarWriter> tar = *TarWriter::Create(At("t"), {});
  for (const std::string bad : {"", "/abs", "../up", "a/../b", "a//b", "./a", "a/", "a\nb", "\xff"}) {
    EXPECT_EQ(tar->AddBytes({.name = bad}, "").code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_FALSE(tar->AddBytes({.name = std::string(kTarNameMax + 1, 'a')}, "").ok());
  EXPECT_TRUE(tar->AddBytes({.name = std::string(kTarNameMax, 'a')}, "x").ok());
  EXPECT_TRUE(tar->Finish().ok());
}

TEST_F(TarWriterTest, SourcesThatAreNoneAreSaid) {
  const std::unique_ptr<TarWriter> tar = *TarWriter::Create(At("t"), {});
  EXPECT_EQ(tar->AddFile({}, {.name = "a"}, At("missing")).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(tar->AddFile({}, {.name = "a"}, folder_.path()).code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(WriteFileAtomic(At("source"), "x").ok());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(tar->AddFile({.stop = stop.get_token()}, {.name = "a"}, At("source")).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(TarWriter::Create(At("no/folder"), {}).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(TarWriterTest, AFullDiskIsSaid) {
  const std::unique_ptr<TarWriter> tar = *TarWriter::Create("/dev/full", {});
  absl::Status status = tar->AddBytes({.name = "a"}, std::string(1 << 20, 'x'));
  if (status.ok()) status = tar->Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
}

}  // namespace
}  // namespace gofarm::io
