#include "common/licences/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"
#include "tests/unit/licences/spdx_texts.h"

namespace gofarm::licences {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

ModuleFinding Module(std::string path, const std::vector<std::pair<std::string, std::string>>& files,
                     Role role = Role::kModule) {
  ModuleFinding module{.role = role, .path = std::move(path), .version = "v1.0.0"};
  for (const auto& [name, text] : files) module.files.push_back({name, Detect(Corpus::Spdx(), text)});
  return module;
}
ModuleFinding Main(const std::vector<std::pair<std::string, std::string>>& files) {
  return Module("example.test/main", files, Role::kMain);
}
Decision Of(const std::vector<ModuleFinding>& modules, const Policy& policy = {}) {
  return Decide(Corpus::Spdx(), policy, modules);
}

TEST(PolicyTest, DefaultsByLicence) {
  const std::vector<std::pair<const char*, const char*>> table = {
      {"MIT", "publish"},          {"Apache-2.0", "publish"},    {"BSD-3-Clause", "publish"},
      {"ISC", "publish"},          {"Unlicense", "publish"},     {"0BSD", "publish"},
      {"MPL-2.0", "publish"},      {"LGPL-3.0-only", "publish"}, {"GPL-2.0-only", "publish"},
      {"GPL-3.0-only", "publish"}, {"AGPL-3.0-only", "publish"}, {"EPL-2.0", "publish"},
      {"BUSL-1.1", "refuse"},      {"SSPL-1.0", "refuse"},       {"Elastic-2.0", "refuse"},
      {"CC-BY-NC-4.0", "refuse"},  {"CC-BY-ND-4.0", "refuse"},   {"CC-BY-NC-SA-4.0", "refuse"},
      {"FSL-1.1-MIT", "refuse"},   {"JSON", "refuse"},           {"PolyForm-Noncommercial-1.0.0", "refuse"},
  };
  for (const auto& [id, verdict] : table) {
    const Decision decision = Of({Main({{"LICENSE", SpdxText(id)}})});
    EXPECT_EQ(Name(decision.verdict), verdict) << id << ": " << decision.reason;
    EXPECT_EQ(decision.licence, id);
    EXPECT_EQ(decision.reason.empty(), decision.verdict == Verdict::kPublish) << decision.reason;
  }
}

// No id of the list is non-free by oversight: what the OSI approved and what has such a name.
TEST(PolicyTest, ClassesFitTheList) {
  const Corpus& corpus = Corpus::Spdx();
  for (const LicenceInfo& licence : corpus.licences()) {
    const LicenceClass of_id = ClassOf(corpus, licence.id);
    EXPECT_NE(of_id, LicenceClass::kUnknown) << licence.id;
    if (licence.osi_approved) {
      EXPECT_NE(of_id, LicenceClass::kOther) << licence.id;
      EXPECT_NE(of_id, LicenceClass::kNonFree) << licence.id;
    }
    if (licence.id.find("-NC-") != std::string::npos || licence.id.find("Noncommercial") != std::string::npos) {
      EXPECT_EQ(of_id, LicenceClass::kNonFree) << licence.id;
    }
  }
  EXPECT_EQ(Name(ClassOf(corpus, "GPL-3.0")), "strong-copyleft");
  EXPECT_EQ(Name(ClassOf(corpus, "GPL-2.0-or-later")), "strong-copyleft");
  EXPECT_EQ(Name(ClassOf(corpus, "GPL-2.0-only WITH Classpath-exception-2.0")), "strong-copyleft");
  EXPECT_EQ(Name(ClassOf(corpus, "LicenseRef-Own")), "unknown");
  EXPECT_EQ(Name(ClassOf(corpus, "Made-Up")), "unknown");
}

TEST(PolicyTest, WhatIsNotKnownIsNotPublished) {
  EXPECT_EQ(Of({}).verdict, Verdict::kRefuse);
  const Decision none = Of({Main({})});
  EXPECT_EQ(none.verdict, Verdict::kRefuse);
  EXPECT_EQ(none.reason, "example.test/main@v1.0.0: no licence file");
  EXPECT_EQ(none.expression, "LicenseRef-gofarm-unknown");
  EXPECT_THAT(Of({Main({{"LICENSE", "All rights reserved.\n"}})}).reason,
              HasSubstr("licence not recognised in LICENSE"));
  // The copyright notice alone gives nothing.
  EXPECT_EQ(Of({Main({{"NOTICE", "This product includes software of Somebody.\n"}})}).verdict, Verdict::kRefuse);
  ModuleFinding cut = Main({{"LICENSE", SpdxText("MIT")}});
  cut.complete = false;
  EXPECT_EQ(Of({cut}).verdict, Verdict::kRefuse);
  EXPECT_THAT(Of({cut}).reason, HasSubstr("not all of its licence files"));
  ModuleFinding large = Main({{"LICENSE", SpdxText("MIT")}});
  large.files.push_back({"LICENSE-huge", {.complete = false}});
  EXPECT_EQ(Of({large}).verdict, Verdict::kRefuse);
  EXPECT_THAT(Of({large}).reason, HasSubstr("LICENSE-huge"));
}

TEST(PolicyTest, EveryLinkedModuleCounts) {
  const ModuleFinding main = Main({{"LICENSE", SpdxText("MIT")}});
  const ModuleFinding good = Module("example.test/good", {{"LICENSE", SpdxText("BSD-3-Clause")}});
  const ModuleFinding bare = Module("example.test/bare", {});
  const ModuleFinding go =
      Module("go", {{"LICENSE", SpdxText("BSD-3-Clause")}, {"PATENTS", "A grant of patents.\n"}}, Role::kToolchain);
  const Decision fine = Of({main, good, go});
  EXPECT_EQ(fine.verdict, Verdict::kPublish) << fine.reason;
  EXPECT_EQ(fine.licence, "MIT");
  EXPECT_EQ(fine.expression, "BSD-3-Clause AND MIT");
  EXPECT_THAT(fine.reason, IsEmpty());
  const Decision refused = Of({main, good, bare, go});
  EXPECT_EQ(refused.verdict, Verdict::kRefuse);
  EXPECT_EQ(refused.reason, "example.test/bare@v1.0.0: no licence file");
  EXPECT_EQ(refused.expression, "BSD-3-Clause AND LicenseRef-gofarm-unknown AND MIT");
  ASSERT_EQ(refused.modules.size(), 4u);
  EXPECT_EQ(refused.modules[1].verdict, Verdict::kPublish);
  EXPECT_EQ(refused.modules[2].verdict, Verdict::kRefuse);
  EXPECT_THAT(Of({main, bare, Module("example.test/bare2", {})}).reason, HasSubstr("(and 1 more)"));
}

TEST(PolicyTest, RestrictionsAndFurtherTerms) {
  const Decision commons =
      Of({Main({{"LICENSE", "\"Commons Clause\" License Condition v1.0\n\n" + SpdxText("Apache-2.0")}})});
  EXPECT_EQ(commons.verdict, Verdict::kRefuse);
  EXPECT_THAT(commons.reason, HasSubstr("Commons Clause"));
  EXPECT_EQ(commons.licence, "Apache-2.0 AND LicenseRef-gofarm-restricted");
  const Decision terms = Of({Main(
      {{"LICENSE", SpdxText("MIT") + "\n\nYou must send a postcard to the author for each machine that you use.\n"}})});
  EXPECT_EQ(terms.verdict, Verdict::kMark);
  EXPECT_THAT(terms.reason, HasSubstr("LICENSE has terms beside MIT"));
  const Decision other = Of({Main({{"LICENSE", SpdxText("MIT")}, {"LICENSE.de", "Ein Text auf Deutsch.\n"}})});
  EXPECT_EQ(other.verdict, Verdict::kMark);
  EXPECT_THAT(other.reason, HasSubstr("LICENSE.de"));
  const Decision named = Of({Main({{"LICENSE", "Licensed under MIT OR Apache-2.0, at your option.\n"}})});
  EXPECT_EQ(named.verdict, Verdict::kMark);
  EXPECT_THAT(named.reason, HasSubstr("its text is missing"));
}

TEST(PolicyTest, OfAChoiceTheBestCounts) {
  const Decision both =
      Of({Main({{"LICENSE", "Choose whichever you like.\n" + SpdxText("MIT") + "\n\n" + SpdxText("BUSL-1.1")}})});
  EXPECT_NE(both.verdict, Verdict::kRefuse) << both.reason;
  EXPECT_EQ(both.licence, "BUSL-1.1 OR MIT");
  EXPECT_EQ(Of({Main({{"LICENSE", SpdxText("MIT") + "\n\n" + SpdxText("BUSL-1.1")}})}).verdict, Verdict::kRefuse);
  // Texts in files of their own belong to the choice that another file words.
  const Decision files = Of({Main({{"LICENSE", "Licensed under MIT OR Apache-2.0.\n"},
                                   {"LICENSE-APACHE", SpdxText("Apache-2.0")},
                                   {"LICENSE-MIT", SpdxText("MIT")}})});
  EXPECT_EQ(files.licence, "Apache-2.0 OR MIT");
  EXPECT_EQ(files.verdict, Verdict::kPublish) << files.reason;
  // Without such words both hold.
  EXPECT_EQ(Of({Main({{"LICENSE-APACHE", SpdxText("Apache-2.0")}, {"LICENSE-MIT", SpdxText("MIT")}})}).licence,
            "Apache-2.0 AND MIT");
  EXPECT_EQ(Of({Main({{"COPYING", SpdxText("GPL-3.0-only")}, {"COPYING.LESSER", SpdxText("LGPL-3.0-only")}})}).licence,
            "LGPL-3.0-only");
}

TEST(PolicyTest, ThePolicyIsConfiguration) {
  const std::vector<ModuleFinding> gpl = {Main({{"LICENSE", SpdxText("GPL-3.0-only")}})};
  Policy policy;
  policy.refuse.insert("strong-copyleft");
  EXPECT_EQ(Of(gpl, policy).verdict, Verdict::kRefuse);  // the stricter of two
  policy.publish.insert("GPL-3.0-only");
  EXPECT_EQ(Of(gpl, policy).verdict, Verdict::kPublish);  // the id before its class
  policy = {};
  policy.mark = {"GPL-3.0-only"};
  EXPECT_EQ(Of(gpl, policy).verdict, Verdict::kMark);
  EXPECT_THAT(Of(gpl, policy).reason, HasSubstr("licence GPL-3.0-only (strong-copyleft)"));
  policy = {};
  policy.publish.clear();
  EXPECT_EQ(Of(gpl, policy).verdict, Verdict::kRefuse);  // what no list names
  policy = {};
  policy.refuse.erase("unknown");
  policy.mark = {"unknown"};
  EXPECT_EQ(Of({Main({})}, policy).verdict, Verdict::kMark);
}

TEST(PolicyTest, WhatAPersonConcludedStandsInForWhatWasFound) {
  Policy policy;
  policy.concluded = {{"example.test/main", "MIT"}};
  const Decision decision = Of({Main({})}, policy);
  EXPECT_EQ(decision.verdict, Verdict::kPublish) << decision.reason;
  EXPECT_EQ(decision.licence, "MIT");
  policy.concluded = {{"example.test/main@v2.0.0", "MIT"}};
  EXPECT_EQ(Of({Main({})}, policy).verdict, Verdict::kRefuse);
  policy.concluded = {{"example.test/main@v1.0.0", "BUSL-1.1"}};
  EXPECT_EQ(Of({Main({{"LICENSE", SpdxText("MIT")}})}, policy).verdict, Verdict::kRefuse);
}

// musl's file says more than MIT; without the file nothing stands in for it.
TEST(PolicyTest, PartsOfToolchainsAreConcludedFromTheStart) {
  const std::string more =
      "\n\nPortions are licensed under other terms, which must be read in the source files only.\n";
  const ModuleFinding musl = Module("zig/musl", {{"COPYRIGHT", SpdxText("MIT") + more}}, Role::kToolchain);
  const ModuleFinding main = Main({{"LICENSE", SpdxText("ISC")}});
  EXPECT_EQ(Of({main, musl}).verdict, Verdict::kPublish) << Of({main, musl}).reason;
  EXPECT_EQ(Of({main, musl}).expression, "ISC AND MIT");
  EXPECT_EQ(Of({main, Module("zig/musl", {}, Role::kToolchain)}).verdict, Verdict::kRefuse);
  Policy bare;
  bare.concluded.clear();
  EXPECT_EQ(Of({main, musl}, bare).verdict, Verdict::kMark);
}

TEST(PolicyTest, APolicyIsCheckedBeforeItIsUsed) {
  const Corpus& corpus = Corpus::Spdx();
  EXPECT_TRUE(CheckPolicy(corpus, Policy{}).ok());
  Policy policy;
  policy.publish.insert("Apache2");
  const absl::Status bad = CheckPolicy(corpus, policy);
  EXPECT_EQ(bad.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(bad.message()), HasSubstr("\"Apache2\""));
  EXPECT_THAT(std::string(bad.message()), HasSubstr("permissive"));
  policy = {};
  policy.concluded = {{"example.test/x", "MIT AND"}};
  EXPECT_FALSE(CheckPolicy(corpus, policy).ok());
  policy.concluded = {{"example.test/x", "Made-Up"}};
  EXPECT_FALSE(CheckPolicy(corpus, policy).ok());
  policy.concluded = {{"example.test/x", "MIT OR LicenseRef-Own"}};
  EXPECT_TRUE(CheckPolicy(corpus, policy).ok());
}

TEST(PolicyTest, AnExpressionHasALimit) {
  std::string lines;
  for (int i = 0; i < 200; ++i) lines += Cat("SPDX-License-Identifier: LicenseRef-made-up-", i, "\n");
  const Decision decision = Of({Main({{"LICENSE", SpdxText("MIT")}, {"LICENSE-2", lines}})});
  EXPECT_EQ(decision.verdict, Verdict::kRefuse);
  EXPECT_EQ(decision.expression, kUnknownLicence);
  EXPECT_LT(decision.reason.size(), 1000u);
}

TEST(PolicyTest, NamesOfModulesAreEscaped) {
  const Decision decision = Of({Module("evil\x1b[2J\n", {}, Role::kMain)});
  EXPECT_EQ(decision.reason.find('\x1b'), std::string::npos);
  EXPECT_EQ(decision.reason.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace gofarm::licences
