#include "tests/support/fake_webhooks.h"

#include <utility>

#include "common/base/text.h"

namespace gofarm::testing {
namespace {

constexpr char kJsonField[] = "Content-Type: application/json\r\n";
const std::string& WebhookPath() {
  static const std::string path = Cat("/api/webhooks/7/", kWebhookToken);
  return path;
}

}  // namespace

FakeWebhooks::FakeWebhooks()
    : server_(std::make_unique<RawHttpServer>(
          [this](const RawHttpServer::Request& request, RawHttpServer::Peer& peer) { return Serve(request, peer); })) {}

FakeWebhooks::~FakeWebhooks() { server_.reset(); }

std::string FakeWebhooks::discord_url() const { return server_->url() + WebhookPath(); }
std::string FakeWebhooks::json_url() const { return server_->url() + "/generic"; }

void FakeWebhooks::Inject(Fault fault) {
  const absl::MutexLock lock(&mutex_);
  faults_.push_back(std::move(fault));
}

void FakeWebhooks::Delete(const std::string& message_id) {
  const absl::MutexLock lock(&mutex_);
  messages_.erase(message_id);
}

int FakeWebhooks::posts() const {
  const absl::MutexLock lock(&mutex_);
  return posts_;
}

int FakeWebhooks::edits() const {
  const absl::MutexLock lock(&mutex_);
  return edits_;
}

std::map<std::string, std::string> FakeWebhooks::messages() const {
  const absl::MutexLock lock(&mutex_);
  return messages_;
}

std::vector<FakeWebhooks::Posted> FakeWebhooks::json() const {
  const absl::MutexLock lock(&mutex_);
  return json_;
}

bool FakeWebhooks::Serve(const RawHttpServer::Request& request, RawHttpServer::Peer& peer) {
  int status = 404;
  std::string body = R"({"message": "Unknown Webhook", "code": 10015})";
  std::string fields = kJsonField;
  bool cut = false;
  {
    const absl::MutexLock lock(&mutex_);
    const Fault* fault = nullptr;
    for (Fault& each : faults_) {
      if (each.times <= 0 || (!each.method.empty() && each.method != request.method)) continue;
      if (request.body.find(each.holding) == std::string::npos) continue;
      --each.times;
      fault = &each;
      break;
    }
    const size_t mark = request.target.find('?');
    const std::string path = request.target.substr(0, mark);
    const std::string query = mark == std::string::npos ? "" : request.target.substr(mark + 1);
    const std::string edit = WebhookPath() + "/messages/";
    if (fault != nullptr && !fault->after) {
      status = fault->status;
    } else if (path == "/generic" && request.method == "POST") {
      json_.push_back({.body = request.body, .signature = request.Field("x-gofarm-signature")});
      status = 200;
      body = "{}";
    } else if (request.Field("content-type") != "application/json") {
      status = 400;
      body = R"({"message": "Expected \"Content-Type\" header to be one of {'application/json'}.", "code": 50035})";
    } else if (request.body.find("\"embeds\":[{") == std::string::npos) {
      status = 400;
      body = R"({"message": "Cannot send an empty message", "code": 50006})";
    } else if (path == WebhookPath() && request.method == "POST") {
      const std::string id = Cat(1'100'000'000'000'000'000 + ++posts_);
      messages_[id] = request.body;
      const bool wait = query == "wait=true";
      status = wait ? 200 : 204;
      body = wait ? Cat(R"({"id": ")", id, R"(", "type": 0})") : "";
    } else if (path.rfind(edit, 0) == 0 && request.method == "PATCH") {
      const auto message = messages_.find(path.substr(edit.size()));
      if (message == messages_.end()) {
        body = R"({"message": "Unknown Message", "code": 10008})";
      } else {
        message->second = request.body;
        ++edits_;
        status = 200;
        body = Cat(R"({"id": ")", message->first, R"("})");
      }
    }
    if (fault != nullptr) {
      cut = fault->cut;
      status = fault->status;
      fields += fault->fields;
      body = fault->body;
    }
  }
  return !cut && peer.Answer(status, fields, body);
}

}  // namespace gofarm::testing
