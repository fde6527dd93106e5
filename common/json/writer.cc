#include "common/json/writer.h"

#include <charconv>
#include <cmath>
#include <utility>

#include "absl/time/time.h"
#include "common/base/check.h"
#include "common/base/text.h"
#include "common/json/quote.h"

namespace gofarm {

std::string FormatUtc(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", absl::FromUnixMicros(absl::ToUnixMicros(time)), absl::UTCTimeZone());
}

void JsonWriter::NewLine() {
  if (layout_ == Layout::kCompact) return;
  out_ += '\n';
  out_.append(2 * levels_.size(), ' ');
}

void JsonWriter::BeforeValue() {
  if (key_written_) {
    key_written_ = false;
    return;
  }
  if (levels_.empty()) {
    GOFARM_CHECK(out_.empty());
    return;
  }
  GOFARM_CHECK(!levels_.back().object);
  if (!levels_.back().empty) out_ += ',';
  levels_.back().empty = false;
  NewLine();
}

JsonWriter& JsonWriter::Key(std::string_view key) {
  GOFARM_CHECK(!levels_.empty() && levels_.back().object && !key_written_);
  if (!levels_.back().empty) out_ += ',';
  levels_.back().empty = false;
  NewLine();
  AppendJsonString(out_, key);
  out_ += layout_ == Layout::kCompact ? ":" : ": ";
  key_written_ = true;
  return *this;
}

JsonWriter& JsonWriter::BeginObject() {
  BeforeValue();
  out_ += '{';
  levels_.push_back({.object = true});
  return *this;
}

JsonWriter& JsonWriter::EndObject() {
  GOFARM_CHECK(!levels_.empty() && levels_.back().object && !key_written_);
  const bool empty = levels_.back().empty;
  levels_.pop_back();
  if (!empty) NewLine();
  out_ += '}';
  return *this;
}

JsonWriter& JsonWriter::BeginArray() {
  BeforeValue();
  out_ += '[';
  levels_.push_back({.object = false});
  return *this;
}

JsonWriter& JsonWriter::EndArray() {
  GOFARM_CHECK(!levels_.empty() && !levels_.back().object);
  const bool empty = levels_.back().empty;
  levels_.pop_back();
  if (!empty) NewLine();
  out_ += ']';
  return *this;
}

JsonWriter& JsonWriter::String(std::string_view text) {
  BeforeValue();
  AppendJsonString(out_, text);
  return *this;
}

JsonWriter& JsonWriter::Int(int64_t number) {
  BeforeValue();
  out_ += Cat(number);
  return *this;
}

JsonWriter& JsonWriter::Double(double number) {
  BeforeValue();
  if (!std::isfinite(number)) number = 0;
  char buffer[32];
  const std::to_chars_result end = std::to_chars(buffer, buffer + sizeof buffer, number);
  out_.append(buffer, end.ptr);
  return *this;
}

JsonWriter& JsonWriter::Bool(bool value) {
  BeforeValue();
  out_ += value ? "true" : "false";
  return *this;
}

JsonWriter& JsonWriter::Null() {
  BeforeValue();
  out_ += "null";
  return *this;
}

JsonWriter& JsonWriter::Raw(std::string_view json) {
  BeforeValue();
  out_ += json;
  return *this;
}

JsonWriter& JsonWriter::Time(absl::Time time) {
  if (time == absl::InfinitePast()) return Null();
  return String(FormatUtc(time));
}

std::string JsonWriter::Take() {
  GOFARM_CHECK(levels_.empty() && !out_.empty());
  if (layout_ == Layout::kIndented) out_ += '\n';
  return std::exchange(out_, std::string());
}

}  // namespace gofarm
