#include "common/publish/install_note.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace gofarm::publish {
namespace {

const std::string kSum(64, 'a');
const std::string kOther(64, 'b');

InstallNote Note() {
  return {.module = "github.com/rakyll/hey",
          .package = "github.com/rakyll/hey",
          .version = "v0.1.5",
          .target = "x86_64",
          .url = "https://bins.example.com/blobs/1",
          .sha256 = kSum};
}

TEST(InstallNameTest, NamesThatNeedCareAreRefused) {
  for (const char* good : {"hey", "age-keygen", "a.out", "g++", "_x", "7z", "foo~1"})
    EXPECT_TRUE(IsInstallName(good)) << good;
  for (const std::string& bad : {std::string(""),        std::string("."),
                                 std::string(".."),      std::string(".profile"),
                                 std::string("-rf"),     std::string("+x"),
                                 std::string("~x"),      std::string("a/b"),
                                 std::string("../a"),    std::string("a b"),
                                 std::string("a'b"),     std::string("a\"b"),
                                 std::string("$(x)"),    std::string("`x`"),
                                 std::string("a;b"),     std::string("a\nb"),
                                 std::string("a\\b"),    std::string("a*"),
                                 std::string("\xff"),    std::string("\u202e"),
                                 std::string("a\0b", 3), std::string(kInstallNameMax + 1, 'a')}) {
    EXPECT_FALSE(IsInstallName(bad)) << bad;
  }
}

TEST(InstallNoteTest, WhatIsWrittenIsReadAgain) {
  InstallNote note = Note();
  EXPECT_EQ(ParseNote(WriteNote(note)).value(), note);
  note.before = kOther;
  EXPECT_EQ(ParseNote(WriteNote(note)).value(), note);
}

TEST(InstallNoteTest, AFileIsItsOwnByItsDigestOrTheOneBefore) {
  InstallNote note = Note();
  EXPECT_TRUE(IsOwn(note, kSum));
  EXPECT_FALSE(IsOwn(note, kOther));
  EXPECT_FALSE(IsOwn(note, ""));
  note.before = kOther;
  EXPECT_TRUE(IsOwn(note, kOther));
}

TEST(InstallNoteTest, AValueIsOneLineWhateverItHolds) {
  InstallNote note = Note();
  note.version = absl::StrCat("v1\nsha256 ", kOther);
  note.module = std::string(100'000, '\x1b');
  const InstallNote read = ParseNote(WriteNote(note)).value();
  EXPECT_EQ(read.sha256, kSum);
  EXPECT_LE(read.module.size(), kNoteTextMax);
}

TEST(InstallNoteTest, WhatIsNoNoteIsRefused) {
  for (const std::string& text :
       {std::string(), std::string("gofarm-note 2\nsha256 ") + kSum + "\n", std::string("gofarm-note 1\nmodule x\n"),
        std::string("gofarm-note 1\nsha256 ") + std::string(64, 'A') + "\n",
        absl::StrCat(WriteNote(Note()), "before x\n"),
        absl::StrCat(WriteNote(Note()), std::string(kNoteBytesMax, '\n'))}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseNote(text).status())) << text.substr(0, 100);
  }
  EXPECT_EQ(ParseNote(absl::StrCat(WriteNote(Note()), "colour blue\n")).value(), Note());
}

}  // namespace
}  // namespace gofarm::publish
