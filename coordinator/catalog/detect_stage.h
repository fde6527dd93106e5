// Stage 5 of the list, "detect": reads the zips of reachable modules by ranges and finds their programs.
// Parsing runs in child processes; a module that ends its child twice is set aside.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/godetect/detection.h"
#include "coordinator/catalog/config.h"
#include "coordinator/catalog/stage_loop.h"
#include "coordinator/catalog/upstream.h"
#include "coordinator/domain/catalog.h"
#include "coordinator/store/catalog_store.h"

namespace gofarm::catalog {

inline constexpr int kDetectVersion = 2;  // raised: every module is looked into again
inline constexpr int kDetectSet = 64;     // modules of one turn
inline constexpr int kDetectThreads = 8;  // modules at once: most of the time is waiting for the proxy
inline constexpr int kCrashesMax = 2;
inline constexpr absl::Duration kDetectOneMax = absl::Minutes(10);
inline constexpr absl::Duration kDetectAgainFirst = absl::Minutes(5);
inline constexpr absl::Duration kDetectAgainMax = absl::Hours(24);
inline constexpr size_t kDemandMax = 500;       // of one module on others
inline constexpr size_t kWordsBytesMax = 4000;  // names for the search

class DetectStage final : public StageTurn {
 public:
  // Zips come through the gate of the module proxy. `go_version`: of the Go that builds; `parser`: the program that is
  // started to parse, empty for the running one.
  DetectStage(const Config& config, int64_t epoch, store::CatalogStore& store, Upstream& upstream,
              std::string go_version, std::string parser = "")
      : config_(config),
        epoch_(epoch),
        store_(store),
        upstream_(upstream),
        go_version_(std::move(go_version)),
        parser_(std::move(parser)) {}

  absl::StatusOr<Done> Turn(const Scope& scope) override;

 private:
  struct Found {
    bool attempted = false;  // else the scope ended, or the proxy was paused, before anything was learned
    DetectionRow row;
    WorkDone work;
    std::string error;  // class; empty: a result
  };
  Found One(const Scope& scope, const Claimed& module, const ReachRow& reach, const std::optional<DetectionRow>& before,
            class ParserPool& parsers) const;

  const Config& config_;
  const int64_t epoch_;
  store::CatalogStore& store_;
  Upstream& upstream_;
  const std::string go_version_;
  const std::string parser_;
};

// The table row of what was found. Pure.
DetectionRow RowOf(const Claimed& module, const std::string& version, const godetect::Detection& detection,
                   absl::Time now);

}  // namespace gofarm::catalog
