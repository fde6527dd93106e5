// All clients against tests/support/upstream.py, whose services answer as the real ones do, with their faults.
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "common/gomod/go_mod_file.h"
#include "common/goproxy/list.h"
#include "common/io/http_client.h"
#include "coordinator/catalog/depsdev_client.h"
#include "coordinator/catalog/github_client.h"
#include "coordinator/catalog/index_client.h"
#include "coordinator/catalog/merge.h"
#include "coordinator/catalog/pkgsite_client.h"
#include "coordinator/catalog/proxy_ask.h"
#include "coordinator/catalog/service_gate.h"
#include "coordinator/service/module_proxy.h"
#include "tests/support/fake_clock.h"

namespace gofarm::catalog {
namespace {

Scope Soon() { return Scope::For(absl::Seconds(60)); }

// The text of a JSON field in a line of the index.
std::string FieldOf(absl::string_view line, absl::string_view name) {
  const std::string key = Cat("\"", Sv(name), "\":\"");
  const size_t at = line.find(key);
  if (at == absl::string_view::npos) return "";
  line.remove_prefix(at + key.size());
  return std::string(line.substr(0, line.find('"')));
}

class UpstreamTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const char* const source = std::getenv("GOFARM_SOURCE_DIR");
    const std::string command = Cat("exec 3>&1; python3 '", source == nullptr ? "." : source,
                                    "/tests/support/upstream.py' --modules 300 --lines 6000 --since "
                                    "2024-01-01T00:00:00Z --stuck 2100 >&3 & echo $!");
    pipe_ = ::popen(command.c_str(), "r");
    ASSERT_NE(pipe_, nullptr);
    char line[200];
    ASSERT_NE(std::fgets(line, sizeof line, pipe_), nullptr);
    pid_ = std::atoi(line);
    ASSERT_NE(std::fgets(line, sizeof line, pipe_), nullptr);
    int port = 0;
    ASSERT_EQ(std::sscanf(line, "ready %d", &port), 1) << line;
    url_ = Cat("http://127.0.0.1:", port);
  }
  static void TearDownTestSuite() {
    if (pid_ > 0) ::kill(pid_, SIGTERM);
    if (pipe_ != nullptr) ::pclose(pipe_);
  }

  std::unique_ptr<ServiceGate> Gate(Service service, const std::string& path) {
    // These services keep no clock of their waits, so none is spent on them.
    const auto advance = [this](const Scope& scope, absl::Duration wait) {
      clock_.Advance(wait);
      return !scope.Done();
    };
    return ServiceGate::Make({.service = service, .urls = {url_ + path}}, http_, clock_, advance).value();
  }
  std::string Get(const std::string& path) { return http_.Get(Soon(), url_ + path).value().body; }

  static FILE* pipe_;
  static int pid_;
  static std::string url_;
  testing::FakeClock clock_;
  const io::HttpClient http_{"gofarm-test"};
};

FILE* UpstreamTest::pipe_ = nullptr;
int UpstreamTest::pid_ = 0;
std::string UpstreamTest::url_;

TEST_F(UpstreamTest, EveryClientGetsWhatItsServiceHas) {
  // The whole index, as a reader of its pages sees it: `since` inclusive, on from the newest time.
  const auto index_gate = Gate(Service::kIndex, "/index");
  IndexClient index(*index_gate);
  std::map<std::string, std::set<std::string>> versions;
  std::string since;
  bool stuck = false;
  for (int pages = 0; pages < 50; ++pages) {
    const IndexPage page = index.Page(Soon(), since).value();
    std::string last;
    for (const absl::string_view line : absl::StrSplit(page.body, '\n', absl::SkipEmpty())) {
      last = FieldOf(line, "Timestamp");
      versions[FieldOf(line, "Path")].insert(FieldOf(line, "Version"));
    }
    if (!page.full) break;
    if (last == since) {
      absl::Time time;
      ASSERT_TRUE(absl::ParseTime(absl::RFC3339_full, since, &time, nullptr));
      last = absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time + absl::Microseconds(1), absl::UTCTimeZone());
      stuck = true;
    }
    since = last;
  }
  EXPECT_TRUE(stuck);
  EXPECT_EQ(index_gate->Status().errors,
            (std::map<std::string, int64_t>{{"bad_answer", 1}, {"http_5xx", 1}, {"unreachable", 1}}));
  ASSERT_TRUE(versions.contains("github.com/BurntSushi/toml"));
  size_t rows = 0, lost = 0;
  for (const auto& [path, known] : versions) {
    rows += known.size();
    lost += absl::StartsWith(path, "example.org/stuck/") ? 1 : 0;
  }
  EXPECT_EQ(lost, 2000u) << "of 2,100 at one time a page holds so many";
  EXPECT_EQ(rows, 6000u + 15 + 2000 + 2);

  // deps.dev: all modules in one batch, in pages, and the projects that they name.
  std::vector<ModuleAtVersion> names;
  for (const auto& [path, known] : versions) {
    if (!absl::StartsWith(path, "example.org/")) names.push_back({path, *known.rbegin()});
  }
  const auto depsdev_gate = Gate(Service::kDepsdev, "/depsdev");
  DepsdevClient depsdev(*depsdev_gate);
  const Answers<DepsdevVersion> version_answers = depsdev.Versions(Soon(), names);
  ASSERT_TRUE(version_answers.status.ok()) << version_answers.status;
  std::vector<std::string> repositories;
  std::vector<GithubName> on_github;
  size_t known = 0;
  for (const Answer<DepsdevVersion>& answer : version_answers.answers) {
    EXPECT_TRUE(answer.answered);
    if (!answer.value) continue;
    ++known;
    if (!answer.value->repository.empty()) repositories.push_back(answer.value->repository);
    if (const auto name = GithubNameOf(answer.value->repository)) on_github.push_back(*name);
  }
  EXPECT_GT(known, names.size() / 2);
  EXPECT_LT(known, names.size());
  const Answers<DepsdevProject> projects = depsdev.Projects(Soon(), repositories);
  ASSERT_TRUE(projects.status.ok()) << projects.status;
  EXPECT_EQ(depsdev_gate->Status().errors, (std::map<std::string, int64_t>{{"rate_limited", 1}}));
  const auto hey = depsdev.Version(Soon(), {"github.com/rakyll/hey", "v0.1.5"}).value();
  EXPECT_EQ(hey->repository, "github.com/rakyll/hey");
  EXPECT_EQ(depsdev.Project(Soon(), "github.com/rakyll/hey").value()->stars, 19600);

  // GitHub: the same repositories, by aliases.
  const auto github_gate = Gate(Service::kGithub, "/github");
  GithubClient github(*github_gate, "upstream-token");
  const RepositoryAnswers repository_answers = github.Repositories(Soon(), on_github);
  ASSERT_TRUE(repository_answers.status.ok()) << repository_answers.status;
  std::map<RepositoryState, int> states;
  const GithubName* renamed = nullptr;
  for (size_t i = 0; i < on_github.size(); ++i) {
    ++states[repository_answers.answers[i].state];
    if (repository_answers.answers[i].renamed) renamed = &on_github[i];
  }
  EXPECT_EQ(states.count(RepositoryState::kNotAnswered), 0u);
  EXPECT_GT(states[RepositoryState::kThere], 100);
  EXPECT_GT(states[RepositoryState::kMissing], 5);
  ASSERT_NE(renamed, nullptr);
  EXPECT_TRUE(github.Repository(Soon(), *renamed).value().renamed);
  const RepositoryAnswer first = github.Repository(Soon(), {"junegunn", "fzf"}).value();
  EXPECT_EQ(github.Repository(Soon(), {"junegunn", "fzf"}, first.etag).value().state, RepositoryState::kNotModified);
  const GithubClient::TopicRepositories tools = github.WithTopic(Soon(), "cli").value();
  EXPECT_GE(tools.repositories.size(), 5u);
  EXPECT_EQ(tools.incomplete, "");
  EXPECT_EQ(github_gate->Status().errors, (std::map<std::string, int64_t>{{"http_5xx", 1}, {"rate_limited", 1}}));

  // pkg.go.dev, and all of them together.
  const auto pkgsite_gate = Gate(Service::kPkgsite, "/pkgsite");
  PkgsiteClient pkgsite(*pkgsite_gate);
  ModuleSources sources{.module = "filippo.io/age"};
  sources.depsdev_version = depsdev.Version(Soon(), {"filippo.io/age", "v1.3.2"}).value();
  sources.github = github.Repository(Soon(), {"FiloSottile", "age"}).value().repository;
  sources.pkgsite_module = pkgsite.Module(Soon(), "filippo.io/age").value();
  sources.pkgsite_versions = pkgsite.Versions(Soon(), "filippo.io/age").value();
  sources.pkgsite_importers = pkgsite.Importers(Soon(), "filippo.io/age").value();
  EXPECT_EQ(pkgsite.Programs(Soon(), "filippo.io/age").value()->size(), 1u);
  EXPECT_FALSE(pkgsite.Module(Soon(), "example.org/none").value());
  const ModuleFacts facts = Merge(sources);
  EXPECT_TRUE(facts.known);
  EXPECT_EQ(facts.url, "https://github.com/FiloSottile/age");
  EXPECT_EQ(facts.license, "BSD-3-Clause");
  EXPECT_EQ(facts.importers, 640);

  // The front of the module proxy: only generated modules, so nothing leaves this machine.
  const auto proxy_gate = Gate(Service::kProxy, "/proxy");
  const goproxy::List list = goproxy::Parse(url_ + "/proxy").value();
  const auto source = service::MakeModuleSource(list, AskThrough(*proxy_gate));
  std::map<service::VersionState, int> found;
  for (size_t i = 0; i < names.size(); ++i) {
    if (!absl::StrContains(names[i].module, "en-o")) continue;
    const service::ModAnswer mod = source->Mod(Soon(), names[i].module, names[i].version);
    ++found[mod.state];
    if (mod.state != service::VersionState::kThere) continue;
    EXPECT_EQ(gomod::ParseGoMod(mod.text)->module, names[i].module);
    const service::ZipAnswer zip = source->Zip(Soon(), names[i].module, names[i].version);
    EXPECT_EQ(zip.state, service::VersionState::kThere) << zip.detail;
    EXPECT_GT(zip.bytes.value_or(0), 100);
  }
  EXPECT_GT(found[service::VersionState::kThere], 150);
  EXPECT_GT(found[service::VersionState::kAbsent], 20);
  EXPECT_GT(found[service::VersionState::kRefused], 1);
  const std::string stats = Get("/stats");
  EXPECT_TRUE(absl::StrContains(stats, "\"rules_broken\": []")) << stats;
  EXPECT_TRUE(absl::StrContains(stats, "\"passed_on\": 0")) << stats;
}

}  // namespace
}  // namespace gofarm::catalog
