#include "common/io/zstd_frames.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/io/decompress.h"

namespace gofarm::io {
namespace {

std::string Frame(std::string_view text) { return ZstdFrame(text, 3).value(); }

TEST(ZstdFramesTest, FramesBehindOneAnotherAreOneFileForEveryReader) {
  const std::string file = Frame("[\n") + Frame(std::string(5000, 'a')) + Frame("\n]\n");
  std::string text;
  Decompressor whole(
      [&](std::string_view bytes) {
        text += bytes;
        return absl::OkStatus();
      },
      1 << 20);
  ASSERT_TRUE(whole.Add(file).ok());
  ASSERT_TRUE(whole.Finish().ok());
  EXPECT_EQ(text, "[\n" + std::string(5000, 'a') + "\n]\n");
}

TEST(ZstdFramesTest, EachFrameIsFoundAndReadAlone) {
  const std::string file = Frame("one") + Frame(std::string(5000, 'a')) + Frame("three");
  const std::vector<FramePlace> places = FindZstdFrames(file).value();
  ASSERT_EQ(places.size(), 3u);
  EXPECT_EQ(places[1].content_offset, 3);
  EXPECT_EQ(places[1].content_size, 5000);
  EXPECT_EQ(places[2].content_offset, 5003);
  EXPECT_EQ(places[2].offset + places[2].size, static_cast<int64_t>(file.size()));
  EXPECT_EQ(ExpandZstdFrame(file.substr(static_cast<size_t>(places[2].offset))).value(), "three");
}

TEST(ZstdFramesTest, TheSameBytesGiveTheSameFrame) { EXPECT_EQ(Frame("some text"), Frame("some text")); }

TEST(ZstdFramesTest, WhatIsNoWholeFrameIsRefused) {
  const std::string frame = Frame(std::string(1000, 'b'));
  EXPECT_TRUE(absl::IsInvalidArgument(FindZstdFrames("{}").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(FindZstdFrames(frame.substr(0, frame.size() - 1)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(FindZstdFrames(frame + "x").status()));
  EXPECT_TRUE(FindZstdFrames("").value().empty());
  std::string flipped = frame;
  flipped.back() ^= 1;
  EXPECT_TRUE(absl::IsInvalidArgument(ExpandZstdFrame(flipped).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ExpandZstdFrame("").status()));
}

TEST(ZstdFramesTest, AFrameIsBounded) {
  EXPECT_TRUE(absl::IsResourceExhausted(ZstdFrame(std::string(kZstdFrameBytesMax + 1, 'a'), 1).status()));
  // A header that tells of 2^60 bytes: magic, a content size of eight bytes without checksum, window of 1 KiB.
  const std::string bomb = std::string("\x28\xb5\x2f\xfd\xc0\x00", 6) + std::string("\0\0\0\0\0\0\0\x10", 8) +
                           std::string("\x01\x00\x00", 3);
  EXPECT_TRUE(absl::IsInvalidArgument(FindZstdFrames(bomb).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ExpandZstdFrame(bomb).status()));
}

}  // namespace
}  // namespace gofarm::io
