// Archives of toolchains for the farm's workers, by digest: those that the toolsets name, and the first Go for hosts
// that have none. Got when one is asked for, from the source that the toolset names, one after the other by a thread of
// its own; checked by SHA-256 before anybody gets a byte, and kept:
//
//   FOLDER/<sha256>     whole, by rename
//   FOLDER/.tmp-XXXXXX  what is on its way; removed at the start
//
// What no toolset names any more is removed at the start. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "common/vocab/toolset.h"
#include "coordinator/blob/blob_store.h"

namespace gofarm::service {

inline constexpr absl::Duration kArchiveObtainMax = absl::Minutes(15);    // for one archive to come
inline constexpr absl::Duration kArchiveFailureRests = absl::Minutes(1);  // before its source is asked again

class ArchiveService {
 public:
  // Brings `archive` below `scratch`, an existing folder; the path of the file.
  using Obtain = std::function<absl::StatusOr<std::string>(const Scope& scope, const Archive& archive,
                                                           const std::string& scratch)>;
  struct Options {
    std::string folder;
    std::vector<Archive> archives;  // of one SHA-256 there may be several: its places are tried in turn
    absl::Duration failure_rests = kArchiveFailureRests;
  };

  ArchiveService(Options options, Obtain obtain);
  ~ArchiveService();  // Stop
  ArchiveService(const ArchiveService&) = delete;
  ArchiveService& operator=(const ArchiveService&) = delete;

  // Makes the folder, and removes what does not belong there. Once, before the first Open.
  absl::Status Prepare();
  // Waits until the archive is here. NOT_FOUND: no toolset names it; FAILED_PRECONDITION: it could not be got, and why;
  // OUT_OF_RANGE: `offset` lies beyond its end; CANCELLED, DEADLINE_EXCEEDED by the scope; UNAVAILABLE: it was stopped.
  absl::StatusOr<std::unique_ptr<blob::Reader>> Open(const Scope& scope, const std::string& sha256, int64_t offset);
  void Stop();

 private:
  struct Entry {
    std::vector<Archive> places;
    bool wanted = false;  // in line, or on its way
    bool here = false;    // and its SHA-256 was looked at by this process
    absl::Status failure;
    absl::Time failed_at = absl::InfinitePast();
  };

  // Until it is here.
  absl::Status Await(const Scope& scope, const std::string& sha256);
  void Run(const std::stop_token& stop);
  absl::Status Get(const Scope& scope, const std::string& sha256, const std::vector<Archive>& places);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || !line_.empty(); }
  std::string FileOf(const std::string& sha256) const;

  const Options options_;
  const Obtain obtain_;
  absl::Mutex mutex_;
  absl::CondVar changed_;
  std::map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);  // by SHA-256; none is added or removed later
  std::deque<std::string> line_ ABSL_GUARDED_BY(mutex_);          // each at most once
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace gofarm::service
