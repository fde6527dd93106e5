// The real gofarm program against a farm that answers what the test wants: exit codes, what is printed where, and what
// happens when answers get lost.
#include <gmock/gmock.h>
#include <gofarm/v1/catalog.grpc.pb.h>
#include <gofarm/v1/farm.grpc.pb.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <simdjson.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <fstream>
#include <mutex>
#include <sstream>
#include <variant>

#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/process/run.h"
#include "tests/support/raw_http_server.h"

namespace gofarm {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

v1::Batch BatchWith(int64_t built, int64_t failed, int64_t running) {
  v1::Batch batch;
  batch.set_id(7);
  batch.set_state(running > 0 ? v1::BATCH_STATE_RUNNING : v1::BATCH_STATE_DONE);
  batch.mutable_created_at()->set_unix_micros(1'700'000'000'000'000);
  batch.mutable_jobs()->set_built(built);
  batch.mutable_jobs()->set_failed(failed);
  batch.mutable_jobs()->set_running(running);
  return batch;
}

// A job's state, or a phase of its attempt.
using Step = std::variant<v1::JobState, v1::Phase>;

v1::JobEvent Event(Step step) {
  v1::JobEvent event;
  event.set_job_id(81);
  event.set_module("a.test/m");
  event.set_version("v1.0.0");
  event.set_target(v1::TARGET_X86_64);
  if (const auto* state = std::get_if<v1::JobState>(&step)) event.set_state(*state);
  if (const auto* phase = std::get_if<v1::Phase>(&step)) event.set_phase(*phase);
  return event;
}

class FakeFarm : public v1::Farm::Service {
 public:
  // What the next calls get; OK when empty.
  std::deque<grpc::Status> failures;
  // One stream each: its updates, then its status; the last one is repeated.
  struct Stream {
    std::vector<v1::BatchUpdate> updates;
    grpc::Status status;
    bool hang = false;
  };
  std::deque<Stream> streams;
  v1::Batch batch = BatchWith(1, 0, 0);
  std::vector<v1::ArtifactRow> artifacts;
  std::string blob;
  size_t cut_download_at = 0;

  std::vector<std::string> request_ids;
  std::vector<v1::SubmitChunk> chunks;
  std::vector<int64_t> offsets;
  int cancelled = 0;
  int watches = 0;

 private:
  grpc::Status Next() {
    const std::lock_guard lock(mutex_);
    if (failures.empty()) return grpc::Status::OK;
    const grpc::Status status = failures.front();
    failures.pop_front();
    return status;
  }
  grpc::Status Submit(grpc::ServerContext*, grpc::ServerReader<v1::SubmitChunk>* reader,
                      v1::SubmitReply* reply) override {
    v1::SubmitChunk chunk;
    while (reader->Read(&chunk)) {
      if (chunk.has_header()) request_ids.push_back(chunk.header().request_id());
      chunks.push_back(chunk);
    }
    *reply->mutable_batch() = batch;
    reply->add_warnings("the proxy did not answer for a.test/m");
    return Next();
  }
  grpc::Status GetBatch(grpc::ServerContext*, const v1::BatchRequest*, v1::Batch* reply) override {
    const std::lock_guard lock(mutex_);
    *reply = batch;
    if (failures.empty()) return grpc::Status::OK;
    const grpc::Status status = failures.front();
    failures.pop_front();
    return status;
  }
  grpc::Status CancelBatch(grpc::ServerContext*, const v1::BatchRequest*, v1::Batch* reply) override {
    ++cancelled;
    *reply = batch;
    return Next();
  }
  grpc::Status ListBatches(grpc::ServerContext*, const v1::ListBatchesRequest*,
                           grpc::ServerWriter<v1::BatchPage>* writer) override {
    v1::BatchPage page;
    *page.add_batches() = batch;
    writer->Write(page);
    writer->Write(page);
    return Next();
  }
  grpc::Status WatchBatch(grpc::ServerContext* context, const v1::BatchRequest*,
                          grpc::ServerWriter<v1::BatchUpdate>* writer) override {
    Stream stream;
    {
      const std::lock_guard lock(mutex_);
      ++watches;
      stream = streams.front();
      if (streams.size() > 1) streams.pop_front();
    }
    for (const v1::BatchUpdate& update : stream.updates) {
      {
        const std::lock_guard lock(mutex_);
        batch = update.batch();
      }
      writer->Write(update);
    }
    while (stream.hang && !context->IsCancelled()) absl::SleepFor(absl::Milliseconds(10));
    return stream.status;
  }
  grpc::Status GetJob(grpc::ServerContext*, const v1::JobRequest* request, v1::Job* job) override {
    job->set_id(request->id());
    job->set_module("a.test/m");
    job->set_version("v1.0.0");
    job->set_target(v1::TARGET_X86_64);
    job->set_state(v1::JOB_STATE_BUILT);
    return Next();
  }
  grpc::Status ListJobs(grpc::ServerContext*, const v1::ListJobsRequest*, grpc::ServerWriter<v1::JobPage>*) override {
    return Next();
  }
  grpc::Status ListArtifacts(grpc::ServerContext*, const v1::ListArtifactsRequest*,
                             grpc::ServerWriter<v1::ArtifactPage>* writer) override {
    v1::ArtifactPage page;
    for (const v1::ArtifactRow& row : artifacts) *page.add_artifacts() = row;
    writer->Write(page);
    return Next();
  }
  grpc::Status Download(grpc::ServerContext*, const v1::DownloadRequest* request,
                        grpc::ServerWriter<v1::BlobData>* writer) override {
    offsets.push_back(request->offset());
    const std::string rest = blob.substr(static_cast<size_t>(request->offset()));
    const bool cut = cut_download_at > 0 && rest.size() > cut_download_at;
    v1::BlobData data;
    data.set_total_size(static_cast<int64_t>(blob.size()));
    data.set_data(cut ? rest.substr(0, cut_download_at) : rest);
    writer->Write(data);
    return cut ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "cut") : grpc::Status::OK;
  }

  std::mutex mutex_;
};

class FakeCatalog : public v1::Catalog::Service {
 public:
  std::string origin, list, topic;
  std::vector<std::string> documents;
  grpc::Status status;

 private:
  grpc::Status ImportList(grpc::ServerContext*, grpc::ServerReader<v1::ImportChunk>* reader,
                          v1::CatalogDocument* reply) override {
    v1::ImportChunk chunk;
    while (reader->Read(&chunk)) {
      if (chunk.has_header()) origin = chunk.header().origin();
      if (chunk.has_data()) list += chunk.data();
    }
    reply->set_json(documents.at(0));
    return status;
  }
  grpc::Status ImportTopic(grpc::ServerContext*, const v1::ImportTopicRequest* request,
                           grpc::ServerWriter<v1::CatalogDocument>* writer) override {
    topic = request->topic();
    v1::CatalogDocument document;
    for (const std::string& json : documents) {
      document.set_json(json);
      writer->Write(document);
    }
    return status;
  }
};

class CliVerbsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/gofarm-cli-XXXXXX";
    top_ = mkdtemp(pattern);
    address_ = "unix:" + top_ + "/s";
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
    builder.RegisterService(&farm_);
    builder.RegisterService(&catalog_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void TearDown() override {
    server_->Shutdown(std::chrono::system_clock::now());
    EXPECT_TRUE(io::RemoveTree(top_).ok());
  }
  process::Command Command(std::vector<std::string> arguments) const {
    const char* const bin = std::getenv("GOFARM_BIN_DIR");
    arguments.insert(arguments.begin(), std::string(bin == nullptr ? "build/bin" : bin) + "/gofarm");
    return {.argv = std::move(arguments),
            .environment = {{"GOFARM_SERVER", address_}, {"GOFARM_DIR", ""}, {"USER", "ann"}}};
  }
  process::CommandResult Gofarm(std::vector<std::string> arguments) const {
    process::Command command = Command(std::move(arguments));
    command.environment = process::InheritedWith(command.environment);
    const absl::StatusOr<process::CommandResult> result = process::Run(Scope::For(absl::Seconds(60)), command);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.value_or(process::CommandResult{.exit_code = -1});
  }
  static bool IsOneDocument(const std::string& text) {
    simdjson::dom::parser parser;
    return parser.parse(text).error() == simdjson::SUCCESS;
  }
  void StreamOf(std::vector<std::pair<v1::Batch, std::vector<Step>>> steps, grpc::Status status = grpc::Status::OK,
                bool hang = false) {
    FakeFarm::Stream stream{.status = std::move(status), .hang = hang};
    for (const auto& [batch, events] : steps) {
      v1::BatchUpdate& update = stream.updates.emplace_back();
      *update.mutable_batch() = batch;
      for (const Step& step : events) *update.add_events() = Event(step);
    }
    farm_.streams.push_back(std::move(stream));
  }

  std::string top_;
  std::string address_;
  FakeFarm farm_;
  FakeCatalog catalog_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(CliVerbsTest, EachKindOfErrorHasItsExitCodeAndIsToldOnStderr) {
  farm_.failures = {{grpc::StatusCode::NOT_FOUND, "no batch 999999"}};
  process::CommandResult r = Gofarm({"batch", "show", "999999"});
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_THAT(r.err, HasSubstr("999999"));
  EXPECT_EQ(r.out, "");
  farm_.failures = {{grpc::StatusCode::INTERNAL, "the disk burns"}};
  r = Gofarm({"batch", "show", "7", "--output", "json"});
  EXPECT_EQ(r.exit_code, 4);
  EXPECT_THAT(r.err, HasSubstr("the disk burns"));
  EXPECT_EQ(r.out, "");
}

TEST_F(CliVerbsTest, AListOnTheWebIsFetchedHereAndNamedByItsAddressWithoutSecrets) {
  testing::RawHttpServer web([](const auto&, auto& peer) { return peer.Answer(200, "", "github.com/o/r\n"); });
  catalog_.documents = {R"({"items":1,"modules":1,"origin":"x"})"};
  const process::CommandResult r = Gofarm({"catalog", "import", web.url() + "/list.txt?key=secret"});
  EXPECT_EQ(r.exit_code, 0) << r.err;
  EXPECT_EQ(catalog_.list, "github.com/o/r\n");
  EXPECT_EQ(catalog_.origin, web.url() + "/list.txt");
  EXPECT_THAT(r.out, HasSubstr("1 entries of x: 1 modules"));
}

TEST_F(CliVerbsTest, ATopicsLastResultCountsAndWhatIsMissingIsSaid) {
  catalog_.documents = {R"({"items":100,"searches":1,"origin":"github-topic:cli"})",
                        R"({"items":2000,"modules":7,"repositories":1993,"searches":5,"complete":false,)"
                        R"("detail":"GitHub gave up","origin":"github-topic:cli"})"};
  process::CommandResult r = Gofarm({"catalog", "import", "--github-topic", "cli"});
  EXPECT_EQ(r.exit_code, 0) << r.err;
  EXPECT_EQ(catalog_.topic, "cli");
  EXPECT_THAT(r.out, AllOf(HasSubstr("2000 entries of github-topic:cli"), HasSubstr("5 searches"), HasSubstr("1,000"),
                           HasSubstr("not all of it: GitHub gave up")));
  r = Gofarm({"catalog", "import", "--github-topic", "cli", "--output", "json"});
  EXPECT_EQ(r.out, catalog_.documents[1]) << "one document";
  catalog_.status = {grpc::StatusCode::INVALID_ARGUMENT, "no topic"};
  EXPECT_EQ(Gofarm({"catalog", "import", "--github-topic", "CLI!"}).exit_code, 2);
  EXPECT_EQ(Gofarm({"catalog", "import"}).exit_code, 2);
  EXPECT_EQ(Gofarm({"catalog", "import", "x", "--github-topic", "cli"}).exit_code, 2);
}

TEST_F(CliVerbsTest, EveryLineOfARefusalIsPrintedAndEscaped) {
  farm_.failures = {{grpc::StatusCode::INVALID_ARGUMENT, "line 1: unknown version\nline 9: bad\x1b[31m"}};
  const process::CommandResult r = Gofarm({"submit", "a.test/m@v1.0.0"});
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_THAT(r.err, AllOf(HasSubstr("gofarm: line 1: unknown version\n"), HasSubstr("gofarm: line 9: bad"),
                           Not(HasSubstr("\x1b"))));
}

TEST_F(CliVerbsTest, AnUnreachableFarmIsToldWithinTwoSecondsWithWhatToDo) {
  server_->Shutdown(std::chrono::system_clock::now());
  const absl::Time began = absl::Now();
  const process::CommandResult r = Gofarm({"batch", "list"});
  EXPECT_EQ(r.exit_code, 3);
  EXPECT_THAT(r.err, AllOf(HasSubstr("gofarm up"), HasSubstr("--server"), HasSubstr(address_)));
  EXPECT_LT(absl::Now() - began, absl::Seconds(3));
}

TEST_F(CliVerbsTest, ACoordinatorThatIsBusyForAMomentIsAskedAgain) {
  farm_.failures = {{grpc::StatusCode::UNAVAILABLE, "restarting"}, {grpc::StatusCode::UNAVAILABLE, "restarting"}};
  const process::CommandResult r = Gofarm({"batch", "list", "--output", "json"});
  EXPECT_EQ(r.exit_code, 0) << r.err;
  EXPECT_TRUE(IsOneDocument(r.out)) << r.out;
}

TEST_F(CliVerbsTest, OptionsMayStandBetweenModulesAndTakeOneValueEach) {
  const process::CommandResult r =
      Gofarm({"submit", "--target", "x86_64", "a.test/m@v1.0.0", "--target", "riscv64", "b.test/n", "--output", "json",
              "--force", "--label", "zone=b", "--label", "rack=7"});
  EXPECT_EQ(r.exit_code, 0) << r.err;
  ASSERT_EQ(farm_.chunks.size(), 2u);
  const v1::SubmitChunk::Header& header = farm_.chunks[0].header();
  EXPECT_THAT(header.targets(), ElementsAre(v1::TARGET_X86_64, v1::TARGET_RISCV64));
  EXPECT_TRUE(header.force());
  EXPECT_EQ(header.labels().size(), 2u);
  EXPECT_EQ(header.labels().at("zone"), "b");
  EXPECT_EQ(header.submitter(), "ann");
  ASSERT_EQ(farm_.chunks[1].entries().entries_size(), 2);
  EXPECT_EQ(farm_.chunks[1].entries().entries(1).module(), "b.test/n");
  EXPECT_TRUE(IsOneDocument(r.out)) << r.out;
  EXPECT_THAT(r.err, HasSubstr("warning: the proxy did not answer"));
}

TEST_F(CliVerbsTest, ASubmissionWhoseAnswerIsLostKeepsItsRequestId) {
  farm_.failures = {{grpc::StatusCode::UNAVAILABLE, "gone before the answer"}};
  EXPECT_EQ(Gofarm({"submit", "a.test/m"}).exit_code, 0);
  ASSERT_EQ(farm_.request_ids.size(), 2u);
  EXPECT_EQ(farm_.request_ids[0], farm_.request_ids[1]);
  EXPECT_FALSE(farm_.request_ids[0].empty());
}

TEST_F(CliVerbsTest, WhatIsWrongByItselfNeedsNoFarm) {
  server_->Shutdown(std::chrono::system_clock::now());
  std::ofstream(top_ + "/list") << "a.test/m\nGitHub.com/x/y\n";
  process::CommandResult r = Gofarm({"submit", "--file", top_ + "/list"});
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_THAT(r.err, HasSubstr("line 2:"));
  r = Gofarm({"submit", "a.test/m", "--target", "sparc"});
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_THAT(r.err, HasSubstr("sparc"));
  r = Gofarm({"submit", "--file", "/dev/null"});
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_THAT(r.err, HasSubstr("names no modules"));
  r = Gofarm({"submit", "--flavour", "x", "a.test/m"});
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_THAT(r.err, HasSubstr("--flavour"));
  r = Gofarm({"artifact", "get", "123", "-o", top_ + "/f"});
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_THAT(r.err, HasSubstr("123"));
  EXPECT_EQ(Gofarm({"batch", "retry", "7"}).exit_code, 2);
  EXPECT_EQ(Gofarm({}).exit_code, 2);
  EXPECT_EQ(Gofarm({"--help"}).exit_code, 0);
  EXPECT_EQ(Gofarm({"--version"}).out, Gofarm({"version"}).out);
}

TEST_F(CliVerbsTest, WaitPrintsEveryStepAndOnlyTheBatchOnStdout) {
  StreamOf({{BatchWith(0, 0, 1), {v1::JOB_STATE_QUEUED}},
            {BatchWith(0, 0, 1), {v1::PHASE_FETCH, v1::PHASE_BUILD}},
            {BatchWith(1, 0, 0), {v1::JOB_STATE_BUILT}}});
  const process::CommandResult r = Gofarm({"submit", "a.test/m", "--wait", "--output", "json"});
  EXPECT_EQ(r.exit_code, 0) << r.err;
  EXPECT_TRUE(IsOneDocument(r.out)) << r.out;
  EXPECT_THAT(r.out, HasSubstr("\"built\": 1"));
  for (const char* step : {"queued", "fetch", "build", "built"}) EXPECT_THAT(r.err, HasSubstr(Cat("x86_64: ", step)));
  EXPECT_THAT(r.err, Not(HasSubstr("x86_64: check"))) << "nobody reported it";
}

TEST_F(CliVerbsTest, AFailedJobMakesExitCodeOne) {
  StreamOf({{BatchWith(1, 1, 0), {v1::JOB_STATE_FAILED}}});
  EXPECT_EQ(Gofarm({"batch", "watch", "7"}).exit_code, 1);
}

TEST_F(CliVerbsTest, AWatchComesBackWhenItsStreamIsCut) {
  StreamOf({{BatchWith(0, 0, 1), {v1::JOB_STATE_QUEUED}}}, {grpc::StatusCode::UNAVAILABLE, "killed"});
  // An orderly stop in the middle. A new stream begins with what is known.
  StreamOf({{BatchWith(0, 0, 1), {v1::JOB_STATE_QUEUED, v1::PHASE_FETCH}}}, grpc::Status::OK);
  StreamOf({{BatchWith(1, 0, 0), {v1::JOB_STATE_BUILT}}});
  const process::CommandResult r = Gofarm({"batch", "watch", "7"});
  EXPECT_EQ(r.exit_code, 0) << r.err;
  EXPECT_EQ(farm_.watches, 3);
  const auto times = [&](const std::string& step) {
    int n = 0;
    for (size_t at = 0; (at = r.out.find(Cat("x86_64: ", step), at)) != std::string::npos; ++at) ++n;
    return n;
  };
  for (const char* step : {"queued", "fetch", "built"}) EXPECT_EQ(times(step), 1) << step << " in " << r.out;
}

TEST_F(CliVerbsTest, CtrlCDetachesSaysHowToComeBackAndCancelsNothing) {
  StreamOf({{BatchWith(0, 0, 1), {v1::JOB_STATE_QUEUED}}}, grpc::Status::OK, /*hang=*/true);
  const process::Command command = Command({"batch", "watch", "7"});
  const absl::StatusOr<process::ProcessId> watch = process::SpawnDaemon(
      {.argv = command.argv, .environment = process::InheritedWith(command.environment), .log_file = top_ + "/log"});
  ASSERT_TRUE(watch.ok()) << watch.status();
  const auto log = [&] { return io::ReadFile(top_ + "/log", 1 << 20).value_or(""); };
  const Scope scope = Scope::For(absl::Seconds(30));
  while (log().find("queued") == std::string::npos && !scope.Done()) absl::SleepFor(absl::Milliseconds(10));
  ASSERT_TRUE(process::SendSignal(*watch, SIGINT));
  int status = 0;
  ASSERT_EQ(waitpid(watch->pid, &status, 0), watch->pid);
  EXPECT_EQ(WEXITSTATUS(status), 130);
  EXPECT_THAT(log(), HasSubstr("gofarm batch watch 7"));
  EXPECT_EQ(farm_.cancelled, 0);
}

// Runs the program on a terminal of 40 columns until its screen shows `wanted`; then Ctrl-C.
std::string OnATerminal(const process::Command& spec, const std::string& wanted, int& status) {
  winsize size{.ws_row = 12, .ws_col = 40, .ws_xpixel = 0, .ws_ypixel = 0};
  int terminal = -1;
  // All made before the fork: this process has threads.
  std::vector<std::string> words = spec.argv, entries = {"TERM=xterm", "NO_COLOR=1", "LC_ALL=C.UTF-8"};
  for (const auto& [name, value] : spec.environment) entries.push_back(Cat(name, "=", value));
  std::vector<char*> argv, envp;
  for (std::string& word : words) argv.push_back(word.data());
  for (std::string& entry : entries) envp.push_back(entry.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  const pid_t pid = forkpty(&terminal, nullptr, nullptr, &size);
  if (pid == 0) {
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  std::string screen;
  char buffer[4096];
  bool interrupted = false;
  const Scope scope = Scope::For(absl::Seconds(30));
  while (!scope.Done()) {
    pollfd fd{terminal, POLLIN, 0};
    if (poll(&fd, 1, 100) <= 0) continue;
    const ssize_t n = read(terminal, buffer, sizeof buffer);
    if (n <= 0) break;  // EIO: the program has ended
    screen.append(buffer, static_cast<size_t>(n));
    if (!interrupted && screen.find(wanted) != std::string::npos) {
      interrupted = write(terminal, "\x03", 1) == 1;
    }
  }
  if (scope.Done()) kill(pid, SIGKILL);
  waitpid(pid, &status, 0);
  close(terminal);
  return screen;
}

TEST_F(CliVerbsTest, ANarrowTerminalGetsAPictureThatFitsAndCtrlCSaysHowToComeBackToThisFarm) {
  StreamOf({{BatchWith(2, 0, 1), {v1::JOB_STATE_QUEUED}}}, grpc::Status::OK, /*hang=*/true);
  v1::RunningJob& running = *farm_.streams[0].updates[0].add_running();
  running.set_job_id(81);
  running.set_module("example.test/quite/a/long/path/module\x1b[2J");
  running.set_version("v1.0.0");
  running.set_target(v1::TARGET_RISCV64);
  running.set_seconds(12);
  running.mutable_progress()->set_phase(v1::PHASE_FETCH);
  running.mutable_progress()->set_bytes_done(3 << 20);
  running.mutable_progress()->set_bytes_total(4 << 20);
  process::Command spec = Command({"batch", "watch", "7", "--server", address_});
  int status = 0;
  const std::string screen = OnATerminal(spec, "fetch", status);
  EXPECT_EQ(WEXITSTATUS(status), 130);
  EXPECT_THAT(screen, AllOf(HasSubstr("batch 7 "), HasSubstr("█"), HasSubstr("2/3"), HasSubstr("v1.0.0 riscv64  fetch"),
                            HasSubstr(Cat("Come back with: gofarm batch watch 7 --server ", address_))));
  EXPECT_THAT(screen, Not(HasSubstr("\x1b[2J")));
  EXPECT_THAT(screen, Not(::testing::ContainsRegex("\x1b\\[[0-9;]*m")));  // NO_COLOR
}

TEST_F(CliVerbsTest, ADownloadThatIsCutGoesOnWhereItWas) {
  farm_.blob.assign(100'000, 'x');
  farm_.blob += "end";
  farm_.cut_download_at = 40'000;
  const process::CommandResult r = Gofarm({"artifact", "get", digest::Sha256Hex(farm_.blob), "-o", top_ + "/f"});
  EXPECT_EQ(r.exit_code, 0) << r.err;
  EXPECT_THAT(farm_.offsets, ElementsAre(0, 40'000, 80'000));
  EXPECT_EQ(io::ReadFile(top_ + "/f", 1 << 20).value_or(""), farm_.blob);
}

TEST_F(CliVerbsTest, BytesThatAreNotWhatTheDigestSaysLeaveNoFile) {
  farm_.blob = "not it";
  const process::CommandResult r = Gofarm({"artifact", "get", std::string(64, 'a'), "-o", top_ + "/f"});
  EXPECT_EQ(r.exit_code, 4);
  EXPECT_THAT(r.err, HasSubstr(digest::Sha256Hex("not it")));
  const absl::StatusOr<process::CommandResult> left = process::Run(
      Scope::For(absl::Seconds(5)), {.argv = {"/bin/ls", top_}, .environment = process::InheritedEnvironment()});
  EXPECT_EQ(left->out, "s\n");
}

TEST_F(CliVerbsTest, AnExportStaysInItsFolderWhateverTheServerNames) {
  farm_.blob = "program";
  for (const std::string& evil : {std::string("../../../evil"), top_ + "/evil", std::string("ok")}) {
    v1::ArtifactRow& row = farm_.artifacts.emplace_back();
    row.set_module(evil);
    row.set_version("v1.0.0");
    row.set_target(v1::TARGET_X86_64);
    row.set_name(evil);
    row.set_import_path(evil);
    row.set_sha256(digest::Sha256Hex(farm_.blob));
    row.set_size(7);
  }
  const std::string out = top_ + "/a/b/c/out";
  const process::CommandResult r = Gofarm({"artifact", "export", "--batch", "7", out});
  EXPECT_EQ(r.exit_code, 0) << r.err;
  const absl::StatusOr<process::CommandResult> check = process::Run(
      Scope::For(absl::Seconds(10)), {.argv = {"/bin/sh", "-c",
                                               "cd \"$1\" && sha256sum --quiet -c SHA256SUMS && wc -l <SHA256SUMS && "
                                               "cd \"$2\" && find . -name '*evil*' -type f ! -path './a/b/c/out/*'",
                                               "sh", out, top_},
                                      .environment = process::InheritedEnvironment()});
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_EQ(check->out, "3\n") << check->err;
  struct stat info {};
  ASSERT_EQ(stat((out + "/ok@v1.0.0/x86_64/ok").c_str(), &info), 0);
  EXPECT_NE(info.st_mode & 0100, 0u);
}

TEST_F(CliVerbsTest, PagesOfAListBecomeOneArray) {
  const process::CommandResult r = Gofarm({"batch", "list", "--output", "json"});
  simdjson::dom::parser parser;
  simdjson::dom::array batches;
  ASSERT_EQ(parser.parse(r.out).get(batches), simdjson::SUCCESS) << r.out;
  EXPECT_EQ(batches.size(), 2u);
}

}  // namespace
}  // namespace gofarm
