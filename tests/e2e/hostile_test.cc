// Modules made by this test, served from a local proxy folder, that try to get more than a build: host files, secrets,
// other paths, other people's terminals. A secret stands in the worker's environment and in a file beside the farm.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <utility>

#include "common/base/text.h"
#include "tests/e2e/farm_harness.h"

namespace gofarm::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kSecret[] = "s3cr3t-of-this-farm-4711";
constexpr char kMain[] = "package main\\n\\nimport \\x22fmt\\x22\\n\\nfunc main() { fmt.Println(1) }\\n";

class HostileTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    proxy_ = new LocalProxy;
    std::ofstream(proxy_->folder() + "/secret.txt") << kSecret << "\n";
    std::vector<std::string> environment = proxy_->Environment("hostile.example");
    environment.push_back(Cat("GOFARM_TEST_SECRET=", kSecret));
    farm_ = new Farm(1, environment);
  }
  static void TearDownTestSuite() {
    delete farm_;
    farm_ = nullptr;
    delete proxy_;
  }

  // Makes hostile.example/NAME and builds it: its only job, ended.
  static Json Build(const std::string& name, const std::vector<std::string>& files) {
    const std::string module = proxy_->Add("hostile.example/" + name, files);
    const CommandResult r = farm_->Gofarm({"submit", module, "--target", "x86_64", "--wait", "--output", "json"});
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

  static LocalProxy* proxy_;
  static Farm* farm_;
};
LocalProxy* HostileTest::proxy_ = nullptr;
Farm* HostileTest::farm_ = nullptr;

TEST_F(HostileTest, AnHonestModuleFromTheSameProxyIsBuilt) {
  const Json jobs = Build("honest", {Cat("main.go=", kMain)});
  EXPECT_EQ(Text(Only(jobs), "state"), "built") << Text(Only(jobs), "failure_detail");
}

TEST_F(HostileTest, IncludingAHostFileFindsNothing) {
  const auto including = [](const std::string& file) {
    return std::vector<std::string>{
        Cat("main.go=package main\\n\\n// #include \\x22", file, "\\x22\\nimport \\x22C\\x22\\n\\nfunc main() {}\\n"),
        "own.h=\\n"};
  };
  const Json control = Build("include", including("own.h"));
  EXPECT_EQ(Text(Only(control), "state"), "built") << Text(Only(control), "failure_detail");
  for (const std::string& file :
       {proxy_->folder() + "/secret.txt", std::string("/etc/shadow"), farm_->dir() + "/farm.json"}) {
    const Json jobs = Build("include", including(file));
    EXPECT_EQ(Text(Only(jobs), "state"), "failed") << file;
    EXPECT_THAT(Text(Only(jobs), "failure_detail"), AllOf(HasSubstr(file), HasSubstr("not found")));
    EXPECT_THAT(Text(Only(jobs), "failure_detail"), Not(HasSubstr(kSecret)));
  }
}

// A program that carries a file of the machine it was built on.
std::vector<std::string> Carrying(const std::string& file) {
  return {"main.go=package main\\n\\n// extern char blob;\\nimport \\x22C\\x22\\n\\nfunc main() { println(C.blob) }\\n",
          Cat("blob.c=__asm__(\\x22.globl blob\\\\nblob: .incbin \\\\\\x22", file, "\\\\\\x22\\\\n .byte 0\\x22);\\n")};
}

TEST_F(HostileTest, IncbinOfAFileOfTheHostFindsTheSandboxsOwnOrNothing) {
  // Control: it works, and what it finds is the file that was made for the build.
  const Json own = Build("incbin", Carrying("/etc/passwd"));
  EXPECT_EQ(Text(Only(own), "state"), "built") << Text(Only(own), "failure_detail");
  const std::string bytes = Bytes(Only(own));
  EXPECT_NE(bytes.find("build:x:1000:1000::/job/home:/nonexistent"), std::string::npos);
  EXPECT_EQ(bytes.find("root:x:0:"), std::string::npos);

  for (const std::string& file :
       {proxy_->folder() + "/secret.txt", farm_->dir() + "/farm.json", std::string("/etc/shadow")}) {
    const Json jobs = Build("incbin", Carrying(file));
    EXPECT_EQ(Text(Only(jobs), "state"), "failed") << file;
    EXPECT_EQ(Text(Only(jobs), "failure_class"), "compile_error") << file;
    EXPECT_THAT(Text(Only(jobs), "failure_detail"), HasSubstr("Could not find incbin file")) << file;
  }
}

std::string ProcFile(int pid, const std::string& name) {
  std::ifstream in(Cat("/proc/", pid, "/", name));
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}
std::string NamespaceOf(int pid, const std::string& kind) {
  char link[64] = {};
  const ssize_t n = readlink(Cat("/proc/", pid, "/ns/", kind).c_str(), link, sizeof link - 1);
  return n < 0 ? "" : link;
}

TEST_F(HostileTest, TheProcessesOfARealBuildHaveNoRightsNoNetworkAndNoSecret) {
  const std::string slow = proxy_->AddSlow("hostile.example/slow", 6000);
  const int64_t batch = farm_->Submit({slow, "--target", "x86_64"});
  const int worker = farm_->WorkerPid();
  EXPECT_THAT(ProcFile(worker, "environ"), HasSubstr(kSecret)) << "control: the worker has it";
  std::map<int, std::string> status, environment, network;
  EXPECT_TRUE(farm_->WaitUntil(
      [&] {
        for (const int pid : TreeOf(worker)) {
          const std::string command = ProcFile(pid, "cmdline");
          if (command.rfind("/zig/", 0) != 0 && command.rfind("/go/", 0) != 0) continue;
          const std::string all = ProcFile(pid, "status");
          if (all.find("\nUid:") == std::string::npos) continue;  // gone since
          network[pid] = NamespaceOf(pid, "net");
          environment[pid] = ProcFile(pid, "environ");
          status[pid] = all;
        }
        return status.size() >= 2;
      },
      absl::Minutes(5)));
  farm_->Gofarm({"batch", "cancel", Cat(batch)});
  const std::string workers_network = NamespaceOf(worker, "net");
  ASSERT_FALSE(workers_network.empty());
  int looked_at = 0;
  for (const auto& [pid, text] : status) {
    if (environment[pid].empty() || network[pid].empty()) continue;  // ended while it was looked at
    ++looked_at;
    const size_t uids = text.find("\nUid:\t") + 5;
    EXPECT_EQ(text.substr(uids, text.find('\n', uids) - uids).find("\t0"), std::string::npos) << text;
    EXPECT_THAT(text,
                AllOf(HasSubstr("CapPrm:\t0000000000000000"), HasSubstr("CapEff:\t0000000000000000"),
                      HasSubstr("CapBnd:\t0000000000000000"), HasSubstr("NoNewPrivs:\t1"), HasSubstr("Seccomp:\t2")));
    EXPECT_NE(network[pid], workers_network);
    EXPECT_THAT(environment[pid], AllOf(HasSubstr("GOPROXY="), HasSubstr("HOME=/job/home")));
    EXPECT_EQ(environment[pid].find(kSecret), std::string::npos);
    EXPECT_EQ(environment[pid].find(farm_->scratch()), std::string::npos) << "no path of the farm either";
  }
  EXPECT_GE(looked_at, 1);
}

TEST_F(HostileTest, ControlCharactersOfAnErrorMessageNeverReachATerminal) {
  const Json jobs =
      Build("escape",
            {"main.go=package main\\n\\n// #error \\x1b[31mred\\x1b[0m\\nimport \\x22C\\x22\\n\\nfunc main() {}\\n"});
  EXPECT_EQ(Text(Only(jobs), "state"), "failed");
  const std::string id = Cat(Number(Only(jobs), "id"));
  for (const std::vector<std::string>& command : {std::vector<std::string>{"job", "log", id}, {"job", "show", id}}) {
    const CommandResult r = farm_->Gofarm(command);
    EXPECT_EQ(r.exit_code, 0) << r.err;
    EXPECT_THAT(r.out + r.err, Not(HasSubstr("\033[31m")));
  }
}

TEST_F(HostileTest, ZipsThatLeaveTheModuleOrLieAreNoSource) {
  const std::pair<std::string, std::vector<std::string>> cases[] = {
      {"traversal", {Cat("main.go=", kMain), "--raw", "../../escaped.txt=x"}},
      {"lies", {Cat("main.go=", kMain), "--lie", "main.go"}},
      {"badmod", {Cat("main.go=", kMain), "go.mod=this is no go.mod\\n"}},
  };
  for (const auto& [name, files] : cases) {
    const Json jobs = Build(name, files);
    EXPECT_EQ(Text(Only(jobs), "state"), "failed") << name;
    EXPECT_EQ(Text(Only(jobs), "failure_class"), "source_invalid")
        << name << ": " << Text(Only(jobs), "failure_detail");
  }
}

TEST_F(HostileTest, ALinkInAZipIsAPlainFileThatSaysWhereItPointed) {
  const std::string secret = proxy_->folder() + "/secret.txt";
  const Json jobs =
      Build("link", {"main.go=package main\\n\\nimport _ \\x22embed\\x22\\n\\n//go:embed link\\nvar link string\\n\\n"
                     "func main() { println(link) }\\n",
                     "--link", Cat("link=", secret)});
  EXPECT_EQ(Text(Only(jobs), "state"), "built") << Text(Only(jobs), "failure_detail");
  const std::string bytes = Bytes(Only(jobs));
  EXPECT_NE(bytes.find(secret), std::string::npos);
  EXPECT_EQ(bytes.find(kSecret), std::string::npos);
}

TEST_F(HostileTest, CgoFlagsThatRunProgramsAreRefused) {
  const Json jobs = Build(
      "flags",
      {"main.go=package main\\n\\n// #cgo CFLAGS: -fplugin=/tmp/evil.so\\nimport \\x22C\\x22\\n\\nfunc main() {}\\n"});
  EXPECT_EQ(Text(Only(jobs), "state"), "failed");
  EXPECT_THAT(Text(Only(jobs), "failure_detail"), HasSubstr("invalid flag"));
}

TEST_F(HostileTest, AGoLineBeyondTheToolsetIsTooOldAGo) {
  const Json jobs = Build("future", {Cat("main.go=", kMain), "go.mod=module hostile.example/future\\n\\ngo 1.99\\n"});
  EXPECT_EQ(Text(Only(jobs), "state"), "failed");
  EXPECT_EQ(Text(Only(jobs), "failure_class"), "go_too_old");
}

TEST_F(HostileTest, ManyLinesOfOutputAreCutInTheMiddleAndTheEndIsKept) {
  std::string main = "main.go=package main\\n\\nfunc main() {\\n";
  for (int i = 0; i < 2000; ++i) main += Cat("\\tundefined", i, "()\\n");
  const Json jobs = Build("noise", {main + "}\\n"});
  EXPECT_EQ(Text(Only(jobs), "failure_class"), "compile_error");
  EXPECT_LE(Text(Only(jobs), "failure_detail").size(), 4096u);
}

TEST_F(HostileTest, ANeededLibraryOfTheSystemIsSaidToBeMissing) {
  const Json jobs =
      Build("pkgconfig",
            {"main.go=package main\\n\\n// #cgo pkg-config: libsystemd\\nimport \\x22C\\x22\\n\\nfunc main() {}\\n"});
  EXPECT_EQ(Text(Only(jobs), "failure_class"), "system_library_missing") << Text(Only(jobs), "failure_detail");
}

}  // namespace
}  // namespace gofarm::testing
