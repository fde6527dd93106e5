// The outside services of a catalog (tests/support/upstream.py) in a process of their own, as long as the object lives.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "common/base/text.h"
#include "tests/e2e/farm_harness.h"

namespace gofarm::testing {

inline constexpr char kUpstreamToken[] = "upstream-token";  // that its GitHub accepts

class Services {
 public:
  // `table`: of the corpus; `world`: further words for upstream.py.
  Services(const std::string& table, const std::vector<std::string>& world) {
    std::vector<std::string> argv = {"python3", Cat(std::getenv("GOFARM_SOURCE_DIR"), "/tests/support/upstream.py"),
                                     "--table", table,
                                     "--token", kUpstreamToken};
    argv.insert(argv.end(), world.begin(), world.end());
    std::vector<char*> args;
    for (std::string& a : argv) args.push_back(a.data());
    args.push_back(nullptr);
    int out[2];
    if (pipe2(out, O_CLOEXEC) != 0) return;
    pid_ = fork();
    if (pid_ == 0) {
      dup2(out[1], 1);
      execvp(args[0], args.data());
      _exit(127);
    }
    close(out[1]);
    const std::unique_ptr<FILE, int (*)(FILE*)> from(fdopen(out[0], "r"), fclose);
    int port = 0;
    EXPECT_EQ(std::fscanf(from.get(), "ready %d", &port), 1);
    url_ = Cat("http://127.0.0.1:", port);
  }
  ~Services() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;

  const std::string& url() const { return url_; }
  // What a farm's environment has to say, so that it asks nobody else.
  std::vector<std::string> Environment() const {
    return {Cat("GOPROXY=", url_, "/proxy"),
            "GOSUMDB=off",
            Cat("GOFARM_CATALOG_INDEX_URL=", url_, "/index"),
            Cat("GOFARM_CATALOG_DEPSDEV_URL=", url_, "/depsdev"),
            Cat("GOFARM_CATALOG_GITHUB_URL=", url_, "/github"),
            Cat("GOFARM_CATALOG_PKGSITE_URL=", url_, "/pkgsite"),
            "GOFARM_CATALOG_ELIGIBLE_SINCE=2024-01-01T00:00:00Z",
            "GOFARM_CATALOG_INDEX_SINCE=2019-04-10T00:00:00Z",
            "GOFARM_CATALOG_ABSENT_AGAIN=1s"};
  }
  // A version that the index tells from now on; `request`: the JSON that upstream.py describes.
  void Publish(const std::string& request) const {
    const CommandResult done = RunCommand({"curl", "-sf", "--data-binary", request, Cat(url_, "/control/publish")});
    EXPECT_EQ(done.exit_code, 0) << done.out << done.err;
  }
  Json Get(const std::string& what) const { return Json(RunCommand({"curl", "-sf", Cat(url_, "/", what)}).out); }

 private:
  pid_t pid_ = -1;
  std::string url_;
};

}  // namespace gofarm::testing
