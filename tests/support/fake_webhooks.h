// A server that speaks Discord's form of webhooks, and takes signed JSON at /generic; it fails as a test tells it to.
// For tests of clients only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "tests/support/raw_http_server.h"

namespace gofarm::testing {

inline constexpr char kWebhookToken[] = "sEcReT-t0ken";

class FakeWebhooks {
 public:
  // The answer to the next `times` requests of this method (empty: any) whose body holds this, in place of what they
  // ask for.
  struct Fault {
    std::string method;
    std::string holding;
    int status = 500;
    std::string fields;  // "Name: value\r\n"
    std::string body = "{}";
    int times = 1;
    bool after = false;  // what was asked for is done all the same
    bool cut = false;    // the connection is closed without an answer
  };
  struct Posted {
    std::string body;
    std::string signature;  // of X-Gofarm-Signature
  };

  FakeWebhooks();
  ~FakeWebhooks();

  std::string discord_url() const;
  std::string json_url() const;
  void Inject(Fault fault);
  // As a moderator does.
  void Delete(const std::string& message_id);

  int posts() const;  // messages that were made
  int edits() const;
  int requests() const { return static_cast<int>(server_->requests().size()); }
  std::map<std::string, std::string> messages() const;  // by id; those that are not deleted
  std::vector<Posted> json() const;

 private:
  bool Serve(const RawHttpServer::Request& request, RawHttpServer::Peer& peer);

  mutable absl::Mutex mutex_;
  std::vector<Fault> faults_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> messages_ ABSL_GUARDED_BY(mutex_);
  std::vector<Posted> json_ ABSL_GUARDED_BY(mutex_);
  int posts_ ABSL_GUARDED_BY(mutex_) = 0;
  int edits_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<RawHttpServer> server_;
};

}  // namespace gofarm::testing
