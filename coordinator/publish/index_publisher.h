// Keeps the published index as the database orders it: reads what is to be shown, writes a signed state of all files,
// and then settles the orders that it shows. One thread, on the coordinator that leads. What a killed one left is done
// again: a state that was written and not settled is followed by an equal one with a higher number.
//
// Each start writes a state, ordered or not. What stands in the folder may be of before another coordinator led, be
// signed by a key of before, or not name a key that was announced; and orders that were settled say nothing of it.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/scope.h"
#include "coordinator/domain/publishing.h"
#include "coordinator/publish/index.h"
#include "coordinator/publish/index_folder.h"
#include "coordinator/publish/keys.h"

namespace gofarm::publish {

inline constexpr absl::Duration kIndexLook = absl::Seconds(1);    // between two looks for orders
inline constexpr absl::Duration kIndexEvery = absl::Seconds(30);  // between two states
inline constexpr absl::Duration kIndexRetry = absl::Seconds(10);  // after one that failed
inline constexpr absl::Duration kIndexCallMax = absl::Minutes(2);
inline constexpr int kIndexOrdersMax = 1'000;  // read at once

// By the database.
class IndexOrders {
 public:
  virtual ~IndexOrders() = default;
  // All that the index shows or is to show, by id, a page at a time.
  virtual absl::StatusOr<std::vector<domain::Publication>> Shown(const Scope& scope, domain::PublicationId after) = 0;
  // Orders that are not carried out yet, taking away included.
  virtual absl::StatusOr<std::vector<domain::Publication>> Due(const Scope& scope, int limit) = 0;
  virtual absl::Status Settle(const Scope& scope, const std::vector<std::pair<domain::PublicationId, int>>& shown) = 0;
  // Higher than any that was handed out, and than `above`.
  virtual absl::StatusOr<int64_t> NextGeneration(const Scope& scope, int64_t above) = 0;
  virtual absl::StatusOr<std::vector<domain::PublishKey>> Keys(const Scope& scope) = 0;
};

struct IndexPublisherParts {
  IndexOrders& orders;
  KeysFn keys;
  std::string folder;
  std::string public_url;
  Publisher publisher;
  std::string builder_id;  // that provenance names; keys.json tells it
  std::function<absl::Time()> wall_now = WallNow;
};

class IndexPublisher {
 public:
  explicit IndexPublisher(IndexPublisherParts parts);
  ~IndexPublisher();

  void Start();
  void Stop();
  // The next round writes although nothing is ordered: the keys are other ones.
  void WriteAgain() { ++wanted_; }
  // One round without a thread: reads everything when it has not yet, and writes when it has not yet or there is an
  // order. Whether it carried one out.
  absl::StatusOr<bool> RunOnce(const Scope& scope);
  // "FOLDER/current".
  std::string CurrentFolder() const { return folder_.CurrentFolder(); }
  int64_t CurrentNumber() const { return folder_.CurrentNumber(); }
  absl::Time CurrentTime() const { return folder_.CurrentTime(); }
  int64_t Programs() const;

 private:
  using Identity = std::pair<std::string, std::string>;  // module; program, version and target in one text
  void Run(const std::stop_token& stop);
  absl::Status ReadAll(const Scope& scope);
  // Of what is in the index now: names depend on all of it.
  void SettleNames();
  absl::Status Apply();
  absl::StatusOr<std::vector<IndexFile>> Files(const Scope& scope);

  const IndexPublisherParts parts_;
  IndexFolder folder_;
  std::atomic<int> wanted_{1};  // states that no order asks for: the start's is the first
  std::jthread thread_;
  mutable absl::Mutex mutex_;
  bool read_ ABSL_GUARDED_BY(mutex_) = false;
  int written_for_ ABSL_GUARDED_BY(mutex_) = 0;  // what wanted_ was for the last one
  Index index_ ABSL_GUARDED_BY(mutex_);
  std::map<Identity, RecordInput> programs_ ABSL_GUARDED_BY(mutex_);  // as they shall stand in the index
  std::set<Identity> changed_ ABSL_GUARDED_BY(mutex_);                // not in index_ yet
  std::map<Identity, RecordInput> removed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::publish
