#include "common/licences/detect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/base/text.h"
#include "tests/unit/licences/spdx_texts.h"

namespace gofarm::licences {

std::string Rewrapped(std::string_view text, size_t width) {
  std::string out, line;
  for (const absl::string_view word : absl::StrSplit(Av(text), absl::ByAnyChar(" \t\n"), absl::SkipEmpty())) {
    if (!line.empty() && line.size() + 1 + word.size() > width) {
      out += line + "\n";
      line.clear();
    }
    if (!line.empty()) line += ' ';
    line.append(word.data(), word.size());
  }
  return out + line + "\n";
}

std::string Replaced(std::string_view text, std::string_view what, std::string_view with) {
  std::string out = absl::StrReplaceAll(Av(text), {{Av(what), Av(with)}});
  EXPECT_NE(out, text) << what;
  return out;
}

std::string HtmlEscaped(std::string_view text) {
  return absl::StrReplaceAll(Av(text),
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

std::string Commented(std::string_view text, std::string_view mark) {
  return Cat(mark, absl::StrReplaceAll(Av(text), {{"\n", Cat("\n", mark)}}), "\n");
}

namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Lt;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// What is a matter of seconds takes minutes under a sanitizer.
absl::Duration Patience(int seconds) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return absl::Seconds(10 * seconds);
#else
  return absl::Seconds(seconds);
#endif
}

Detection Find(std::string_view text) { return Detect(Corpus::Spdx(), text); }

std::vector<std::string> IdsOf(const Detection& found) {
  std::vector<std::string> ids;
  for (const Hit& hit : found.hits) ids.push_back(hit.id);
  return ids;
}

auto IsHit(const char* id, double score) {
  return AllOf(Field("id", &Hit::id, id), Field("score", &Hit::score, Ge(score)));
}

std::string Mit() { return Replaced(SpdxText("MIT"), "<year> <copyright holders>", "2014 Somebody Else, Inc."); }

TEST(DetectTest, EveryTextOfTheListIsFoundWithTheFullScore) {
  const Corpus& corpus = Corpus::Spdx();
  int texts = 0, words = 0;
  std::vector<std::string> missed;
  for (const LicenceInfo& licence : corpus.licences()) {
    const std::string text = SpdxText(licence.id);
    if (WordsOf(text).size() < 20) continue;  // sentences, not looked for
    ++texts;
    words += static_cast<int>(WordsOf(text).size());
    const Detection found = Find(text);
    EXPECT_TRUE(found.complete) << licence.id;
    const bool there = std::any_of(found.hits.begin(), found.hits.end(), [&licence](const Hit& hit) {
      return hit.id == licence.id && hit.kind == HitKind::kText && hit.score > 0.985;
    });
    if (!there) missed.push_back(licence.id);
  }
  EXPECT_GT(texts, 600);
  EXPECT_GT(words, 300'000);
  EXPECT_THAT(missed, IsEmpty());
}

TEST(DetectTest, ATextIsItsWordsWhateverTheyLookLike) {
  const std::string mit = Mit();
  std::string untitled = mit.substr(mit.find("Copyright"));
  std::string windows = absl::StrReplaceAll(mit, {{"\n", "\r\n"}});
  std::string british = Replaced(mit, "sublicense", "sub-licence");
  std::string quotes = absl::StrReplaceAll(mit, {{"\"", "\xe2\x80\x9c"}});
  std::string upper = absl::AsciiStrToUpper(mit);
  for (const std::string& text :
       {SpdxText("MIT"), mit, untitled, windows, british, quotes, upper, Rewrapped(mit, 40), Rewrapped(mit, 200),
        HtmlEscaped(mit), Commented(mit, "// "), Commented(mit, " * "), Commented(mit, "# "),
        "<html><body><pre>" + HtmlEscaped(mit) + "</pre></body></html>"}) {
    const Detection found = Find(text);
    EXPECT_THAT(found.hits, ElementsAre(IsHit("MIT", 1.0))) << text;
    EXPECT_THAT(found.terms, IsEmpty()) << text;
    EXPECT_EQ(found.expression.ToString(), "MIT");
  }
}

TEST(DetectTest, AHitSaysWhereItIs) {
  const std::string before = "A heading of some words\n\n", after = "\nAnd thanks to everybody.\n";
  const std::string mit = Mit();
  const Detection found = Find(before + mit + after);
  ASSERT_THAT(found.hits, SizeIs(1));
  const std::string text = before + mit + after;
  const std::string hit = text.substr(found.hits[0].begin, found.hits[0].end - found.hits[0].begin);
  EXPECT_TRUE(hit.starts_with("Permission is hereby granted")) << hit;
  EXPECT_TRUE(hit.ends_with("DEALINGS IN THE\nSOFTWARE") || hit.ends_with("THE SOFTWARE") ||
              hit.ends_with("IN THE\nSOFTWARE") || hit.ends_with("SOFTWARE"))
      << hit;
  EXPECT_THAT(found.terms, IsEmpty());
}

TEST(DetectTest, AFurtherClauseMakesItAnotherLicence) {
  const std::string mit = Mit();
  const std::string clause =
      "\n\nThe Software must not be used by any organisation that trains machine learning models with it, "
      "except where the copyright holder has agreed to that in writing.\n\n";
  const size_t middle = mit.find("THE SOFTWARE IS PROVIDED");
  ASSERT_NE(middle, std::string::npos);
  for (const std::string& text : {mit + clause, clause + mit, mit.substr(0, middle) + clause + mit.substr(middle)}) {
    const Detection found = Find(text);
    ASSERT_THAT(IdsOf(found), ElementsAre("MIT"));
    EXPECT_LT(found.hits[0].score, 0.97) << text;
    ASSERT_THAT(found.terms, SizeIs(1)) << text;
    const std::string terms = text.substr(found.terms[0].begin, found.terms[0].end - found.terms[0].begin);
    EXPECT_THAT(terms, ::testing::HasSubstr("machine learning models"));
  }
  // A clause that the list knows is a licence of its own.
  const std::string good = "The Software shall be used for Good, not Evil.\n\n";
  EXPECT_THAT(IdsOf(Find(mit.substr(0, middle) + good + mit.substr(middle))), ElementsAre("JSON"));
  // A sentence that says nothing of what one must do is none.
  EXPECT_THAT(Find(mit + "\n\nThe authors would like to thank everybody who helped to write this program.\n").terms,
              IsEmpty());
}

TEST(DetectTest, WhatTakesRightsAwayIsNamed) {
  const Detection commons = Find(
      "\"Commons Clause\" License Condition v1.0\n\nThe Software is provided to you by the "
      "Licensor under the License, as defined below, subject to the following condition. "
      "Without limiting other conditions in the License, the grant of rights under the License "
      "will not include, and the License does not grant to you, the right to Sell the "
      "Software.\n\n" +
      SpdxText("Apache-2.0"));
  EXPECT_THAT(commons.restrictions, ElementsAre("Commons Clause"));
  EXPECT_THAT(commons.hits, Contains(Field("id", &Hit::id, "Apache-2.0")));
  EXPECT_THAT(commons.terms, Not(IsEmpty()));
  EXPECT_THAT(Find(Mit() + "\nThis software is for non-commercial use only.\n").restrictions,
              ElementsAre("non-commercial use only"));
  // The licence's own words are no restriction beside it.
  EXPECT_THAT(Find(SpdxText("CC-BY-NC-4.0")).restrictions, IsEmpty());
  EXPECT_THAT(IdsOf(Find(SpdxText("CC-BY-NC-4.0"))), ElementsAre("CC-BY-NC-4.0"));
}

TEST(DetectTest, TheClausesOfBsdAreCounted) {
  const std::string holder = "The Regents of the Imaginary University";
  for (const char* id :
       {"BSD-1-Clause", "BSD-2-Clause", "BSD-3-Clause", "BSD-4-Clause", "0BSD", "BSD-2-Clause-Views"}) {
    EXPECT_THAT(IdsOf(Find(SpdxText(id))), ElementsAre(id));
    EXPECT_THAT(IdsOf(Find(Rewrapped(SpdxText(id), 60))), ElementsAre(id));
  }
  const std::string three = Replaced(SpdxText("BSD-3-Clause"), "the copyright holder nor", "Google Inc. nor");
  EXPECT_THAT(Find(three).hits, ElementsAre(IsHit("BSD-3-Clause", 0.96)));
  EXPECT_THAT(Find(three).terms, IsEmpty());
  const std::string four = absl::StrReplaceAll(SpdxText("BSD-4-Clause"), {{"the organization", Av(holder)}});
  EXPECT_THAT(IdsOf(Find(four)), ElementsAre("BSD-4-Clause"));
  // Without numbers, or with letters for them.
  EXPECT_THAT(IdsOf(Find(absl::StrReplaceAll(three, {{"1. ", "* "}, {"2. ", "* "}, {"3. ", "* "}}))),
              ElementsAre("BSD-3-Clause"));
  EXPECT_THAT(Find(absl::StrReplaceAll(three, {{"1. ", "(a) "}, {"2. ", "(b) "}, {"3. ", "(c) "}})).hits,
              ElementsAre(IsHit("BSD-3-Clause", 0.96)));
}

TEST(DetectTest, LongLicencesWithAndWithoutWhatFollowsThem) {
  const std::string apache = SpdxText("Apache-2.0");
  const std::string bare = apache.substr(0, apache.find("END OF TERMS"));
  EXPECT_THAT(Find(bare).hits, ElementsAre(IsHit("Apache-2.0", 0.999)));
  const std::string filled = Replaced(apache, "[yyyy] [name of copyright owner]", "2021 The Authors");
  EXPECT_THAT(Find(filled).hits, ElementsAre(IsHit("Apache-2.0", 0.999)));
  EXPECT_THAT(Find(filled).terms, IsEmpty());
  const std::string gpl = SpdxText("GPL-3.0-only");
  EXPECT_THAT(IdsOf(Find(gpl)), ElementsAre("GPL-3.0-only"));
  EXPECT_THAT(IdsOf(Find(gpl.substr(0, gpl.find("END OF TERMS")))), ElementsAre("GPL-3.0-only"));
  EXPECT_THAT(IdsOf(Find(SpdxText("AGPL-3.0-only"))), ElementsAre("AGPL-3.0-only"));
  const std::string lgpl = SpdxText("LGPL-3.0-only");
  const size_t second = lgpl.find("GNU GENERAL PUBLIC LICENSE", 100);
  ASSERT_NE(second, std::string::npos);
  EXPECT_THAT(IdsOf(Find(lgpl)), ElementsAre("LGPL-3.0-only"));
  EXPECT_THAT(IdsOf(Find(lgpl.substr(0, second))), ElementsAre("LGPL-3.0-only"));
}

// Its first words stand again in its middle, so a missing title must not move where it is looked for.
TEST(DetectTest, ALicenceThatRepeatsItsTitle) {
  const std::string text = SpdxText("CC-BY-SA-4.0");
  ASSERT_TRUE(text.starts_with("Creative Commons Attribution-ShareAlike 4.0 International"));
  const Detection found = Find(text.substr(std::string_view("Creative Commons ").size()));
  EXPECT_THAT(found.hits, ElementsAre(IsHit("CC-BY-SA-4.0", 0.99)));
}

TEST(DetectTest, SeveralLicencesInOneText) {
  const std::string text = "This package bundles others.\n\nlz4:\n" + SpdxText("BSD-2-Clause") + "\n\nzlib:\n" +
                           SpdxText("Zlib") + "\n\nitself:\n" + Mit() + "\n\nfonts:\n" + Mit();
  const Detection found = Find(text);
  EXPECT_THAT(IdsOf(found), ElementsAre("BSD-2-Clause", "Zlib", "MIT", "MIT"));
  EXPECT_EQ(found.expression.ToString(), "BSD-2-Clause AND MIT AND Zlib");
  for (size_t i = 0; i + 1 < found.hits.size(); ++i) EXPECT_LE(found.hits[i].end, found.hits[i + 1].begin);
}

TEST(DetectTest, AMentionIsNoLicence) {
  for (const char* text :
       {"# tool\n\nA tool like the MIT Scheme shell.\n\n## License\n\nMIT, see LICENSE.\n", "MIT", "", "\n\n",
        "Copyright (c) 2020 Somebody. All rights reserved.\n",
        "This program links with libraries under the BSD license and the GNU General Public License.\n",
        "Permission is hereby granted to everybody who asks nicely.\n", "\xff\xfe\x00\x01 Apache"}) {
    const Detection found = Find(text);
    EXPECT_THAT(found.hits, IsEmpty()) << text;
    EXPECT_TRUE(found.expression.empty());
    EXPECT_TRUE(found.complete);
  }
}

TEST(DetectTest, ATextOfHalfALicenceIsNone) {
  const std::string mit = Mit();
  EXPECT_THAT(Find(mit.substr(0, mit.size() / 2)).hits, IsEmpty());
  const std::string apache = SpdxText("Apache-2.0");
  EXPECT_THAT(Find(apache.substr(0, apache.size() * 3 / 4)).hits, IsEmpty());
}

TEST(DetectTest, NoiseCostsLittleAndHidesNothing) {
  std::mt19937 random(22);
  std::string noise;
  while (noise.size() < 10'000'000) {
    for (int k = 0; k < 3 + static_cast<int>(random() % 8); ++k) noise += static_cast<char>('a' + random() % 26);
    noise += random() % 12 == 0 ? '\n' : ' ';
  }
  const size_t middle = noise.find(' ', noise.size() / 2) + 1;
  noise.insert(middle, "\n" + Mit() + "\n");
  const absl::Time began = absl::Now();
  const Detection found = Find(noise);
  EXPECT_LT(absl::Now() - began, Patience(10));
  EXPECT_TRUE(found.complete);
  ASSERT_THAT(IdsOf(found), ElementsAre("MIT"));
  EXPECT_GE(found.hits[0].begin, middle);
}

// Words that many licences share, over and over: what costs most.
TEST(DetectTest, WhatIsMadeToCostTimeIsGivenUp) {
  std::string text;
  const std::string disclaimer =
      "REDISTRIBUTION AND USE IN SOURCE AND BINARY FORMS WITH OR WITHOUT MODIFICATION ARE PERMITTED PROVIDED THAT THE "
      "FOLLOWING CONDITIONS ARE MET IN NO EVENT SHALL THE AUTHORS BE LIABLE FOR ANY CLAIM DAMAGES OR OTHER LIABILITY ";
  while (text.size() + disclaimer.size() < kTextBytesMax) text += disclaimer;
  const absl::Time began = absl::Now();
  const Detection found = Find(text);
  EXPECT_LT(absl::Now() - began, Patience(30));
  EXPECT_FALSE(found.complete);
}

// Each of these would be quadratic in the text if every find were compared with every other.
TEST(DetectTest, ManyFindsCostLittle) {
  const absl::Time began = absl::Now();
  std::string notices, clauses, identifiers;
  while (notices.size() < 2'000'000)
    notices += "you must do all of these things first, licensed under the Apache License, Version 2.0 ";
  while (clauses.size() < 2'000'000) clauses += "commons clause one two three four five six ";
  while (identifiers.size() < 2'000'000) identifiers += "SPDX-License-Identifier: MIT OR (Apache-2.0 AND ISC)\n";
  EXPECT_FALSE(Find(notices).complete);
  EXPECT_LE(Find(notices).hits.size(), kHitsMax);
  EXPECT_LE(Find(notices).terms.size(), kTermsMax);
  EXPECT_EQ(Find(clauses).restrictions.size(), 1u);
  EXPECT_LE(Find(clauses).terms.size(), kTermsMax);
  EXPECT_FALSE(Find(identifiers).complete);
  EXPECT_LT(absl::Now() - began, Patience(60));
}

TEST(DetectTest, LimitsAreSaid) {
  EXPECT_FALSE(Find(std::string(kTextBytesMax + 1, ' ')).complete);
  EXPECT_TRUE(Find(std::string(kTextBytesMax, ' ')).complete);
  const Corpus& corpus = Corpus::Spdx();
  const std::vector<std::string> texts = {Mit(), "", SpdxText("ISC")};
  const auto found = DetectAll(Scope{}, corpus, texts);
  ASSERT_TRUE(found.ok());
  ASSERT_THAT(*found, SizeIs(3));
  EXPECT_EQ((*found)[2].expression.ToString(), "ISC");
  EXPECT_EQ(DetectAll(Scope::For(absl::ZeroDuration()), corpus, texts).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(DetectAll(Scope{}, corpus, std::vector<std::string>(kTextsMax + 1)).status().code(),
            absl::StatusCode::kResourceExhausted);
  const std::vector<std::string> large(5, std::string(kTextBytesMax, ' '));
  EXPECT_EQ(DetectAll(Scope{}, corpus, large).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(DetectTest, TheSameTextGivesTheSameAnswer) {
  const std::string text = SpdxText("BSD-3-Clause") + Mit() + SpdxText("ISC");
  EXPECT_EQ(Find(text).hits, Find(text).hits);
}

TEST(CorpusTest, KnowsIdsAndTheirOldNames) {
  const Corpus& corpus = Corpus::Spdx();
  EXPECT_EQ(corpus.list(), "spdx-license-list 6.12.0");
  EXPECT_GT(corpus.licences().size(), 600u);
  const auto id = [&corpus](std::string_view name) {
    const int index = corpus.Find(name);
    return index < 0 ? std::string() : corpus.licences()[static_cast<size_t>(index)].id;
  };
  EXPECT_EQ(id("mit"), "MIT");
  EXPECT_EQ(id("GPL-2.0"), "GPL-2.0-only");
  EXPECT_EQ(id("GPL-2.0-or-later"), "GPL-2.0-only");
  EXPECT_EQ(id("BSD-2-Clause-FreeBSD"), "BSD-2-Clause-Views");
  EXPECT_EQ(id("No-Such-Licence"), "");
}

TEST(CorpusTest, RefusesWhatIsNoList) {
  EXPECT_FALSE(Corpus::FromJson("").ok());
  EXPECT_FALSE(Corpus::FromJson(R"({"list":"x"})").ok());
  const std::string row = R"({"id":"A","name":"A","osi":true,"aliases":[],"text":"a b c"})";
  EXPECT_TRUE(Corpus::FromJson(Cat(R"({"list":"x","licences":[)", row, "]}")).ok());
  EXPECT_FALSE(Corpus::FromJson(Cat(R"({"list":"x","licences":[)", row, ",", row, "]}")).ok());
  EXPECT_EQ(Corpus::FromJson(std::string(kCorpusBytesMax + 1, ' ')).status().code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace gofarm::licences
