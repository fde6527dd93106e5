// Reads a TOML file (or the text of one) against what the caller asks for. Each getter takes the default and notes
// every fault; Finish() gives all of them at once: syntax, wrong types, values out of range, and keys that nobody asked
// for, each with its line. Nothing is opened before Finish() said OK. Not thread-safe: used once at start.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gofarm::config {

inline constexpr int64_t kConfigBytesMax = 1 << 20;

class Table {
 public:
  // A file that is missing, too large or no TOML is an error of Finish(), so that flags can be checked along with it.
  static Table Load(const std::string& path);
  static Table Parse(std::string_view text, std::string_view name);
  static Table Empty();
  Table(Table&&) noexcept;
  ~Table();

  std::string Str(std::string_view key, std::string_view fallback);
  int64_t Int(std::string_view key, int64_t fallback, int64_t min, int64_t max);
  double Number(std::string_view key, double fallback, double min, double max);
  bool Bool(std::string_view key, bool fallback);
  // Seconds as a number, or text such as "30s", "10m", "1h30m".
  absl::Duration Duration(std::string_view key, absl::Duration fallback, absl::Duration min, absl::Duration max);
  // Bytes as a number, or text such as "512 MiB", "6GiB".
  int64_t Bytes(std::string_view key, int64_t fallback, int64_t min, int64_t max);
  // A single text is a list of one.
  std::vector<std::string> StrList(std::string_view key, const std::vector<std::string>& fallback);
  // The table `[key]`, empty when there is none. It reports into this table's list of faults and must not outlive it.
  Table Sub(std::string_view key);
  // Its keys, in the order of their names; all of them count as known.
  std::vector<std::string> Keys();
  // The tables of `[[key]]`, in order. They report into this table's list of faults and must not outlive it.
  std::vector<Table> Tables(std::string_view key);

  // Adds a fault found by the caller ("listen: ..."), with the key's line when the file has the key.
  void Fault(std::string_view key, std::string_view message);
  // OK, or INVALID_ARGUMENT with one fault a line. Unknown keys are looked for now.
  absl::Status Finish();

 private:
  struct Impl;
  explicit Table(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// "512 MiB" → bytes; INVALID_ARGUMENT names the text.
absl::StatusOr<int64_t> ParseBytes(std::string_view text);

// Flag over environment over file: the first that is set. `environment` is the name of a variable.
std::string Overlay(const std::string& flag, const char* environment, const std::string& file_value);

// INVALID_ARGUMENT: an address stands where a file belongs that would hold it; it may be a secret, so it is not
// repeated. Also as a path that was made absolute, which has one slash left.
absl::Status CheckNamesFile(std::string_view value);

}  // namespace gofarm::config
