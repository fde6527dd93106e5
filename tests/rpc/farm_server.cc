#include "tests/rpc/farm_server.h"

#include <stdlib.h>

#include <utility>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/rpc/channel.h"
#include "common/rpc/session_secret.h"
#include "common/sync/wait.h"
#include "common/vocab/session.h"
#include "coordinator/domain/recipe.h"
#include "coordinator/domain/toolset.h"
#include "coordinator/service/artifact_check.h"
#include "coordinator/service/attempt_service.h"
#include "coordinator/service/batch_feed.h"
#include "coordinator/service/batch_service.h"
#include "coordinator/service/dispatch_loop.h"
#include "coordinator/service/farm_view.h"
#include "coordinator/service/job_news.h"
#include "coordinator/service/log_service.h"
#include "coordinator/service/module_proxy.h"
#include "coordinator/service/progress_board.h"
#include "coordinator/service/query_service.h"
#include "coordinator/store/attempt_store.h"
#include "coordinator/store/batch_store.h"
#include "coordinator/store/leadership_store.h"
#include "coordinator/store/pg_dispatch_store.h"
#include "coordinator/store/query_store.h"
#include "coordinator/store/toolset_store.h"
#include "coordinator/store/worker_store.h"

namespace gofarm::testing {
namespace {

// Knows every version but v9.9.9. Of modules below hangs.example it never says a word.
class FakeProxy final : public service::ModuleProxy {
 public:
  service::VersionAnswer Check(const Scope&, const std::string&, const std::string& version) override {
    return {version == "v9.9.9" ? service::VersionState::kAbsent : service::VersionState::kThere, ""};
  }
  absl::StatusOr<std::string> Latest(const Scope& scope, const std::string& module) override {
    if (module.rfind("hangs.example/", 0) != 0) return std::string("v1.0.0");
    sync::SleepFor(scope, absl::InfiniteDuration());
    return absl::DeadlineExceededError("the module proxy does not answer");
  }
};

Toolset TestToolset() {
  Toolset t{.name = "t1", .go_versions = {"1.26.8"}, .zig_version = "0.15.2"};
  t.digest = domain::ToolsetDigest(t);
  return t;
}

}  // namespace

struct FarmServer::Parts {
  Parts(store::Pool& pool, const std::string& dir, metrics::Registry& metrics, const Adjust& adjust,
        const service::AttemptService::Attach& attach)
      : attempt_pool({.url = pool.options().url}),
        watch_pool({.url = pool.options().url, .connections = 4}),
        dispatch_pool({.url = pool.options().url, .connections = 3}),
        batch_store(pool),
        query_store(pool),
        attempt_store(attempt_pool),
        attempt_query_store(attempt_pool),
        watch_batch_store(watch_pool),
        watch_query_store(watch_pool),
        dispatch_store(dispatch_pool),
        worker_store(pool),
        queries(batch_store, query_store),
        watch_queries(watch_batch_store, watch_query_store) {
    const Toolset toolset = TestToolset();
    EXPECT_TRUE(store::ToolsetStore(pool).Pin(Scope::For(absl::Seconds(10)), toolset).ok());
    blobs = blob::OpenFolderBlobStore(dir).value();
    log_store = blob::OpenFolderLogStore(dir, 1 << 20).value();
    logs = std::make_unique<service::LogService>(queries, *log_store, board);
    dispatch = std::make_unique<service::DispatchLoop>(
        service::DispatchLoopOptions{.toolsets =
                                         std::make_shared<const std::vector<Toolset>>(std::vector<Toolset>{toolset})},
        dispatch_store, sessions, RealClock());
    job_metrics = std::make_unique<service::JobMetrics>(metrics, RealClock());
    call_metrics = std::make_unique<rpc::CallMetrics>(metrics);
    news = std::make_unique<service::JobNews>(board, fence, *dispatch, *job_metrics);
    dispatch->Observe(*news);
    const auto taken = store::PgLeadershipStore(pool).Take(Scope::For(absl::Seconds(20)),
                                                           {.id = "test", .holder = "test"}, leadership::kLease);
    EXPECT_TRUE(taken.ok()) << taken.status();
    const absl::Status started = dispatch->Start(Scope::For(absl::Seconds(20)), taken->leader.epoch);
    EXPECT_TRUE(started.ok()) << started;
    batches = std::make_unique<service::BatchService>(
        batch_store, query_store, proxy,
        service::BatchRules{
            .toolset = toolset, .toolsets = {toolset}, .policy = domain::CurrentPolicy(), .goprivate = ""},
        *news);
    check = std::make_unique<service::ArtifactCheck>(*blobs);
    attempts = std::make_unique<service::AttemptService>(
        attempt_store, [this](const std::string& sha256) { return blobs->Renew(sha256); },
        [this](const Executable& executable, Target target) { return check->CheckExecutable(executable, target); },
        attach, *dispatch, fence, *news);
    farm = std::make_unique<service::FarmView>(queries, *dispatch, board, reports);
    workers = std::make_unique<service::WorkerService>(worker_store, *dispatch, reports);
    feeds = std::make_unique<service::BatchFeeds>(watch_queries, board,
                                                  [this](const domain::Job& job) { return farm->WhyWaiting(job); });
    rpc::ServerParts parts{.batches = *batches,
                           .queries = queries,
                           .farm = *farm,
                           .workers = *workers,
                           .feeds = *feeds,
                           .attempts = *attempts,
                           .dispatch = *dispatch,
                           .board = board,
                           .logs = *logs,
                           .blobs = *blobs,
                           .sessions = sessions,
                           .fence = fence,
                           .reports = reports,
                           .facts = {.version = "test",
                                     .database_version = "15",
                                     .toolset = toolset.name,
                                     .started_at = absl::Now(),
                                     .pid = 1},
                           .metrics = call_metrics.get()};
    if (adjust) adjust(parts);
    rpc::ListenOptions listen{.addresses = {Cat("unix:", dir, "/s")}};
    if (parts.identities != nullptr) listen.addresses.push_back("127.0.0.1:0");
    auto server = rpc::Server::Start(std::move(listen), std::move(parts));
    EXPECT_TRUE(server.ok()) << server.status();
    rpc = *std::move(server);
  }
  ~Parts() {
    rpc->Stop();
    dispatch->Stop();
  }

  // As in the coordinator (leading.h): who uses which.
  store::Pool attempt_pool;
  store::Pool watch_pool;
  store::Pool dispatch_pool;
  store::BatchStore batch_store;
  store::QueryStore query_store;
  store::AttemptStore attempt_store;
  store::QueryStore attempt_query_store;
  store::BatchStore watch_batch_store;
  store::QueryStore watch_query_store;
  store::PgDispatchStore dispatch_store;
  store::WorkerStore worker_store;
  FakeProxy proxy;
  std::unique_ptr<blob::BlobStore> blobs;
  std::unique_ptr<blob::LogStore> log_store;
  service::ProgressBoard board;
  service::QueryService queries;
  service::QueryService watch_queries;
  std::unique_ptr<service::LogService> logs;
  rpc::SessionStreams sessions;
  service::AttemptFence fence{
      [this](const Scope& scope, AttemptToken token) { return attempt_query_store.FactsOf(scope, token); },
      RealClock()};
  service::WorkerReports reports{[this](const Scope& scope, const std::string& worker, const WorkerReport& report) {
    return query_store.SaveWorkerReport(scope, worker, report);
  }};
  std::unique_ptr<service::JobMetrics> job_metrics;
  std::unique_ptr<rpc::CallMetrics> call_metrics;
  std::unique_ptr<service::JobNews> news;  // called by the loop until that is gone
  std::unique_ptr<service::DispatchLoop> dispatch;
  std::unique_ptr<service::BatchService> batches;
  std::unique_ptr<service::ArtifactCheck> check;
  std::unique_ptr<service::AttemptService> attempts;
  std::unique_ptr<service::FarmView> farm;
  std::unique_ptr<service::WorkerService> workers;
  std::unique_ptr<service::BatchFeeds> feeds;
  std::unique_ptr<rpc::Server> rpc;
};

FarmServer::FarmServer(store::Pool& pool, const std::string& dir, metrics::Registry& metrics, const Adjust& adjust,
                       const service::AttemptService::Attach& attach)
    : parts_(std::make_unique<Parts>(pool, dir, metrics, adjust, attach)) {}
FarmServer::~FarmServer() = default;
const std::string& FarmServer::tls_address() const { return parts_->rpc->tls_address(); }
const std::string& FarmServer::address() const { return parts_->rpc->address(); }
rpc::SessionStreams& FarmServer::sessions() { return parts_->sessions; }
blob::BlobStore& FarmServer::blobs() { return *parts_->blobs; }

void RpcTest::SetUp() {
  PgTest::SetUp();
  LastSecret().clear();
  char name[] = "/tmp/gofarm-rpc-XXXXXX";
  dir_ = ::mkdtemp(name);
  Restart();
}

void RpcTest::Restart() {
  farm_.reset();
  worker_.reset();
  channel_.reset();
  server_.reset();
  server_ = std::make_unique<FarmServer>(*pool_, dir_, metrics_, adjust_, attach_);
  channel_ = rpc::MakeChannel(server_->address(), rpc::Credentials::Plaintext());
  farm_ = v1::Farm::NewStub(channel_);
  worker_ = v1::Worker::NewStub(channel_);
}

bool RpcTest::MetricsSoonHave(const std::string& line) {
  for (const absl::Time end = absl::Now() + absl::Seconds(10); absl::Now() < end;
       absl::SleepFor(absl::Milliseconds(5))) {
    if (Cat("\n", metrics_.Text()).find(Cat("\n", line)) != std::string::npos) return true;
  }
  return false;
}

void RpcTest::TearDown() {
  farm_.reset();
  worker_.reset();
  channel_.reset();
  server_.reset();
  EXPECT_TRUE(io::RemoveTree(dir_).ok());
  PgTest::TearDown();
}

std::unique_ptr<grpc::ClientContext> RpcTest::Context(absl::Duration deadline) {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(absl::ToChronoTime(absl::Now() + deadline));
  context->set_wait_for_ready(true);
  rpc::AttachSessionSecret(*context, LastSecret());
  return context;
}

v1::SubmitReply RpcTest::Submit(const std::vector<std::string>& modules, const std::string& request_id, bool force,
                                grpc::Status* status) {
  v1::SubmitReply reply;
  const auto context = Context();
  const auto stream = farm_->Submit(context.get(), &reply);
  v1::SubmitChunk chunk;
  chunk.mutable_header()->set_request_id(request_id);
  chunk.mutable_header()->set_name("test");
  chunk.mutable_header()->set_force(force);
  chunk.mutable_header()->add_targets(v1::TARGET_X86_64);
  chunk.mutable_header()->set_entries(static_cast<int64_t>(modules.size()));
  stream->Write(chunk);
  int line = 0;
  for (const std::string& module : modules) {
    v1::SubmitChunk::Entry& entry = *chunk.mutable_entries()->add_entries();
    const size_t at = module.find('@');
    entry.set_line(++line);
    entry.set_module(module.substr(0, at));
    if (at != std::string::npos) entry.set_version(module.substr(at + 1));
  }
  if (!modules.empty()) stream->Write(chunk);
  stream->WritesDone();
  const grpc::Status ended = stream->Finish();
  if (status != nullptr) {
    *status = ended;
  } else {
    EXPECT_TRUE(ended.ok()) << ended.error_message();
  }
  return reply;
}

v1::Offer RpcTest::RunningOffer(FakeWorker& worker) {
  worker.SayHello(FakeWorker::Hello("w1"));
  worker.HearWelcome();
  Submit({"example.com/m@v1.0.0"}, "r1");
  worker.SayReady(1);
  v1::Offer offer = worker.HearOffer();
  worker.SayAccept(offer.token());
  const absl::Time give_up = absl::Now() + absl::Seconds(20);
  while (GetJob(offer.job_id()).attempts_size() == 0) {
    if (absl::Now() > give_up) {
      ADD_FAILURE() << "the attempt does not begin";
      break;
    }
  }
  return offer;
}

v1::Job RpcTest::GetJob(int64_t id) {
  v1::JobRequest request;
  request.set_id(id);
  v1::Job job;
  const grpc::Status status = farm_->GetJob(Context().get(), request, &job);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return job;
}

std::vector<v1::Job> RpcTest::JobsOf(int64_t batch) {
  v1::ListJobsRequest request;
  request.set_batch_id(batch);
  const auto context = Context();
  const auto stream = farm_->ListJobs(context.get(), request);
  std::vector<v1::Job> jobs;
  v1::JobPage page;
  while (stream->Read(&page)) jobs.insert(jobs.end(), page.jobs().begin(), page.jobs().end());
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  return jobs;
}

std::vector<v1::WorkerRow> RpcTest::Workers(bool brief) {
  v1::ListWorkersRequest request;
  request.set_brief(brief);
  const auto context = Context();
  const auto stream = farm_->ListWorkers(context.get(), request);
  std::vector<v1::WorkerRow> workers;
  v1::WorkerPage page;
  while (stream->Read(&page)) workers.insert(workers.end(), page.workers().begin(), page.workers().end());
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  return workers;
}

FakeWorker::FakeWorker(v1::Worker::Stub& stub, absl::Duration deadline, const std::string& secret) {
  rpc::AttachSessionSecret(context_, secret);
  context_.set_deadline(absl::ToChronoTime(absl::Now() + deadline));
  context_.set_wait_for_ready(true);
  stream_ = stub.Session(&context_);
}

FakeWorker::~FakeWorker() { End(); }

v1::Hello FakeWorker::Hello(const std::string& name) {
  v1::Hello hello;
  hello.set_protocol_version(kProtocolVersion);
  hello.set_name(name);
  hello.set_instance("i1");
  hello.set_host_arch("x86_64");
  hello.add_targets(v1::TARGET_X86_64);
  hello.set_slots(2);
  hello.set_memory_bytes(int64_t{8} << 30);
  hello.set_pid(1);
  hello.set_build_version("test");
  return hello;
}

void FakeWorker::Say(const v1::WorkerMessage& message) { stream_->Write(message); }
void FakeWorker::SayHello(const v1::Hello& hello) {
  v1::WorkerMessage message;
  *message.mutable_hello() = hello;
  Say(message);
}
void FakeWorker::SayReady(int slots) {
  v1::WorkerMessage message;
  message.mutable_ready()->set_free_slots(slots);
  Say(message);
}
void FakeWorker::SayAccept(int64_t token) {
  v1::WorkerMessage message;
  message.mutable_accept()->set_token(token);
  Say(message);
}
void FakeWorker::SayPhases(int64_t token, const std::vector<v1::Phase>& phases) {
  v1::WorkerMessage message;
  message.mutable_progress()->set_token(token);
  message.mutable_progress()->set_phase(phases.back());
  for (const v1::Phase phase : phases) message.mutable_progress()->add_phases(phase);
  Say(message);
}

v1::CoordinatorMessage FakeWorker::Hear() {
  v1::CoordinatorMessage message;
  if (!stream_->Read(&message)) message.Clear();
  return message;
}
v1::Welcome FakeWorker::HearWelcome() {
  const v1::CoordinatorMessage message = Hear();
  EXPECT_TRUE(message.has_welcome()) << message.ShortDebugString();
  EXPECT_GT(message.epoch(), 0);
  if (!message.welcome().session_secret().empty()) LastSecret() = message.welcome().session_secret();
  return message.welcome();
}
v1::Offer FakeWorker::HearOffer() {
  const v1::CoordinatorMessage message = Hear();
  EXPECT_TRUE(message.has_offer()) << message.ShortDebugString();
  return message.offer();
}

grpc::Status FakeWorker::End() {
  if (ended_) return grpc::Status::OK;
  stream_->WritesDone();
  return AwaitEnd();
}
grpc::Status FakeWorker::AwaitEnd() {
  v1::CoordinatorMessage message;
  while (stream_->Read(&message)) {
  }
  ended_ = true;
  return stream_->Finish();
}

std::string& LastSecret() {
  static std::string secret;
  return secret;
}

int64_t AppendLog(v1::Worker::Stub& stub, int64_t token, int64_t offset, const std::string& data,
                  grpc::Status* status) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
  rpc::AttachSessionSecret(context, LastSecret());
  const auto stream = stub.AppendLog(&context);
  v1::LogChunk chunk;
  chunk.set_token(token);
  v1::LogAck ack;
  ack.set_stored_offset(-1);
  const bool begun = stream->Write(chunk) && stream->Read(&ack);
  if (begun) {
    chunk.set_offset(offset);
    chunk.set_data(data);
    stream->Write(chunk);
  }
  stream->WritesDone();
  while (stream->Read(&ack)) {
  }
  const grpc::Status ended = stream->Finish();
  if (status != nullptr) *status = ended;
  return ended.ok() ? ack.stored_offset() : -1;
}

grpc::Status Upload(v1::Worker::Stub& stub, int64_t token, const std::string& sha256, const std::string& bytes,
                    int64_t* offset, size_t stop_after) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
  rpc::AttachSessionSecret(context, LastSecret());
  const auto stream = stub.UploadBlob(&context);
  v1::BlobChunk chunk;
  chunk.mutable_header()->set_token(token);
  chunk.mutable_header()->set_sha256(sha256);
  chunk.mutable_header()->set_size(static_cast<int64_t>(bytes.size()));
  v1::BlobAck ack;
  if (!stream->Write(chunk) || !stream->Read(&ack)) return stream->Finish();
  if (offset != nullptr) *offset = ack.offset();
  for (size_t at = static_cast<size_t>(ack.offset()); at < bytes.size() && at < stop_after; at += 64 << 10) {
    chunk.set_data(bytes.substr(at, 64 << 10));
    if (!stream->Write(chunk)) break;
  }
  stream->WritesDone();
  while (stream->Read(&ack)) {
  }
  return stream->Finish();
}

v1::CompleteRequest Built(int64_t token, int64_t job, const std::string& program, const std::string& bytes) {
  v1::CompleteRequest request;
  request.set_token(token);
  request.set_job_id(job);
  request.set_outcome(v1::ATTEMPT_OUTCOME_BUILT);
  v1::Executable& e = *request.add_executables();
  e.set_name(program.substr(program.rfind('/') + 1));
  e.set_import_path(program);
  e.set_size(static_cast<int64_t>(bytes.size()));
  e.set_sha256(digest::Sha256Hex(bytes));
  e.set_blake3(digest::Blake3Hex(bytes));
  e.set_main_version("v1.0.0");
  e.set_go_version("go1.26.8");
  e.set_build_info("path\tx\n");
  e.set_variant("install");
  for (const v1::Phase phase : {v1::PHASE_FETCH, v1::PHASE_BUILD, v1::PHASE_CHECK, v1::PHASE_UPLOAD}) {
    v1::PhaseTime& p = *request.add_phases();
    p.set_phase(phase);
    p.set_seconds(0.5);
  }
  request.set_cpu_seconds(1.5);
  request.set_peak_memory_bytes(1 << 20);
  return request;
}

}  // namespace gofarm::testing
