// The catalog of one farm as seen by a command. Answers are the documents of common/catalog/fields.h. Failures as of
// FarmClient, whose connection and patience it uses and which must outlive it. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/client.h"
#include "common/base/scope.h"

namespace gofarm::cli {

inline constexpr absl::Duration kSelectDeadline = absl::Minutes(10);
inline constexpr absl::Duration kIngestDeadline = absl::Hours(6);
inline constexpr absl::Duration kTopicDeadline = absl::Hours(2);
inline constexpr size_t kIngestChunk = 256 << 10;  // bytes of one message

struct SelectOptions {
  bool submit = false;
  std::string name;
  std::string submitter;
};

class CatalogClient {
 public:
  explicit CatalogClient(FarmClient& farm) : farm_(farm) {}

  using Document = absl::StatusOr<std::string>;
  Document RunStages(const std::vector<std::string>& stages);
  Document PauseStages(const std::vector<std::string>& stages);
  Document Status(bool fresh);
  Document Stats();
  Document Funnel();
  Document Updates();
  Document Show(const std::string& module);
  Document Why(const std::string& module);
  Document Search(const std::string& words, int limit);
  Document Refresh(const std::string& module, const std::string& stage);
  // One request id for all tries: the batch is made once, whatever answer got lost.
  Document Select(const SelectOptions& options);
  Document CheckForecast();
  // Page by page.
  absl::Status Versions(const std::string& module, const std::function<absl::Status(const std::string& page)>& sink);

  // One try; nothing of it counts before its answer. `read` gives the next bytes, at most kIngestChunk; empty: the end.
  using Source = std::function<absl::StatusOr<std::string>()>;
  Document Ingest(const Scope& scope, const Source& read);
  Document Import(const std::string& origin, const std::string& text);
  // `progress` hears how far it is, as the result so far. One try.
  Document ImportTopic(const std::string& topic, const std::function<void(const std::string& so_far)>& progress);

 private:
  FarmClient& farm_;
};

}  // namespace gofarm::cli
