#include "common/licences/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/escaping.h"
#include "common/base/check.h"
#include "common/base/text.h"
#include "common/io/decompress.h"
#include "common/json/fields.h"
#include "gofarm_licences_data.h"
#include "tests/unit/licences/spdx_texts.h"

namespace gofarm::licences {

struct Row {
  std::string id, text;
};
template <typename Form, json::Is<Row> R>
void Fields(Form& form, R& r) {
  form.Field("id", r.id);
  form.Field("text", r.text);
}
struct Rows {
  std::vector<Row> licences;
};
template <typename Form, json::Is<Rows> R>
void Fields(Form& form, R& r) {
  form.Field("licences", r.licences);
}

std::string SpdxText(std::string_view id) {
  static const std::map<std::string, std::string>& kTexts = *[] {
    std::string packed, unpacked;
    GOFARM_CHECK(absl::Base64Unescape(Av(data::spdx), &packed));
    io::Decompressor decompressor(
        [&unpacked](std::string_view bytes) {
          unpacked += bytes;
          return absl::OkStatus();
        },
        16 << 20);
    GOFARM_CHECK(decompressor.Add(packed).ok() && decompressor.Finish().ok());
    Rows rows;
    GOFARM_CHECK(json::Read(unpacked, json::Rule::kStrict, rows).ok());
    auto* texts = new std::map<std::string, std::string>;
    for (Row& row : rows.licences) texts->emplace(row.id, row.text);
    return texts;
  }();
  const auto found = kTexts.find(std::string(id));
  GOFARM_CHECK(found != kTexts.end());
  return found->second;
}

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(WordsTest, WhatTheGuidelinesCallEqualIsEqual) {
  const std::vector<std::pair<const char*, const char*>> equal = {
      {"Hello World", "hello,  world."},
      {"\"as is\"",
       "\xe2\x80\x9c"
       "AS IS\xe2\x80\x9d"},
      {"a licence to organise", "A license to organize"},
      {"non-infringement", "NONINFRINGEMENT"},
      {"non-\n  infringement", "noninfringement"},
      {"copyright owner", "copyright holders"},
      {"the http://x.org/y", "the https://x.org/y"},
      {"1. One\n2. Two\n", "* One\n* Two\n"},
      {"(a) one (b) two", "one two"},
      {"are met: 1. Redistributions", "are met: Redistributions"},
      {"Copyright (c) 2020 Somebody\nOne two", "One two"},
      {"\xc2\xa9 2020 Somebody\nOne two", "One two"},
      {"Copyright \xc2\xa9 2020-2024, Somebody <a@b.c>\nOne two", "One two"},
      {"Copyright The Go Authors. All rights reserved.\nOne two", "One two"},
      {"All rights reserved.\nOne two", "One two"},
      {"// one\n// two", "one two"},
      {"<p>one</p> two", "one two"},
      {"one &amp; two &lt;three&gt;", "one two three"},
      {"Copyright (c) 2020 Me. Permission is granted", "Permission is granted"},
  };
  for (const auto& [a, b] : equal) EXPECT_EQ(KeysOf(a), KeysOf(b)) << a << " / " << b;
}

TEST(WordsTest, WhatSaysSomethingStays) {
  EXPECT_EQ(KeysOf("above\ncopyright notice, this list").size(), 5u);
  EXPECT_EQ(KeysOf("copyright license to reproduce").size(), 4u);
  EXPECT_EQ(KeysOf("version 2.0").size(), 3u);
  EXPECT_EQ(KeysOf("Version 2.0.\n").size(), 3u);
  EXPECT_EQ(KeysOf("under version 2. Next").size(), 4u);
  EXPECT_NE(KeysOf("may"), KeysOf("may not"));
  EXPECT_NE(KeysOf("version 2"), KeysOf("version 3"));
  EXPECT_EQ(KeysOf("(c) You must retain, in the Source form").size(), 8u - 1);
}

TEST(WordsTest, PlacesAreThoseOfTheText) {
  const std::string text =
      "\xc3\xa9t\xc3\xa9  Foo\xff"
      "Bar";
  const std::vector<Word> words = WordsOf(text);
  ASSERT_EQ(words.size(), 3u);
  EXPECT_EQ(text.substr(words[0].begin, words[0].end - words[0].begin), "\xc3\xa9t\xc3\xa9");
  EXPECT_EQ(text.substr(words[1].begin, words[1].end - words[1].begin), "Foo");
  EXPECT_EQ(text.substr(words[2].begin, words[2].end - words[2].begin), "Bar");
  EXPECT_EQ(words[1].key, KeyOf("FOO"));
}

TEST(WordsTest, AnyBytesAreTaken) {
  std::string bytes;
  for (int i = 0; i < 4096; ++i) bytes += static_cast<char>(i * 7 + i / 256);
  for (size_t n = 0; n < bytes.size(); n += 13) {
    for (const Word& word : WordsOf(std::string_view(bytes).substr(n))) {
      ASSERT_LT(word.begin, word.end);
      ASSERT_LE(word.end, bytes.size());
    }
  }
  EXPECT_THAT(WordsOf(""), IsEmpty());
  EXPECT_THAT(WordsOf("<<<<<&&&&;;;"), IsEmpty());
  EXPECT_EQ(WordsOf(std::string(1'000'000, 'a')).size(), 1u);
}

}  // namespace
}  // namespace gofarm::licences
