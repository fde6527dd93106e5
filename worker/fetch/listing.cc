#include "worker/fetch/listing.h"

#include <simdjson.h>

#include <optional>
#include <type_traits>

#include "common/base/json_writer.h"
#include "common/base/text.h"

namespace gofarm::fetch {
namespace {

namespace dom = simdjson::dom;

// Raised whenever the form or the meaning of a stored listing changes: older ones are then made again.
constexpr int64_t kFormat = 2;

// Each Fields below names the fields of one type once, for both ways: `form` is a Writer or a Reader.

class Writer {
 public:
  explicit Writer(JsonWriter& json) : json_(json) {}

  void Field(std::string_view name, const std::string& text) { json_.Field(name, text); }
  void Field(std::string_view name, bool value) { json_.Field(name, value); }
  void Field(std::string_view name, int64_t number) { json_.Field(name, number); }
  void Field(std::string_view name, FailureClass failure) { json_.Field(name, static_cast<int64_t>(failure)); }
  void Field(std::string_view name, Target target) { json_.Field(name, std::string_view(TargetName(target))); }
  void Field(std::string_view name, const std::vector<std::string>& texts) {
    json_.Key(name).BeginArray();
    for (const std::string& text : texts) json_.String(text);
    json_.EndArray();
  }
  template <typename Value>
  void Field(std::string_view name, const std::map<std::string, Value>& values) {
    json_.Key(name).BeginObject();
    for (const auto& [key, value] : values) Field(key, value);
    json_.EndObject();
  }
  template <typename Item>
  void Field(std::string_view name, const std::vector<Item>& items) {
    json_.Key(name).BeginArray();
    for (const Item& item : items) {
      json_.BeginObject();
      Fields(*this, item);
      json_.EndObject();
    }
    json_.EndArray();
  }

 private:
  JsonWriter& json_;
};

// Collects whether everything was there.
class Reader {
 public:
  Reader(dom::object object, bool& ok) : object_(object), ok_(ok) {}

  void Field(std::string_view name, std::string& out) {
    std::string_view text;
    Get(name, text);
    out = text;
  }
  void Field(std::string_view name, bool& out) { Get(name, out); }
  void Field(std::string_view name, int64_t& out) { Get(name, out); }
  void Field(std::string_view name, FailureClass& out) {
    int64_t number = 0;
    Get(name, number);
    if (number < 0 || number > static_cast<int64_t>(FailureClass::kInternal)) {
      ok_ = false;
      number = static_cast<int64_t>(FailureClass::kInternal);
    }
    out = static_cast<FailureClass>(number);
  }
  void Field(std::string_view name, Target& out) {
    std::string_view text;
    Get(name, text);
    const std::optional<Target> target = ParseTarget(text);
    ok_ &= target.has_value();
    out = target.value_or(out);
  }
  void Field(std::string_view name, std::vector<std::string>& out) {
    ForEach(name, [&](const dom::element& item) {
      std::string_view text;
      ok_ &= item.get(text) == simdjson::SUCCESS;
      out.emplace_back(text);
    });
  }
  template <typename Value>
  void Field(std::string_view name, std::map<std::string, Value>& out) {
    dom::object object;
    if (!Get(name, object)) return;
    Reader inner(object, ok_);
    for (const auto& [key, unused] : object) inner.Field(key, out[std::string(key)]);
  }
  template <typename Item>
  void Field(std::string_view name, std::vector<Item>& out) {
    ForEach(name, [&](const dom::element& item) {
      dom::object object;
      ok_ &= item.get(object) == simdjson::SUCCESS;
      if (!ok_) return;
      Reader inner(object, ok_);
      Fields(inner, out.emplace_back());
    });
  }

 private:
  template <typename Value>
  bool Get(std::string_view name, Value& out) {
    const bool found = object_[name].get(out) == simdjson::SUCCESS;
    ok_ &= found;
    return found;
  }
  template <typename Each>
  void ForEach(std::string_view name, const Each& each) {
    dom::array array;
    if (!Get(name, array)) return;
    for (const dom::element item : array) each(item);
  }

  dom::object object_;
  bool& ok_;
};

template <typename Type, typename As>
concept Is = std::is_same_v<std::remove_const_t<Type>, As>;

template <typename Form, Is<Program> P>
void Fields(Form& form, P& p) {
  form.Field("import_path", p.import_path);
  form.Field("name", p.name);
  form.Field("dir", p.dir);
  form.Field("has_main_func", p.has_main_func);
  form.Field("failure", p.failure);
  form.Field("detail", p.detail);
}

template <typename Form, Is<LinkedModule> M>
void Fields(Form& form, M& m) {
  form.Field("path", m.path);
  form.Field("version", m.version);
  form.Field("h1", m.h1);
  form.Field("replace_path", m.replace_path);
  form.Field("replace_version", m.replace_version);
  form.Field("dir", m.dir);
}

template <typename Form, Is<TargetListing> L>
void Fields(Form& form, L& l) {
  form.Field("target", l.target);
  form.Field("programs", l.programs);
  form.Field("uses_cgo", l.uses_cgo);
  form.Field("uses_c", l.uses_c);
  form.Field("uses_cxx", l.uses_cxx);
  form.Field("uses_assembly", l.uses_assembly);
  form.Field("uses_syso", l.uses_syso);
  form.Field("modules", l.modules);
  form.Field("packages", l.packages);
  form.Field("imports", l.imports);
}

template <typename Form, Is<Listing> L>
void Fields(Form& form, L& l) {
  form.Field("module", l.module);
  form.Field("version", l.version);
  form.Field("module_h1", l.module_h1);
  form.Field("go_line", l.go_line);
  form.Field("go_version", l.go_version);
  form.Field("variant", l.variant);
  form.Field("go_mod", l.go_mod);
  form.Field("go_sum", l.go_sum);
  form.Field("pinned_go_mod", l.pinned_go_mod);
  form.Field("pinned_go_sum", l.pinned_go_sum);
  form.Field("dir", l.dir);
  form.Field("has_go_mod", l.has_go_mod);
  form.Field("bytes_fetched", l.bytes_fetched);
  form.Field("cache_dirs", l.cache_dirs);
  form.Field("targets", l.targets);
}

}  // namespace

std::string WhyNotReportable(const TargetListing& listing) {
  if (listing.programs.size() > kProgramsMax) {
    return Cat("the module has ", listing.programs.size(), " programs; at most ", kProgramsMax, " are built");
  }
  for (const Program& program : listing.programs) {
    if (program.import_path.size() > kImportPathMax) {
      return Cat("the import path of a program has ", program.import_path.size(), " bytes; at most ", kImportPathMax,
                 " are taken");
    }
  }
  return "";
}

const TargetListing* Listing::Find(Target target) const {
  for (const TargetListing& listing : targets) {
    if (listing.target == target) return &listing;
  }
  return nullptr;
}

std::string ToJson(const Listing& listing) {
  JsonWriter json;
  json.BeginObject();
  Writer writer(json);
  writer.Field("format", kFormat);
  Fields(writer, listing);
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
  Reader reader(object, ok);
  int64_t format = 0;
  reader.Field("format", format);
  if (format != kFormat)
    return absl::InvalidArgumentError(Cat("stored listing has format ", format, ", not ", kFormat));
  Listing listing;
  Fields(reader, listing);
  if (!ok) return absl::InvalidArgumentError("stored listing lacks fields or has unknown values");
  return listing;
}

}  // namespace gofarm::fetch
