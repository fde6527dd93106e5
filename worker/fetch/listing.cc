#include "worker/fetch/listing.h"

#include <simdjson.h>

#include <optional>

#include "common/base/json_writer.h"
#include "common/base/text.h"

namespace gofarm::fetch {
namespace {

namespace dom = simdjson::dom;

// Raised whenever the form or the meaning of a stored listing changes: older ones are then made again.
constexpr int64_t kFormat = 1;

std::optional<FailureClass> ParseFailure(int64_t number) {
  if (number < 0 || number > static_cast<int64_t>(FailureClass::kInternal)) return std::nullopt;
  return static_cast<FailureClass>(number);
}

// Collects whether everything was there, so that reading stays a plain list of fields.
class Reader {
 public:
  explicit Reader(dom::object object, bool& ok) : object_(object), ok_(ok) {}
  void Read(std::string_view name, std::string& out) {
    std::string_view text;
    if (object_[name].get(text) == simdjson::SUCCESS) {
      out = text;
    } else {
      ok_ = false;
    }
  }
  void Read(std::string_view name, bool& out) {
    if (object_[name].get(out) != simdjson::SUCCESS) ok_ = false;
  }
  void Read(std::string_view name, int64_t& out) {
    if (object_[name].get(out) != simdjson::SUCCESS) ok_ = false;
  }
  template <typename Each>
  void Objects(std::string_view name, const Each& each) {
    dom::array array;
    if (object_[name].get(array) != simdjson::SUCCESS) {
      ok_ = false;
      return;
    }
    for (const dom::element item : array) {
      dom::object object;
      if (item.get(object) != simdjson::SUCCESS) {
        ok_ = false;
        return;
      }
      each(Reader(object, ok_));
    }
  }
  void Texts(std::string_view name, std::vector<std::string>& out) {
    dom::array array;
    if (object_[name].get(array) != simdjson::SUCCESS) {
      ok_ = false;
      return;
    }
    for (const dom::element item : array) {
      std::string_view text;
      if (item.get(text) != simdjson::SUCCESS) ok_ = false;
      out.emplace_back(text);
    }
  }
  void Texts(std::string_view name, std::map<std::string, std::string>& out) {
    dom::object object;
    if (object_[name].get(object) != simdjson::SUCCESS) {
      ok_ = false;
      return;
    }
    for (const auto& [key, value] : object) {
      std::string_view text;
      if (value.get(text) != simdjson::SUCCESS) ok_ = false;
      out.emplace(std::string(key), std::string(text));
    }
  }
  void Texts(std::string_view name, std::map<std::string, std::vector<std::string>>& out) {
    dom::object object;
    if (object_[name].get(object) != simdjson::SUCCESS) {
      ok_ = false;
      return;
    }
    Reader inner(object, ok_);
    for (const auto& [key, value] : object) inner.Texts(key, out[std::string(key)]);
  }
  void Fail() { ok_ = false; }

 private:
  dom::object object_;
  bool& ok_;
};

void WriteTarget(JsonWriter& json, const TargetListing& listing) {
  json.BeginObject();
  json.Field("target", std::string_view(TargetName(listing.target)));
  json.Key("programs").BeginArray();
  for (const Program& p : listing.programs) {
    json.BeginObject()
        .Field("import_path", p.import_path)
        .Field("name", p.name)
        .Field("dir", p.dir)
        .Field("has_main_func", p.has_main_func)
        .Field("failure", static_cast<int64_t>(p.failure))
        .Field("detail", p.detail)
        .EndObject();
  }
  json.EndArray();
  json.Field("uses_cgo", listing.uses_cgo)
      .Field("uses_c", listing.uses_c)
      .Field("uses_cxx", listing.uses_cxx)
      .Field("uses_assembly", listing.uses_assembly)
      .Field("uses_syso", listing.uses_syso);
  json.Key("modules").BeginArray();
  for (const LinkedModule& m : listing.modules) {
    json.BeginObject()
        .Field("path", m.path)
        .Field("version", m.version)
        .Field("h1", m.h1)
        .Field("replace_path", m.replace_path)
        .Field("replace_version", m.replace_version)
        .Field("dir", m.dir)
        .EndObject();
  }
  json.EndArray();
  json.Key("packages").BeginObject();
  for (const auto& [path, name] : listing.packages) json.Field(path, name);
  json.EndObject();
  json.Key("imports").BeginObject();
  for (const auto& [path, imports] : listing.imports) {
    json.Key(path).BeginArray();
    for (const std::string& import : imports) json.String(import);
    json.EndArray();
  }
  json.EndObject();
  json.EndObject();
}

TargetListing ReadTarget(Reader& in) {
  TargetListing listing;
  std::string target;
  in.Read("target", target);
  const std::optional<Target> parsed = ParseTarget(target);
  if (parsed.has_value()) {
    listing.target = *parsed;
  } else {
    in.Fail();
  }
  in.Objects("programs", [&](Reader program) {
    Program p;
    int64_t failure = 0;
    program.Read("import_path", p.import_path);
    program.Read("name", p.name);
    program.Read("dir", p.dir);
    program.Read("has_main_func", p.has_main_func);
    program.Read("failure", failure);
    program.Read("detail", p.detail);
    const std::optional<FailureClass> known = ParseFailure(failure);
    if (!known.has_value()) program.Fail();
    p.failure = known.value_or(FailureClass::kInternal);
    listing.programs.push_back(std::move(p));
  });
  in.Read("uses_cgo", listing.uses_cgo);
  in.Read("uses_c", listing.uses_c);
  in.Read("uses_cxx", listing.uses_cxx);
  in.Read("uses_assembly", listing.uses_assembly);
  in.Read("uses_syso", listing.uses_syso);
  in.Objects("modules", [&](Reader module) {
    LinkedModule m;
    module.Read("path", m.path);
    module.Read("version", m.version);
    module.Read("h1", m.h1);
    module.Read("replace_path", m.replace_path);
    module.Read("replace_version", m.replace_version);
    module.Read("dir", m.dir);
    listing.modules.push_back(std::move(m));
  });
  in.Texts("packages", listing.packages);
  in.Texts("imports", listing.imports);
  return listing;
}

}  // namespace

const TargetListing* Listing::Find(Target target) const {
  for (const TargetListing& listing : targets) {
    if (listing.target == target) return &listing;
  }
  return nullptr;
}

std::string ToJson(const Listing& listing) {
  JsonWriter json;
  json.BeginObject();
  json.Field("format", kFormat)
      .Field("module", listing.module)
      .Field("version", listing.version)
      .Field("module_h1", listing.module_h1)
      .Field("go_line", listing.go_line)
      .Field("go_version", listing.go_version)
      .Field("variant", listing.variant)
      .Field("go_mod", listing.go_mod)
      .Field("go_sum", listing.go_sum)
      .Field("dir", listing.dir)
      .Field("has_go_mod", listing.has_go_mod)
      .Field("bytes_fetched", listing.bytes_fetched);
  json.Key("cache_dirs").BeginArray();
  for (const std::string& dir : listing.cache_dirs) json.String(dir);
  json.EndArray();
  json.Key("targets").BeginArray();
  for (const TargetListing& target : listing.targets) WriteTarget(json, target);
  json.EndArray();
  json.EndObject();
  return json.Take();
}

absl::StatusOr<Listing> ListingFromJson(std::string_view text) {
  dom::parser parser;
  dom::object object;
  if (parser.parse(simdjson::padded_string(text)).get(object) != simdjson::SUCCESS) {
    return absl::InvalidArgumentError("stored listing is no JSON object");
  }
  bool ok = true;
  Reader in(object, ok);
  int64_t format = 0;
  in.Read("format", format);
  if (format != kFormat) return absl::InvalidArgumentError(Cat("stored listing has format ", format, ", not ", kFormat));
  Listing listing;
  in.Read("module", listing.module);
  in.Read("version", listing.version);
  in.Read("module_h1", listing.module_h1);
  in.Read("go_line", listing.go_line);
  in.Read("go_version", listing.go_version);
  in.Read("variant", listing.variant);
  in.Read("go_mod", listing.go_mod);
  in.Read("go_sum", listing.go_sum);
  in.Read("dir", listing.dir);
  in.Read("has_go_mod", listing.has_go_mod);
  in.Read("bytes_fetched", listing.bytes_fetched);
  in.Texts("cache_dirs", listing.cache_dirs);
  in.Objects("targets", [&](Reader target) { listing.targets.push_back(ReadTarget(target)); });
  if (!ok) return absl::InvalidArgumentError("stored listing lacks fields or has unknown values");
  return listing;
}

}  // namespace gofarm::fetch
