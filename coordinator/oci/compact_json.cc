#include "coordinator/oci/compact_json.h"

#include <cstdio>

#include "common/base/text.h"
#include "common/base/utf8.h"

namespace gofarm::oci {
namespace {

void AppendQuoted(std::string& out, std::string_view text) {
  out += '"';
  for (size_t i = 0; i < text.size();) {
    uint32_t rune = 0;
    const size_t length = Utf8Length(text, i, rune);
    if (length == 0) {
      out += "\\ufffd";
      ++i;
      continue;
    }
    switch (rune) {
      case '"':
      case '\\':
        out += '\\';
        out += text[i];
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (rune < 0x20 || rune == '<' || rune == '>' || rune == '&' || rune == 0x2028 || rune == 0x2029) {
          char buffer[8];
          std::snprintf(buffer, sizeof buffer, "\\u%04x", rune);
          out += buffer;
        } else {
          out.append(text.substr(i, length));
        }
    }
    i += length;
  }
  out += '"';
}

}  // namespace

void CompactJson::Next() {
  if (out_.empty()) return;
  const char last = out_.back();
  if (last != '{' && last != '[' && last != ':') out_ += ',';
}

CompactJson& CompactJson::Open(char bracket) {
  Next();
  out_ += bracket;
  return *this;
}

CompactJson& CompactJson::Close(char bracket) {
  out_ += bracket;
  return *this;
}

CompactJson& CompactJson::Key(std::string_view key) {
  Next();
  AppendQuoted(out_, key);
  out_ += ':';
  return *this;
}

CompactJson& CompactJson::String(std::string_view text) {
  Next();
  AppendQuoted(out_, text);
  return *this;
}

CompactJson& CompactJson::Int(int64_t number) {
  Next();
  out_ += Cat(number);
  return *this;
}

CompactJson& CompactJson::Raw(std::string_view json) {
  Next();
  out_ += json;
  return *this;
}

CompactJson& CompactJson::Optional(std::string_view key, const std::map<std::string, std::string>& texts) {
  if (texts.empty()) return *this;
  Key(key).Open('{');
  for (const auto& [name, text] : texts) Field(name, text);
  return Close('}');
}

}  // namespace gofarm::oci
