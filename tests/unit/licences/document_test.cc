#include "common/licences/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"

namespace gofarm::licences {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

DocumentBuilder Sample() {
  DocumentBuilder builder;
  builder.AddModule({.kind = "main", .path = "example.test/tool", .version = "v1.2.3"});
  builder.AddFile("LICENSE", "MIT\n");
  builder.AddModule({.path = "example.test/dep", .version = "v0.1.0"});
  builder.AddFile("LICENSE", "MIT\r\n");
  builder.AddFile("third_party/x/COPYING", "caf\xe9 \x1b[31mred\n");
  builder.AddModule({.kind = "toolchain", .path = "go", .version = "go1.26.8"});
  builder.AddFile("LICENSE", "BSD\n");
  return builder;
}

TEST(DocumentTest, ComesBackAsItWasAndTextsStandOnce) {
  const DocumentBuilder builder = Sample();
  const std::string bytes = builder.Write();
  EXPECT_EQ(bytes, Sample().Write());
  const auto read = ReadDocument(bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, builder.document());
  EXPECT_THAT(read->texts, ElementsAre("MIT\n", "caf\xc3\xa9 [31mred\n", "BSD\n"));
  const LicenceModule* dep = read->Find("example.test/dep", "v0.1.0");
  ASSERT_NE(dep, nullptr);
  EXPECT_EQ(dep->files[0].text, 0);
  EXPECT_EQ(dep->files[0].size, 5);
  EXPECT_TRUE(dep->complete);
  EXPECT_EQ(read->Find("example.test/dep", "v0.2.0"), nullptr);
  EXPECT_TRUE(DocumentBuilder().empty());
}

TEST(DocumentTest, TextIsMadeOfAnyBytes) {
  EXPECT_EQ(CleanText("a\r\nb\rc\fd\n"), "a\nb\nc\nd\n");
  EXPECT_EQ(CleanText("\xef\xbb\xbftext"), "text");
  EXPECT_EQ(CleanText(std::string("a\0b\x07\x7f", 5)), "ab");
  EXPECT_EQ(CleanText("\xe2\x80\xaeright"), "right");
  EXPECT_EQ(CleanText("Jos\xe9"), "Jos\xc3\xa9");
  EXPECT_EQ(CleanText("\x80\xff"), "\xc3\xbf");
  EXPECT_EQ(CleanText("na\xc3\xafve\t\xe6\xbc\xa2"), "na\xc3\xafve\t\xe6\xbc\xa2");
}

TEST(DocumentTest, WhatDoesNotFitIsNamedWithTheReason) {
  DocumentBuilder builder(8000);
  builder.AddModule({.path = "example.test/a", .version = "v1.0.0"});
  builder.AddFile("LICENSE", std::string(6000, 'x'));
  EXPECT_TRUE(builder.document().modules[0].complete);
  builder.AddFile("COPYING", std::string(6000, 'y'));
  EXPECT_FALSE(builder.document().modules[0].complete);
  ASSERT_THAT(builder.document().modules[0].files, SizeIs(2));
  EXPECT_THAT(builder.document().modules[0].files[1].left_out, HasSubstr("all licence files together"));
  // The same text again takes no room.
  builder.AddModule({.path = "example.test/b", .version = "v1.0.0"});
  builder.AddFile("LICENSE", std::string(6000, 'x'));
  EXPECT_TRUE(builder.document().modules[1].complete);
  EXPECT_TRUE(ReadDocument(builder.Write()).ok());

  DocumentBuilder large;
  large.AddModule({.path = "example.test/a", .version = "v1.0.0"});
  large.AddFile("LICENSE", std::string(kFileBytesMax, 'x'));
  large.AddFile("LICENSE2", std::string(kFileBytesMax + 1, 'x'));
  EXPECT_THAT(large.document().modules[0].files[1].left_out, HasSubstr("larger than"));
  EXPECT_EQ(large.document().modules[0].files[1].size, kFileBytesMax + 1);

  DocumentBuilder many;
  many.AddModule({.path = "example.test/a", .version = "v1.0.0"});
  for (size_t i = 0; i <= kFilesPerModuleMax; ++i) many.AddFile(Cat("LICENSE", i), "x");
  EXPECT_THAT(many.document().modules[0].files, SizeIs(kFilesPerModuleMax));
  EXPECT_FALSE(many.document().modules[0].complete);
  many.AddFile(std::string(kFileNameMax + 1, 'n'), "x");
  EXPECT_THAT(many.document().modules[0].files, SizeIs(kFilesPerModuleMax));
}

// What a text takes in the document is counted: one of quotes is twice as large there.
TEST(DocumentTest, TheWholeStaysWithinItsLimit) {
  DocumentBuilder builder;
  for (int i = 0; i < 40; ++i) {
    builder.AddModule({.path = Cat("example.test/m", i), .version = "v1.0.0"});
    builder.AddFile("LICENSE", Cat(i, std::string(kFileBytesMax - 100, i % 2 == 0 ? '"' : '\n')));
  }
  const std::string bytes = builder.Write();
  EXPECT_LE(static_cast<int64_t>(bytes.size()), kDocumentBytesMax);
  EXPECT_GT(static_cast<int64_t>(bytes.size()), kDocumentBytesMax / 2);
  EXPECT_TRUE(ReadDocument(bytes).ok());
}

TEST(DocumentTest, ThePlainTextsOfOlderWorkers) {
  const std::string old =
      "==== example.test/dep@v0.1.0 LICENSE (4 bytes)\nMIT\n\n"
      "==== example.test/dep@v0.1.0 NOTICE of ours (0 bytes)\n\n"
      "==== example.test/tool@v1.2.3 LICENSE (29 bytes)\n==== not a header (5 bytes)\n\n\n"
      "==== example.test/z@v1.0.0 LICENSE (32 bytes)\n(larger than 1 MiB: left out)\n\n\n";
  const size_t cut = old.rfind("==== example.test/z");
  const auto read = ReadDocument(old.substr(0, cut));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->gofarm_licences, 1);
  ASSERT_THAT(read->modules, SizeIs(2));
  EXPECT_EQ(read->modules[0].path, "example.test/dep");
  EXPECT_EQ(read->modules[0].version, "v0.1.0");
  ASSERT_THAT(read->modules[0].files, SizeIs(2));
  EXPECT_EQ(read->modules[0].files[1].name, "NOTICE of ours");
  EXPECT_EQ(read->texts[static_cast<size_t>(read->modules[1].files[0].text)], "==== not a header (5 bytes)\n\n");
  const auto left_out = ReadDocument("==== a.test/z@v1.0.0 LICENSE (30 bytes)\n(larger than 1 MiB: left out)\n\n");
  ASSERT_TRUE(left_out.ok()) << left_out.status();
  EXPECT_FALSE(left_out->modules[0].complete);
  EXPECT_EQ(left_out->modules[0].files[0].text, -1);
  EXPECT_FALSE(ReadDocument(old.substr(0, cut - 2)).ok());
}

TEST(DocumentTest, WhatIsNoDocumentIsRefused) {
  for (
      const char* bytes :
      {"", "x", "[]", "{}", "==== ", "==== a@b c (99 bytes)\nx\n", "==== a b (1 bytes)\nx\n",
       "==== a@b c (-1 bytes)\n\n", R"({"gofarm_licences":1,"modules":[],"texts":[]})",
       R"({"gofarm_licences":2,"modules":[{"path":"a","files":[{"name":"L","text":0}]}],"texts":[]})",
       R"({"gofarm_licences":2,"modules":[{"path":"a","files":[{"name":"L","text":-1}]}],"texts":[]})",
       R"({"gofarm_licences":2,"modules":[{"path":"a","files":[{"name":"L","text":-7,"left_out":"x"}]}],"texts":[]})"}) {
    EXPECT_EQ(ReadDocument(bytes).status().code(), absl::StatusCode::kInvalidArgument) << bytes;
  }
  EXPECT_EQ(ReadDocument(R"({"gofarm_licences":3})").status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(ReadDocument(std::string(2 * kDocumentBytesMax + 1, ' ')).status().code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace gofarm::licences
