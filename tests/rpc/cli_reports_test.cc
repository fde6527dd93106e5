// The real gofarm program against a farm with a little past: reports, comparisons, drafts, and the live view, which
// gives a terminal back as it was.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gofarm/v1/farm.grpc.pb.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "common/base/text.h"
#include "common/io/fd.h"
#include "common/io/files.h"
#include "common/process/run.h"

namespace gofarm {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

v1::Job JobOf(int64_t id, const std::string& module, v1::Target target, v1::JobState state) {
  v1::Job job;
  job.set_id(id);
  job.set_module(module);
  job.set_version("v1.0.0");
  job.set_target(target);
  job.set_state(state);
  v1::Attempt& attempt = *job.add_attempts();
  attempt.set_token(id);
  attempt.mutable_started_at()->set_unix_micros(1'700'000'000'000'000);
  attempt.mutable_ended_at()->set_unix_micros(1'700'000'060'000'000);
  attempt.mutable_facts()->set_go_version("1.26.8");
  v1::VariantTry& variant = *attempt.add_variants();
  variant.add_argv("go");
  variant.add_environment("CGO_ENABLED=0");
  if (state == v1::JOB_STATE_BUILT) {
    job.add_executables()->set_size(id * 1'000'000);
  } else {
    job.set_failure_class(v1::FAILURE_CLASS_COMPILE_ERROR);
    job.set_failure_detail("m.go:3:1: undefined: x\x1b[2J");
  }
  return job;
}

v1::Batch BatchOf(int64_t id, const std::string& name, v1::BatchState state) {
  v1::Batch batch;
  batch.set_id(id);
  batch.set_name(name);
  batch.set_state(state);
  return batch;
}

// Batch 1: two jobs that are built. Batch 2: one of them fails. Then those that a test adds.
class FarmWithAPast : public v1::Farm::Service {
 public:
  std::vector<v1::Job> first = {JobOf(1, "a.test/m", v1::TARGET_X86_64, v1::JOB_STATE_BUILT),
                                JobOf(2, "a.test/m", v1::TARGET_RISCV64, v1::JOB_STATE_BUILT)};
  std::vector<v1::Job> second = {JobOf(3, "a.test/m", v1::TARGET_X86_64, v1::JOB_STATE_BUILT),
                                 JobOf(4, "a.test/m", v1::TARGET_RISCV64, v1::JOB_STATE_FAILED)};

  std::vector<v1::Batch> later;  // by id
  std::map<int64_t, std::vector<v1::Job>> jobs_of_later;

 private:
  static v1::Batch Nightly(int64_t id) {
    v1::Batch batch = BatchOf(id, "nightly", v1::BATCH_STATE_DONE);
    batch.mutable_jobs()->set_built(id == 1 ? 2 : 1);
    batch.mutable_jobs()->set_failed(id == 1 ? 0 : 1);
    return batch;
  }
  std::vector<v1::Batch> Batches() const {
    std::vector<v1::Batch> all = {Nightly(1), Nightly(2)};
    all.insert(all.end(), later.begin(), later.end());
    return all;
  }
  std::map<int64_t, std::vector<v1::Job>> Jobs() const {
    std::map<int64_t, std::vector<v1::Job>> jobs = jobs_of_later;
    jobs[1] = first;
    jobs[2] = second;
    return jobs;
  }
  grpc::Status GetBatch(grpc::ServerContext*, const v1::BatchRequest* request, v1::Batch* reply) override {
    for (const v1::Batch& batch : Batches()) {
      if (batch.id() != request->id()) continue;
      *reply = batch;
      return grpc::Status::OK;
    }
    return {grpc::StatusCode::NOT_FOUND, "no such batch"};
  }
  grpc::Status ListBatches(grpc::ServerContext*, const v1::ListBatchesRequest* request,
                           grpc::ServerWriter<v1::BatchPage>* writer) override {
    std::vector<v1::Batch> all = Batches();
    std::reverse(all.begin(), all.end());
    v1::BatchPage page;
    for (const v1::Batch& batch : all) {
      if (request->running() && batch.state() != v1::BATCH_STATE_RUNNING) continue;
      if (request->limit() > 0 && page.batches_size() == request->limit()) break;
      *page.add_batches() = batch;
    }
    writer->Write(page);
    return grpc::Status::OK;
  }
  // As a coordinator of 0.1.0, which does not know of `module`.
  grpc::Status ListJobs(grpc::ServerContext*, const v1::ListJobsRequest* request,
                        grpc::ServerWriter<v1::JobPage>* writer) override {
    const std::map<int64_t, std::vector<v1::Job>> all = Jobs();
    if (request->batch_id() != 0 && all.count(request->batch_id()) == 0) {
      return {grpc::StatusCode::NOT_FOUND, "no such batch"};
    }
    for (const auto& [batch, jobs] : all) {
      if (request->batch_id() != 0 && request->batch_id() != batch) continue;
      for (const v1::Job& job : jobs) {  // a page each
        v1::JobPage page;
        *page.add_jobs() = job;
        writer->Write(page);
      }
    }
    return grpc::Status::OK;
  }
  grpc::Status GetJob(grpc::ServerContext*, const v1::JobRequest* request, v1::Job* reply) override {
    for (const auto& [batch, jobs] : Jobs()) {
      for (const v1::Job& job : jobs) {
        if (job.id() == request->id()) *reply = job;
      }
    }
    return grpc::Status::OK;
  }
  grpc::Status ListFailures(grpc::ServerContext*, const v1::ListFailuresRequest*, v1::FailureList* reply) override {
    v1::FailureGroup& group = *reply->add_groups();
    group.set_failure_class(v1::FAILURE_CLASS_COMPILE_ERROR);
    group.set_fingerprint("undefined: <b>x</b>");
    group.set_jobs(1);
    group.set_modules(1);
    group.set_hint("define it");
    v1::FailureExample& example = *group.add_examples();
    example.set_job_id(4);
    example.set_module("a.test/m");
    example.set_version("v1.0.0");
    example.set_target(v1::TARGET_RISCV64);
    reply->set_jobs(1);
    return grpc::Status::OK;
  }
  grpc::Status ListWorkers(grpc::ServerContext*, const v1::ListWorkersRequest*,
                           grpc::ServerWriter<v1::WorkerPage>* writer) override {
    v1::WorkerPage page;
    v1::WorkerRow& worker = *page.add_workers();
    worker.set_name("worker-1");
    worker.set_state(v1::WORKER_STATE_CONNECTED);
    worker.set_slots(2);
    worker.set_free_slots(1);
    v1::RunningJob& running = *worker.add_running();
    running.set_job_id(9);
    running.set_module("a.test/m");
    running.set_version("v1.0.0");
    running.set_target(v1::TARGET_X86_64);
    writer->Write(page);
    return grpc::Status::OK;
  }
  grpc::Status GetFarmStatus(grpc::ServerContext*, const v1::FarmStatusRequest*, v1::FarmStatus* reply) override {
    reply->set_state("running");
    reply->mutable_jobs()->set_built(3);
    return grpc::Status::OK;
  }
};

class CliReportsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/gofarm-reports-XXXXXX";
    top_ = mkdtemp(pattern);
    address_ = "unix:" + top_ + "/s";
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
    builder.RegisterService(&farm_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void TearDown() override {
    server_->Shutdown(std::chrono::system_clock::now());
    EXPECT_TRUE(io::RemoveTree(top_).ok());
  }
  std::string Program() const {
    const char* const bin = std::getenv("GOFARM_BIN_DIR");
    return std::string(bin == nullptr ? "build/bin" : bin) + "/gofarm";
  }
  process::CommandResult Gofarm(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), Program());
    const absl::StatusOr<process::CommandResult> result = process::Run(
        Scope::For(absl::Seconds(60)),
        {.argv = std::move(arguments),
         .environment = process::InheritedWith({{"GOFARM_SERVER", address_}, {"GOFARM_DIR", ""}, {"USER", "ann"}})});
    EXPECT_TRUE(result.ok()) << result.status();
    return result.value_or(process::CommandResult{.exit_code = -1});
  }

  std::string top_;
  std::string address_;
  FarmWithAPast farm_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(CliReportsTest, ADiffSaysWhatGotWorseAndHasItsExitCode) {
  const process::CommandResult worse = Gofarm({"batch", "diff", "1", "2"});
  EXPECT_EQ(worse.exit_code, 1);
  EXPECT_THAT(worse.out, AllOf(HasSubstr("built -> failed compile_error, 1 -> 0 executables"), HasSubstr("1 worse")));
  const process::CommandResult better = Gofarm({"batch", "diff", "2", "1", "--output", "json"});
  EXPECT_EQ(better.exit_code, 0);
  EXPECT_THAT(better.out, AllOf(HasSubstr("\"better\": 1"), HasSubstr("\"smaller\": 1")));
  EXPECT_EQ(Gofarm({"batch", "diff", "2", "2"}).exit_code, 2);
  EXPECT_EQ(Gofarm({"batch", "diff", "2", "9"}).exit_code, 2);
}

TEST_F(CliReportsTest, ABatchIsReportedAsTextJsonAndPage) {
  const process::CommandResult text = Gofarm({"report", "batch", "2"});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, AllOf(HasSubstr("Batch 2 nightly: done"), HasSubstr("50.0 %"), HasSubstr("define it"),
                              HasSubstr("compared with batch 1")));
  const std::string file = top_ + "/page.html";
  const process::CommandResult page = Gofarm({"report", "batch", "2", "--html", file});
  EXPECT_EQ(page.exit_code, 0) << page.err;
  const absl::StatusOr<std::string> html = io::ReadFile(file, 1 << 20);
  ASSERT_TRUE(html.ok()) << html.status();
  EXPECT_THAT(*html, AllOf(HasSubstr("undefined: &lt;b&gt;x&lt;/b&gt;"), HasSubstr("</html>")));
  EXPECT_THAT(Gofarm({"report", "coverage", "--output", "json"}).out,
              AllOf(HasSubstr("\"modules\": 1"), HasSubstr("\"targets\": 1")));
  EXPECT_THAT(Gofarm({"report", "failures"}).out, HasSubstr("4 a.test/m@v1.0.0 riscv64"));
  EXPECT_EQ(Gofarm({"report", "batch", "9"}).exit_code, 2);
  EXPECT_EQ(Gofarm({"report", "batch", "2", "--html", top_ + "/none/x.html"}).exit_code, 2);
}

TEST_F(CliReportsTest, ADraftIsOfWhatFailsNowAndIsSentToNobody) {
  const process::CommandResult draft = Gofarm({"report", "upstream", "a.test/m"});
  EXPECT_EQ(draft.exit_code, 0) << draft.err;
  EXPECT_THAT(draft.out, AllOf(HasSubstr("Title: a.test/m v1.0.0 does not compile"), HasSubstr("### riscv64"),
                               HasSubstr("m.go:3:1: undefined: x\\x1b[2J"), HasSubstr("GOARCH=riscv64")));
  EXPECT_THAT(draft.out, Not(HasSubstr("### x86_64"))) << "it is built";
  EXPECT_THAT(draft.err, HasSubstr("nothing was sent"));
  EXPECT_EQ(Gofarm({"report", "upstream", "other.test/m"}).exit_code, 2);
  farm_.second[1].set_failure_class(v1::FAILURE_CLASS_WORKER_LOST);
  const process::CommandResult ours = Gofarm({"report", "upstream", "a.test/m"});
  EXPECT_EQ(ours.exit_code, 2);
  EXPECT_THAT(ours.err, HasSubstr("no matter for its authors"));
  EXPECT_THAT(ours.out, IsEmpty());
}

TEST_F(CliReportsTest, RebuildsHideNoJobAndNoBatch) {
  v1::Job rebuild = JobOf(5, "a.test/m", v1::TARGET_X86_64, v1::JOB_STATE_FAILED);
  rebuild.set_failure_class(v1::FAILURE_CLASS_TIMEOUT);
  rebuild.set_rebuild_of(3);
  farm_.later = {BatchOf(3, "sampled rebuilds", v1::BATCH_STATE_DONE), BatchOf(4, "weekly", v1::BATCH_STATE_DONE)};
  farm_.jobs_of_later[3] = {rebuild};
  farm_.jobs_of_later[4] = {JobOf(6, "a.test/m", v1::TARGET_RISCV64, v1::JOB_STATE_FAILED)};
  const process::CommandResult draft = Gofarm({"report", "upstream", "a.test/m"});
  EXPECT_EQ(draft.exit_code, 0) << draft.err;
  EXPECT_THAT(draft.out, AllOf(HasSubstr("### riscv64"), Not(HasSubstr("### x86_64")))) << "it is built";
  EXPECT_THAT(Gofarm({"report", "batch", "4"}).out, HasSubstr("compared with batch 2"));

  farm_.jobs_of_later[3][0].set_state(v1::JOB_STATE_QUEUED);
  EXPECT_THAT(Gofarm({"report", "coverage", "--output", "json"}).out,
              AllOf(HasSubstr("\"targets\": 1"), Not(HasSubstr("\"open\": 1"))));
}

TEST_F(CliReportsTest, ABatchThatRunsIsShownHoweverManyNewerOnesEnded) {
  farm_.later = {BatchOf(3, "a large one", v1::BATCH_STATE_RUNNING)};
  for (int id = 4; id < 100; ++id) farm_.later.push_back(BatchOf(id, "a small one", v1::BATCH_STATE_DONE));
  const process::CommandResult top = Gofarm({"top", "--output", "json"});
  EXPECT_EQ(top.exit_code, 0) << top.err;
  EXPECT_THAT(top.out, AllOf(HasSubstr("a large one"), Not(HasSubstr("a small one"))));
}

TEST_F(CliReportsTest, APipeGetsTheFarmOnce) {
  const process::CommandResult top = Gofarm({"top"});
  EXPECT_EQ(top.exit_code, 0) << top.err;
  EXPECT_THAT(top.out, AllOf(HasSubstr("1/2 slots busy"), HasSubstr("a.test/m@v1.0.0"), Not(HasSubstr("\x1b"))));
}

// What `top` wrote to a terminal until it ended, after `end` was typed there (or, empty, it got SIGTERM).
std::string TopOnATerminal(const std::string& program, const std::string& address, const std::string& end,
                           bool& as_before) {
  winsize size{.ws_row = 12, .ws_col = 60, .ws_xpixel = 0, .ws_ypixel = 0};
  std::string words[] = {program, "top"}, entries[] = {"TERM=xterm", "LC_ALL=C.UTF-8", "GOFARM_SERVER=" + address};
  char* const argv[] = {words[0].data(), words[1].data(), nullptr};
  char* const envp[] = {entries[0].data(), entries[1].data(), entries[2].data(), nullptr};
  int terminal = -1;
  char name[256] = "";
  const pid_t pid = forkpty(&terminal, name, nullptr, &size);
  if (pid == 0) {
    execve(argv[0], argv, envp);
    _exit(127);
  }
  const io::Fd ours(open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));  // the terminal outlives its program
  termios before{}, after{};
  tcgetattr(ours.get(), &before);
  std::string screen;
  int step = 0, status = 0;
  bool ended = false;
  const Scope scope = Scope::For(absl::Seconds(30));
  while (!scope.Done()) {
    // Looked at before the last bytes are read.
    ended = ended || waitpid(pid, &status, WNOHANG) == pid;
    pollfd fd{terminal, POLLIN, 0};
    if (poll(&fd, 1, 100) <= 0) {
      if (ended) break;
      continue;
    }
    char buffer[4096];
    const ssize_t n = read(terminal, buffer, sizeof buffer);
    if (n <= 0) break;
    screen.append(buffer, static_cast<size_t>(n));
    if (step == 0 && screen.find("worker-1") != std::string::npos) {
      size.ws_row = 3;
      ioctl(terminal, TIOCSWINSZ, &size);
      step = 1;
    } else if (step == 1 && screen.find("\x1b[2J", screen.find("worker-1")) != std::string::npos) {
      if (end.empty()) {
        kill(pid, SIGTERM);
      } else {
        EXPECT_EQ(write(terminal, end.data(), end.size()), static_cast<ssize_t>(end.size()));
      }
      step = 2;
    }
  }
  if (!ended) {
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
  }
  tcgetattr(ours.get(), &after);
  as_before = before.c_lflag == after.c_lflag && before.c_cc[VSUSP] == after.c_cc[VSUSP];
  close(terminal);
  EXPECT_TRUE(WIFEXITED(status)) << status;
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(step, 2) << "it drew, and drew anew when the window changed";
  return screen;
}

TEST_F(CliReportsTest, TheLiveViewGivesTheTerminalBackHoweverItEnds) {
  for (const std::string end : {"q", "\x03", ""}) {
    bool as_before = false;
    const std::string screen = TopOnATerminal(Program(), address_, end, as_before);
    EXPECT_TRUE(as_before) << end;
    EXPECT_THAT(screen, HasSubstr("\x1b[?1049h\x1b[?25l"));
    EXPECT_THAT(screen, ::testing::EndsWith("\x1b[?25h\x1b[?1049l")) << end;
    const size_t small = screen.rfind("\x1b[2J");  // the first picture of the window that became three rows high
    const std::string picture = screen.substr(small, screen.find("\x1b[J", small) - small);
    EXPECT_LE(std::count(picture.begin(), picture.end(), '\n'), 2) << "it would scroll: " << picture;
  }
}

}  // namespace
}  // namespace gofarm
