#include "common/base/json_writer.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <utility>

#include "absl/time/time.h"
#include "common/base/check.h"
#include "common/base/text.h"

namespace gofarm {
namespace {

// Bytes of the UTF-8 character at `i`; 0 when there is none. Overlong forms, surrogates and what lies beyond U+10FFFF are none.
size_t CharacterLength(std::string_view text, size_t i) {
  const auto byte = [&](size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned char first = byte(i);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || i + length > text.size()) return 0;
  for (size_t k = 1; k < length; ++k) {
    if ((byte(i + k) & 0xC0) != 0x80) return 0;
  }
  const unsigned char second = byte(i + 1);
  if (first == 0xE0 && second < 0xA0) return 0;
  if (first == 0xED && second > 0x9F) return 0;
  if (first == 0xF0 && second < 0x90) return 0;
  if (first == 0xF4 && second > 0x8F) return 0;
  return length;
}

void AppendQuoted(std::string& out, std::string_view text) {
  out += '"';
  for (size_t i = 0; i < text.size();) {
    const size_t length = CharacterLength(text, i);
    if (length == 0) {
      out += "\\ufffd";
      ++i;
      continue;
    }
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (length > 1) {
      out.append(text.substr(i, length));
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c < 0x20 || c == 0x7F) {
      char buffer[8];
      std::snprintf(buffer, sizeof buffer, "\\u%04x", c);
      out += buffer;
    } else {
      out += static_cast<char>(c);
    }
    i += length;
  }
  out += '"';
}

}  // namespace

std::string FormatUtc(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", absl::FromUnixMicros(absl::ToUnixMicros(time)), absl::UTCTimeZone());
}

void JsonWriter::NewLine() {
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
  AppendQuoted(out_, key);
  out_ += ": ";
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
  AppendQuoted(out_, text);
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

JsonWriter& JsonWriter::Time(absl::Time time) {
  if (time == absl::InfinitePast()) return Null();
  return String(FormatUtc(time));
}

std::string JsonWriter::Take() {
  GOFARM_CHECK(levels_.empty() && !out_.empty());
  out_ += '\n';
  return std::exchange(out_, std::string());
}

}  // namespace gofarm
