// Modules made by this test, served from a local proxy folder, that try to get more than a build: host files, secrets,
// other paths, other people's terminals. A secret stands in the worker's environment and in a file beside the farm.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "common/base/text.h"
#include "common/io/files.h"
#include "tests/e2e/farm_harness.h"

namespace gofarm::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kSecret[] = "s3cr3t-of-this-farm-4711";
constexpr char kMain[] = "package main\\n\\nimport \\x22fmt\\x22\\n\\nfunc main() { fmt.Println(1) }\\n";

class HostileTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    char pattern[] = "/tmp/gofarm-proxy-XXXXXX";
    proxy_ = mkdtemp(pattern);
    std::ofstream(proxy_ + "/secret.txt") << kSecret << "\n";
    farm_ = new Farm(1, {Cat("GOPROXY=file://", proxy_), "GOSUMDB=off", "GONOSUMDB=*", "GOFLAGS=-mod=mod",
                         Cat("GOFARM_TEST_SECRET=", kSecret)});
  }
  static void TearDownTestSuite() {
    delete farm_;
    farm_ = nullptr;
    EXPECT_TRUE(io::RemoveTree(proxy_).ok());
  }

  static void Make(const std::string& module, const std::vector<std::string>& rest) {
    std::vector<std::string> argv = {"python3", Cat(std::getenv("GOFARM_SOURCE_DIR"), "/tests/support/make_module.py"),
                                     proxy_, module, "v1.0.0"};
    argv.insert(argv.end(), rest.begin(), rest.end());
    const CommandResult r = RunCommand(argv);
    ASSERT_EQ(r.exit_code, 0) << r.err;
  }

  // The only job of the module, ended.
  static Json Build(const std::string& module) {
    const CommandResult r =
        farm_->Gofarm({"submit", module + "@v1.0.0", "--target", "x86_64", "--wait", "--output", "json"});
    EXPECT_LE(r.exit_code, 1) << r.err;
    const Json batch(r.out);
    return farm_->Jobs(Number(batch.root(), "id"));
  }
  static simdjson::dom::element Only(const Json& jobs) {
    const std::vector<simdjson::dom::element> all = Items(jobs.root());
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? jobs.root() : all[0];
  }
  static std::string Bytes(simdjson::dom::element job) {
    std::string all;
    for (const simdjson::dom::element e : Items(At(job, "executables"))) {
      const std::string file = farm_->scratch() + "/artifact";
      EXPECT_EQ(farm_->Gofarm({"artifact", "get", Text(e, "sha256"), "-o", file}).exit_code, 0);
      std::ifstream in(file, std::ios::binary);
      std::stringstream text;
      text << in.rdbuf();
      all += text.str();
    }
    return all;
  }

  static std::string proxy_;
  static Farm* farm_;
};
std::string HostileTest::proxy_;
Farm* HostileTest::farm_ = nullptr;

TEST_F(HostileTest, AnHonestModuleFromTheSameProxyIsBuilt) {
  Make("hostile.example/honest", {Cat("main.go=", kMain)});
  const Json jobs = Build("hostile.example/honest");
  EXPECT_EQ(Text(Only(jobs), "state"), "built") << Text(Only(jobs), "failure_detail");
}

TEST_F(HostileTest, IncludingAHostFileFindsNothing) {
  for (const std::string& file : {proxy_ + "/secret.txt", std::string("/etc/shadow"), farm_->dir() + "/farm.json"}) {
    Make("hostile.example/include", {Cat("main.go=package main\\n\\n// #include \\x22", file,
                                         "\\x22\\nimport \\x22C\\x22\\n\\nfunc main() {}\\n")});
    const CommandResult r =
        farm_->Gofarm({"submit", "hostile.example/include@v1.0.0", "--target", "x86_64", "--force", "--wait", "--output", "json"});
    const Json batch(r.out);
    const Json jobs = farm_->Jobs(Number(batch.root(), "id"));
    EXPECT_EQ(Text(Only(jobs), "state"), "failed") << file;
    EXPECT_THAT(Text(Only(jobs), "failure_detail"), HasSubstr("not found")) << file;
    EXPECT_THAT(Text(Only(jobs), "failure_detail"), Not(HasSubstr(kSecret)));
  }
}

TEST_F(HostileTest, IncbinOfTheEnvironmentAndOfHostFilesBringsNoSecret) {
  Make("hostile.example/incbin",
       {"main.go=package main\\n\\n// extern char blob[];\\nimport \\x22C\\x22\\n\\nfunc main() { println(C.blob[0]) }\\n",
        Cat("blob.c=__asm__(\\x22.globl blob\\\\nblob: .incbin \\\\\\x22/proc/self/environ\\\\\\x22\\\\n\\x22);\\n")});
  const Json jobs = Build("hostile.example/incbin");
  const std::string bytes = Bytes(Only(jobs));
  EXPECT_THAT(bytes, Not(HasSubstr(kSecret)));
  EXPECT_THAT(bytes, Not(HasSubstr("GOFARM_TEST_SECRET")));
  Make("hostile.example/incbin2",
       {"main.go=package main\\n\\n// extern char blob[];\\nimport \\x22C\\x22\\n\\nfunc main() { println(C.blob[0]) }\\n",
        Cat("blob.c=__asm__(\\x22.globl blob\\\\nblob: .incbin \\\\\\x22", proxy_, "/secret.txt\\\\\\x22\\\\n\\x22);\\n")});
  const Json second = Build("hostile.example/incbin2");
  EXPECT_EQ(Text(Only(second), "state"), "failed");
}

TEST_F(HostileTest, ControlCharactersOfAnErrorMessageNeverReachATerminal) {
  Make("hostile.example/escape", {"main.go=package main\\n\\n// #error \\x1b[31mred\\x1b[0m\\nimport \\x22C\\x22\\n\\nfunc main() {}\\n"});
  const Json jobs = Build("hostile.example/escape");
  EXPECT_EQ(Text(Only(jobs), "state"), "failed");
  const std::string id = Cat(Number(Only(jobs), "id"));
  for (const std::vector<std::string>& command : {std::vector<std::string>{"job", "log", id}, {"job", "show", id}}) {
    const CommandResult r = farm_->Gofarm(command);
    EXPECT_EQ(r.exit_code, 0) << r.err;
    EXPECT_THAT(r.out + r.err, Not(HasSubstr("\033[31m")));
  }
}

TEST_F(HostileTest, ZipsThatLeaveTheModuleOrLieAreNoSource) {
  Make("hostile.example/traversal", {Cat("main.go=", kMain), "--raw", "../../escaped.txt=x"});
  Make("hostile.example/symlink", {Cat("main.go=", kMain), "--link", "link=/etc/passwd"});
  Make("hostile.example/lies", {Cat("main.go=", kMain), "--lie", "main.go"});
  Make("hostile.example/badmod", {Cat("main.go=", kMain), "go.mod=this is no go.mod\\n"});
  for (const char* name : {"traversal", "lies", "badmod"}) {
    const Json jobs = Build(Cat("hostile.example/", name));
    EXPECT_EQ(Text(Only(jobs), "state"), "failed") << name;
    EXPECT_EQ(Text(Only(jobs), "failure_class"), "source_invalid") << name << ": " << Text(Only(jobs), "failure_detail");
  }
  // A link is either refused or arrives as a plain file; never as a way to the host.
  const Json link = Build("hostile.example/symlink");
  EXPECT_THAT(Text(Only(link), "state"), ::testing::AnyOf("failed", "built"));
}

TEST_F(HostileTest, CgoFlagsThatRunProgramsAreRefused) {
  Make("hostile.example/flags",
       {"main.go=package main\\n\\n// #cgo CFLAGS: -fplugin=/tmp/evil.so\\nimport \\x22C\\x22\\n\\nfunc main() {}\\n"});
  const Json jobs = Build("hostile.example/flags");
  EXPECT_EQ(Text(Only(jobs), "state"), "failed");
  EXPECT_THAT(Text(Only(jobs), "failure_detail"), HasSubstr("invalid flag"));
}

TEST_F(HostileTest, AGoLineBeyondTheToolsetIsTooOldAGo) {
  Make("hostile.example/future", {Cat("main.go=", kMain), "go.mod=module hostile.example/future\\n\\ngo 1.99\\n"});
  const Json jobs = Build("hostile.example/future");
  EXPECT_EQ(Text(Only(jobs), "state"), "failed");
  EXPECT_EQ(Text(Only(jobs), "failure_class"), "go_too_old");
}

TEST_F(HostileTest, ManyLinesOfOutputAreCutInTheMiddleAndTheEndIsKept) {
  std::string main = "main.go=package main\\n\\nfunc main() {\\n";
  for (int i = 0; i < 2000; ++i) main += Cat("\\tundefined", i, "()\\n");
  Make("hostile.example/noise", {main + "}\\n"});
  const Json jobs = Build("hostile.example/noise");
  EXPECT_EQ(Text(Only(jobs), "failure_class"), "compile_error");
  EXPECT_LE(Text(Only(jobs), "failure_detail").size(), 4096u);
}

TEST_F(HostileTest, ANeededLibraryOfTheSystemIsSaidToBeMissing) {
  Make("hostile.example/pkgconfig",
       {"main.go=package main\\n\\n// #cgo pkg-config: libsystemd\\nimport \\x22C\\x22\\n\\nfunc main() {}\\n"});
  const Json jobs = Build("hostile.example/pkgconfig");
  EXPECT_EQ(Text(Only(jobs), "failure_class"), "system_library_missing") << Text(Only(jobs), "failure_detail");
}

}  // namespace
}  // namespace gofarm::testing
