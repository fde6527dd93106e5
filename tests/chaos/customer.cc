#include "tests/chaos/customer.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/rpc/channel.h"
#include "common/sync/wait.h"

namespace gofarm::chaos {
namespace {

constexpr absl::Duration kCallMax = absl::Seconds(10);
constexpr absl::Duration kAskAgain = absl::Milliseconds(100);
constexpr int kTries = 200;
// Enough that every worker finds something, little enough that a run ends soon after its last order.
constexpr int64_t kUnendedMax = 400;
constexpr char kVersion[] = "v1.0.0";

std::string NameOf(const grpc::Status& status) {
  return absl::StatusCodeToString(static_cast<absl::StatusCode>(status.error_code()));
}

}  // namespace

Customer::Customer(uint64_t seed, std::string name, const std::string& coordinator, Ledger& ledger)
    : seed_(seed),
      name_(std::move(name)),
      ledger_(ledger),
      farm_(v1::Farm::NewStub(rpc::MakeFreshChannel(coordinator, rpc::Credentials::Plaintext()))) {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void Customer::Quit() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

std::unique_ptr<grpc::ClientContext> Customer::Context() const {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(absl::ToChronoTime(absl::Now() + kCallMax));
  return context;
}

bool Customer::HasRoom() {
  v1::FarmStatus status;
  if (!farm_->GetFarmStatus(Context().get(), {}, &status).ok() || status.state() != "running") return false;
  return status.jobs().queued() + status.jobs().running() < kUnendedMax;
}

std::set<Wanted> Customer::Order::Wants() const {
  std::set<Wanted> wanted;
  for (const std::string& module : modules) {
    for (int target = 1; target <= targets; ++target) wanted.insert({module, kVersion, target});
  }
  return wanted;
}

Customer::Order Customer::NewOrder(const OrderPlan& plan) {
  Order order;
  if (plan.known && !orders_.empty()) {
    order = orders_[static_cast<size_t>(plan.modules * 7919) % orders_.size()];
  } else {
    for (int i = 0; i < plan.modules; ++i) order.modules.push_back(Cat("example.com/", name_, "/m", ++modules_));
  }
  order.request_id = Cat(name_, "-", number_);
  order.targets = plan.targets;
  order.force = plan.force;
  return order;
}

grpc::Status Customer::SubmitOnce(const Order& order, v1::SubmitReply* reply) {
  const auto context = Context();
  const auto stream = farm_->Submit(context.get(), reply);
  v1::SubmitChunk chunk;
  v1::SubmitChunk::Header& header = *chunk.mutable_header();
  header.set_request_id(order.request_id);
  header.set_name("chaos");
  header.set_submitter(name_);
  for (int target = 1; target <= order.targets; ++target) header.add_targets(static_cast<v1::Target>(target));
  header.set_force(order.force);
  header.set_entries(static_cast<int64_t>(order.modules.size()));
  stream->Write(chunk);
  for (size_t i = 0; i < order.modules.size(); ++i) {
    v1::SubmitChunk::Entry& entry = *chunk.mutable_entries()->add_entries();
    entry.set_line(static_cast<int32_t>(i + 1));
    entry.set_module(order.modules[i]);
    entry.set_version(kVersion);
  }
  stream->Write(chunk);
  stream->WritesDone();
  const grpc::Status status = stream->Finish();
  ledger_.Count(Cat("submissions answered ", NameOf(status)));
  return status;
}

int64_t Customer::Submit(const std::stop_token& stop, const Order& order) {
  for (int tries = 0; tries < kTries; ++tries) {
    v1::SubmitReply reply;
    if (SubmitOnce(order, &reply).ok()) {
      ledger_.Answered(order.request_id, reply.batch().id());
      return reply.batch().id();
    }
    if (!sync::SleepFor(stop, kAskAgain)) break;
  }
  return 0;
}

void Customer::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (!HasRoom()) {
      ledger_.Count("orders put off");
      sync::SleepFor(stop, kAskAgain);
      continue;
    }
    const OrderPlan plan = PlanOrder(seed_, name_, number_++);
    Order order = NewOrder(plan);
    ledger_.Ordered(order.request_id, order.Wants());
    order.batch = Submit(stop, order);
    if (order.batch == 0) continue;
    orders_.push_back(order);
    AskMore(stop, plan, order);
  }
}

void Customer::AskMore(const std::stop_token& stop, const OrderPlan& plan, const Order& order) {
  if (plan.repeat) Submit(stop, order);
  if (plan.alter) {
    Order altered = order;
    altered.modules.push_back(Cat("example.com/", name_, "/altered", number_));
    v1::SubmitReply reply;
    if (SubmitOnce(altered, &reply).ok()) ledger_.AlteredTaken(order.request_id);
  }
  // Of an older one most has ended.
  if (plan.retry) Retry(orders_[orders_.size() / 2]);
  if (!plan.cancel_batch && !plan.cancel_job) return;
  if (!sync::SleepFor(stop, plan.pause)) return;
  if (plan.cancel_job) CancelJobOf(order);
  if (plan.cancel_batch) CancelBatch(order);
}

std::vector<int64_t> Customer::List(const Order& order) {
  v1::ListJobsRequest request;
  request.set_batch_id(order.batch);
  const auto context = Context();
  const auto stream = farm_->ListJobs(context.get(), request);
  std::vector<int64_t> ids;
  v1::JobPage page;
  while (stream->Read(&page)) {
    for (const v1::Job& job : page.jobs()) {
      ids.push_back(job.id());
      ledger_.Shown({.request_id = order.request_id,
                     .id = job.id(),
                     .what = {job.module(), job.version(), job.target()},
                     .state = static_cast<JobState>(job.state())});
    }
  }
  ledger_.Count(Cat("listings answered ", NameOf(stream->Finish())));
  return ids;
}

void Customer::Retry(const Order& order) {
  List(order);
  v1::RetryBatchRequest request;
  request.set_id(order.batch);
  v1::Batch answer;
  ledger_.Count(Cat("retries answered ", NameOf(farm_->RetryBatch(Context().get(), request, &answer))));
  List(order);
}

void Customer::CancelJobOf(const Order& order) {
  const std::vector<int64_t> jobs = List(order);
  if (jobs.empty()) return;
  ledger_.JobCancelAsked(jobs.front());
  v1::JobRequest request;
  request.set_id(jobs.front());
  v1::Job job;
  ledger_.Count(Cat("job cancellations answered ", NameOf(farm_->CancelJob(Context().get(), request, &job))));
}

void Customer::CancelBatch(const Order& order) {
  ledger_.CancelAsked(order.request_id);
  v1::BatchRequest request;
  request.set_id(order.batch);
  v1::Batch answer;
  const grpc::Status status = farm_->CancelBatch(Context().get(), request, &answer);
  ledger_.Count(Cat("batch cancellations answered ", NameOf(status)));
  if (status.ok() && answer.state() == v1::BATCH_STATE_CANCELLED) ledger_.CancelAnswered(order.request_id);
}

}  // namespace gofarm::chaos
