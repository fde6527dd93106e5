// A coordinator without main: real stores on a throwaway PostgreSQL, the real dispatch loop, the real gRPC server on a
// unix socket; only the module proxy is a fake. And a worker that says exactly what a test tells it to.
#pragma once

#include <gofarm/v1/farm.grpc.pb.h>
#include <gofarm/v1/worker.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/metrics/metrics.h"
#include "coordinator/blob/blob_store.h"
#include "coordinator/blob/log_store.h"
#include "coordinator/rpc/server.h"
#include "coordinator/rpc/session_streams.h"
#include "coordinator/service/attempt_service.h"
#include "tests/support/pg_fixture.h"

namespace gofarm::testing {

class FarmServer;

class FakeWorker;

class RpcTest : public PgTest {
 protected:
  void SetUp() override;
  void TearDown() override;
  // As kill -9 and a new start: nothing is kept but the database and the folder.
  void Restart();

  // What a submission answers; `status` gets its status.
  v1::SubmitReply Submit(const std::vector<std::string>& modules, const std::string& request_id, bool force = false,
                         grpc::Status* status = nullptr);
  v1::Job GetJob(int64_t id);
  // The worker w1 says hello, is offered the one job of a new batch and runs it.
  v1::Offer RunningOffer(FakeWorker& worker);
  std::vector<v1::Job> JobsOf(int64_t batch);
  std::vector<v1::WorkerRow> Workers(bool brief = false);
  std::unique_ptr<grpc::ClientContext> Context(absl::Duration deadline = absl::Seconds(20));

  // Whether a line of the metrics begins so, now or within some seconds: they are counted beside the calls.
  bool MetricsSoonHave(const std::string& line);

  std::string dir_;
  metrics::Registry metrics_;                      // of all servers of a test
  std::function<void(rpc::ServerParts&)> adjust_;  // of the next Restart
  service::AttemptService::Attach attach_;         // likewise
  std::unique_ptr<FarmServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Farm::Stub> farm_;
  std::unique_ptr<v1::Worker::Stub> worker_;
};

class FarmServer {
 public:
  // Changes what the server is given, before it starts.
  using Adjust = std::function<void(rpc::ServerParts&)>;
  FarmServer(store::Pool& pool, const std::string& dir, metrics::Registry& metrics, const Adjust& adjust,
             const service::AttemptService::Attach& attach = nullptr);
  ~FarmServer();
  const std::string& address() const;
  const std::string& tls_address() const;  // empty, unless it was given identities
  rpc::SessionStreams& sessions();
  blob::BlobStore& blobs();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// One session of a worker.
class FakeWorker {
 public:
  // `secret`: of the session that it goes on with.
  explicit FakeWorker(v1::Worker::Stub& stub, absl::Duration deadline = absl::Seconds(30),
                      const std::string& secret = {});
  ~FakeWorker();

  static v1::Hello Hello(const std::string& name);
  void Say(const v1::WorkerMessage& message);
  void SayHello(const v1::Hello& hello);
  void SayReady(int slots);
  void SayAccept(int64_t token);
  void SayPhases(int64_t token, const std::vector<v1::Phase>& phases);  // the last is the one it is in
  // The next message, or one without kind when the stream ended.
  v1::CoordinatorMessage Hear();
  v1::Welcome HearWelcome();
  v1::Offer HearOffer();
  // Hangs up, unless the coordinator did; its status.
  grpc::Status End();
  // Waits for the coordinator to end the stream.
  grpc::Status AwaitEnd();

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::WorkerMessage, v1::CoordinatorMessage>> stream_;
  bool ended_ = false;
};

// What the Welcome heard last gave. Everything below, and what RpcTest::Context is used for, carries it.
std::string& LastSecret();
// Appends to a log as a worker does; the stored offset, or -1 with `status` set.
int64_t AppendLog(v1::Worker::Stub& stub, int64_t token, int64_t offset, const std::string& data,
                  grpc::Status* status = nullptr);
// Uploads from where the coordinator says; `offset` gets where that was.
grpc::Status Upload(v1::Worker::Stub& stub, int64_t token, const std::string& sha256, const std::string& bytes,
                    int64_t* offset = nullptr, size_t stop_after = std::string::npos);
v1::CompleteRequest Built(int64_t token, int64_t job, const std::string& program, const std::string& bytes);

}  // namespace gofarm::testing
