#include "common/config/table.h"

#include <toml++/toml.h>

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>

#include "common/base/text.h"

namespace gofarm::config {
namespace {

struct Faults {
  std::string file;
  std::vector<std::pair<uint32_t, std::string>> lines;  // line (0: none), message
};

}  // namespace

struct Table::Impl {
  std::shared_ptr<Faults> faults;
  std::shared_ptr<toml::table> root;   // keeps nested tables alive
  const toml::table* table = nullptr;  // inside *root
  std::string prefix;                  // "toolset." for messages
  std::set<std::string> asked;
  bool nested = false;

  const toml::node* Find(std::string_view key) {
    asked.insert(std::string(key));
    return table == nullptr ? nullptr : table->get(key);
  }
  void Add(uint32_t line, std::string message) {
    if (faults->lines.size() < 100) faults->lines.emplace_back(line, std::move(message));
  }
  void Wrong(std::string_view key, const toml::node& node, std::string_view expected) {
    Add(node.source().begin.line, Cat(prefix, key, " must be ", expected));
  }
  void FindUnknown() {
    if (table == nullptr) return;
    for (const auto& [key, node] : *table) {
      const std::string name(key.str());
      if (asked.count(name) == 0) {
        Add(key.source().begin.line != 0 ? key.source().begin.line : node.source().begin.line,
            Cat("unknown key ", prefix, EscapeForPrint(name), "; known here: ", Known()));
      }
    }
    asked.clear();
    table = nullptr;
  }
  std::unique_ptr<Impl> Child(std::string_view key, const toml::table* of) const {
    auto child = std::make_unique<Impl>();
    child->faults = faults;
    child->root = root;
    child->table = of;
    child->prefix = Cat(prefix, key, ".");
    child->nested = true;
    return child;
  }
  std::string Known() const {
    std::string out;
    for (const std::string& k : asked) out += Cat(out.empty() ? "" : ", ", k);
    return out;
  }
};

Table::Table(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Table::Table(Table&&) noexcept = default;
Table::~Table() {
  if (impl_ && impl_->nested) impl_->FindUnknown();
}

Table Table::Parse(std::string_view text, std::string_view name) {
  auto impl = std::make_unique<Impl>();
  impl->faults = std::make_shared<Faults>();
  impl->faults->file = std::string(name);
  // The library as distributions build it throws; nothing of that leaves this function.
  try {
    impl->root = std::make_shared<toml::table>(toml::parse(text, name));
    impl->table = impl->root.get();
  } catch (const toml::parse_error& error) {
    impl->Add(error.source().begin.line, EscapeForPrint(error.description()));
  }
  return Table(std::move(impl));
}

Table Table::Empty() { return Parse("", "defaults"); }

Table Table::Load(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text;
  std::string error;
  if (!in) {
    error = "cannot be opened";
  } else {
    char buffer[4096];
    while (in.read(buffer, sizeof buffer) || in.gcount() > 0) {
      text.append(buffer, static_cast<size_t>(in.gcount()));
      if (static_cast<int64_t>(text.size()) > kConfigBytesMax) {
        error = Cat("is larger than ", kConfigBytesMax, " bytes");
        break;
      }
    }
    if (in.bad()) error = "cannot be read";
  }
  if (!error.empty()) {
    Table table = Parse("", path);
    table.impl_->Add(0, Cat("configuration file ", error));
    return table;
  }
  return Parse(text, path);
}

std::string Table::Str(std::string_view key, std::string_view fallback) {
  const toml::node* node = impl_->Find(key);
  if (node == nullptr) return std::string(fallback);
  if (const auto v = node->value_exact<std::string>()) return *v;
  impl_->Wrong(key, *node, "text");
  return std::string(fallback);
}

int64_t Table::Int(std::string_view key, int64_t fallback, int64_t min, int64_t max) {
  const toml::node* node = impl_->Find(key);
  if (node == nullptr) return fallback;
  const auto v = node->value_exact<int64_t>();
  if (v && *v >= min && *v <= max) return *v;
  impl_->Wrong(key, *node, Cat("a whole number from ", min, " to ", max));
  return fallback;
}

double Table::Number(std::string_view key, double fallback, double min, double max) {
  const toml::node* node = impl_->Find(key);
  if (node == nullptr) return fallback;
  const auto v = node->is_string() ? std::nullopt : node->value<double>();
  if (v && *v >= min && *v <= max) return *v;
  impl_->Wrong(key, *node, Cat("a number from ", min, " to ", max));
  return fallback;
}

bool Table::Bool(std::string_view key, bool fallback) {
  const toml::node* node = impl_->Find(key);
  if (node == nullptr) return fallback;
  if (const auto v = node->value_exact<bool>()) return *v;
  impl_->Wrong(key, *node, "true or false");
  return fallback;
}

absl::Duration Table::Duration(std::string_view key, absl::Duration fallback, absl::Duration min, absl::Duration max) {
  const toml::node* node = impl_->Find(key);
  if (node == nullptr) return fallback;
  absl::Duration d = absl::InfiniteDuration();
  if (const auto n = node->value<double>(); n && !node->is_string()) d = absl::Seconds(*n);
  if (const auto s = node->value_exact<std::string>()) {
    if (!absl::ParseDuration(*s, &d)) d = absl::InfiniteDuration();
  }
  if (d >= min && d <= max) return d;
  impl_->Wrong(key, *node,
               Cat("a duration from ", absl::FormatDuration(min), " to ", absl::FormatDuration(max),
                   ", in seconds or as text such as \"90s\" or \"30m\""));
  return fallback;
}

absl::StatusOr<int64_t> ParseBytes(std::string_view text) {
  size_t i = 0;
  int64_t n = 0;
  while (i < text.size() && std::isdigit(static_cast<unsigned char>(text[i])) != 0 && n < int64_t{1} << 40) {
    n = n * 10 + (text[i++] - '0');
  }
  const bool digits = i > 0;
  while (i < text.size() && text[i] == ' ') ++i;
  static const std::map<std::string_view, int> kUnits = {{"", 0},     {"B", 0},    {"KiB", 10},
                                                         {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
  const auto unit = kUnits.find(text.substr(i));
  if (!digits || unit == kUnits.end() || n >= (int64_t{1} << (62 - unit->second))) {
    return absl::InvalidArgumentError(
        Cat("\"", EscapeForPrint(text), "\" is no size; write bytes or a number with KiB, MiB, GiB or TiB"));
  }
  return n << unit->second;
}

int64_t Table::Bytes(std::string_view key, int64_t fallback, int64_t min, int64_t max) {
  const toml::node* node = impl_->Find(key);
  if (node == nullptr) return fallback;
  int64_t n = -1;
  if (const auto v = node->value_exact<int64_t>()) n = *v;
  if (const auto s = node->value_exact<std::string>()) n = ParseBytes(*s).value_or(-1);
  if (n >= min && n <= max) return n;
  impl_->Wrong(key, *node, Cat("a size from ", min, " to ", max, " bytes, as a number or such as \"6 GiB\""));
  return fallback;
}

std::vector<std::string> Table::StrList(std::string_view key, const std::vector<std::string>& fallback) {
  const toml::node* node = impl_->Find(key);
  if (node == nullptr) return fallback;
  std::vector<std::string> out;
  if (const auto one = node->value_exact<std::string>()) return {*one};
  if (const toml::array* list = node->as_array()) {
    for (const toml::node& item : *list) {
      if (const auto v = item.value_exact<std::string>()) {
        out.push_back(*v);
      } else {
        impl_->Wrong(key, item, "a list of texts");
        return fallback;
      }
    }
    return out;
  }
  impl_->Wrong(key, *node, "a list of texts");
  return fallback;
}

std::vector<Table> Table::Tables(std::string_view key) {
  std::vector<Table> out;
  const toml::node* node = impl_->Find(key);
  if (node == nullptr) return out;
  const toml::array* list = node->as_array();
  if (list == nullptr) {
    impl_->Wrong(key, *node, Cat("a list of tables, written [[", key, "]]"));
    return out;
  }
  for (const toml::node& item : *list) {
    const toml::table* table = item.as_table();
    if (table == nullptr) {
      impl_->Wrong(key, item, "a table");
      continue;
    }
    out.push_back(Table(impl_->Child(key, table)));
  }
  return out;
}

Table Table::Sub(std::string_view key) {
  static const toml::table kEmpty;
  const toml::node* node = impl_->Find(key);
  const toml::table* table = node == nullptr ? &kEmpty : node->as_table();
  if (table == nullptr) {
    impl_->Wrong(key, *node, Cat("a table, written [", impl_->prefix, key, "]"));
    table = &kEmpty;
  }
  return Table(impl_->Child(key, table));
}

std::vector<std::string> Table::Keys() {
  std::vector<std::string> keys;
  if (impl_->table == nullptr) return keys;
  for (const auto& [key, node] : *impl_->table) keys.emplace_back(key.str());
  for (const std::string& key : keys) impl_->Find(key);
  return keys;
}

void Table::Fault(std::string_view key, std::string_view message) {
  const toml::node* node = impl_->table == nullptr ? nullptr : impl_->table->get(key);
  impl_->Add(node == nullptr ? 0 : node->source().begin.line, Cat(impl_->prefix, key, ": ", message));
}

absl::Status Table::Finish() {
  impl_->FindUnknown();
  if (impl_->faults->lines.empty()) return absl::OkStatus();
  std::string all;
  for (const auto& [line, message] : impl_->faults->lines) {
    if (!all.empty()) all += "\n";
    all += line == 0 ? Cat(impl_->faults->file, ": ", message) : Cat(impl_->faults->file, ":", line, ": ", message);
  }
  return absl::InvalidArgumentError(all);
}

std::string Overlay(const std::string& flag, const char* environment, const std::string& file_value) {
  if (!flag.empty()) return flag;
  const char* value = std::getenv(environment);
  if (value != nullptr && *value != '\0') return value;
  return file_value;
}

absl::Status CheckNamesFile(std::string_view value) {
  if (value.find(":/") == std::string_view::npos) return absl::OkStatus();
  return absl::InvalidArgumentError("names a file; put the address into one");
}

}  // namespace gofarm::config
