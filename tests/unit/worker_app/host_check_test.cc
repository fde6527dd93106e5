// What a host lacks, by facts; and what this one is found to be.
#include "worker/host_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>

namespace gofarm::worker {
namespace {

using ::testing::HasSubstr;

HostFacts Good() {
  return {.kernel = "6.1.0-18-amd64",
          .host_arch = "x86_64",
          .overlay = true,
          .max_user_namespaces = 60'000,
          .bwrap = "/usr/bin/bwrap",
          .memory_bytes = int64_t{24} << 30,
          .slots = 2,
          .memory_bytes_per_slot = int64_t{6} << 30,
          .open_files = 65'536,
          .ca_bundle = "/etc/ssl/cert.pem",
          .disks = {{"cache_dir", "/c", int64_t{50} << 30}},
          .runners = {{Target::kX86_64, true, "natively"}}};
}

HostFinding Of(const HostFacts& facts, const std::string& what) {
  const std::vector<HostFinding> all = JudgeHost(facts);
  const auto found = std::find_if(all.begin(), all.end(), [&](const HostFinding& f) { return f.what == what; });
  EXPECT_NE(found, all.end()) << what;
  return found == all.end() ? HostFinding() : *found;
}

TEST(HostCheckTest, AGoodHostLacksNothing) {
  for (const HostFinding& finding : JudgeHost(Good())) {
    EXPECT_EQ(finding.verdict, Verdict::kOk) << finding.what << ": " << finding.detail;
    EXPECT_EQ(finding.fix, "") << finding.what;
    EXPECT_NE(finding.detail, "") << finding.what;
  }
  EXPECT_TRUE(Verdicts(JudgeHost(Good())).ok());
}

TEST(HostCheckTest, WhatIsLackingIsSaidWithItsFix) {
  const struct {
    const char* what;
    void (*spoil)(HostFacts&);
    Verdict verdict;
    const char* fix;
  } cases[] = {
      {"kernel", [](HostFacts& f) { f.kernel = "5.10.0"; }, Verdict::kLacks, "5.14 or newer"},
      {"kernel", [](HostFacts& f) { f.kernel = "4.19"; }, Verdict::kLacks, "5.14 or newer"},
      {"kernel", [](HostFacts& f) { f.kernel = ""; }, Verdict::kLacks, "5.14 or newer"},
      {"architecture", [](HostFacts& f) { f.host_arch = ""; }, Verdict::kLacks, "loongarch64"},
      {"bubblewrap", [](HostFacts& f) { f.bwrap = absl::NotFoundError("bwrap is not in PATH"); }, Verdict::kLacks,
       "install the package bubblewrap"},
      {"user namespaces", [](HostFacts& f) { f.max_user_namespaces = 0; }, Verdict::kLacks,
       "max_user_namespaces=15000"},
      {"user namespaces", [](HostFacts& f) { f.unprivileged_userns_clone = 0; }, Verdict::kLacks, "userns_clone=1"},
      {"user namespaces", [](HostFacts& f) { f.apparmor_restricts_userns = 1; }, Verdict::kLacks, "AppArmor profile"},
      {"overlayfs", [](HostFacts& f) { f.overlay = false; }, Verdict::kWarning, "modprobe overlay"},
      {"memory", [](HostFacts& f) { f.memory_bytes_per_slot = 1 << 30; }, Verdict::kWarning, "fewer slots"},
      {"open files", [](HostFacts& f) { f.open_files = 1024; }, Verdict::kWarning, "LimitNOFILE"},
      {"certificates", [](HostFacts& f) { f.ca_bundle.clear(); }, Verdict::kWarning, "SSL_CERT_FILE"},
      {"cache_dir", [](HostFacts& f) { f.disks[0].free_bytes = 100 << 20; }, Verdict::kWarning, "make room"},
      {"cache_dir", [](HostFacts& f) { f.disks[0].free_bytes = absl::PermissionDeniedError("no"); }, Verdict::kLacks,
       "may write to"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    HostFacts facts = Good();
    c.spoil(facts);
    // What is lacking shows in the sandbox, too.
    facts.isolation = absl::FailedPreconditionError("a mount was refused");
    const HostFinding finding = Of(facts, c.what);
    EXPECT_EQ(finding.verdict, c.verdict) << finding.detail;
    EXPECT_THAT(finding.fix, HasSubstr(c.fix));
    const absl::Status verdicts = Verdicts(JudgeHost(facts));
    EXPECT_TRUE(absl::IsFailedPrecondition(verdicts));
    EXPECT_THAT(std::string(verdicts.message()), HasSubstr("a mount was refused"));
  }
}

TEST(HostCheckTest, SwitchesCountOnlyForWhomTheyForbidSomething) {
  HostFacts facts = Good();
  facts.isolation = absl::FailedPreconditionError("something else");
  facts.unprivileged_userns_clone = 0;
  facts.apparmor_restricts_userns = 1;
  facts.root = true;
  EXPECT_EQ(Of(facts, "user namespaces").verdict, Verdict::kOk);
  // An AppArmor profile may allow what the switch forbids: the sandbox was tried, and works.
  facts = Good();
  facts.apparmor_restricts_userns = 1;
  EXPECT_TRUE(Verdicts(JudgeHost(facts)).ok());
  // A full disk says nothing of the host.
  facts = Good();
  facts.isolation = absl::ResourceExhaustedError("the disk is full");
  EXPECT_TRUE(Verdicts(JudgeHost(facts)).ok());
  EXPECT_EQ(Of(facts, "sandbox").verdict, Verdict::kWarning);
}

TEST(HostCheckTest, TheJsonSaysTheSame) {
  HostFacts facts = Good();
  facts.kernel = "4.4";
  simdjson::dom::parser parser;
  const simdjson::padded_string text(ShowFindings(JudgeHost(facts), /*json=*/true));
  const simdjson::dom::element document = parser.parse(text).value();
  EXPECT_FALSE(bool(document["ok"]));
  const simdjson::dom::element first = document["checks"].at(0).value();
  EXPECT_EQ(std::string_view(first["what"]), "kernel");
  EXPECT_EQ(std::string_view(first["verdict"]), "lacks");
  EXPECT_EQ(std::string_view(first["fix"]), Of(facts, "kernel").fix);
}

TEST(HostCheckTest, ThisHostIsLookedAt) {
  AppConfig config;
  config.cache_dir = ::testing::TempDir() + "/not/there/yet";
  config.work_dir = "/etc/passwd/nowhere";
  config.targets = {Target::kX86_64, Target::kRiscv64};
  const HostFacts facts = ReadHost(config, absl::OkStatus());
  EXPECT_NE(facts.kernel, "");
  EXPECT_GT(facts.memory_bytes, 0);
  ASSERT_EQ(facts.disks.size(), 2u);
  EXPECT_TRUE(facts.disks[0].free_bytes.ok()) << facts.disks[0].free_bytes.status();
  EXPECT_FALSE(facts.disks[1].free_bytes.ok());
  EXPECT_EQ(facts.runners.size(), 2u);
}

}  // namespace
}  // namespace gofarm::worker
