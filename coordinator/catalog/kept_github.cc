#include "coordinator/catalog/kept_github.h"

#include <utility>

#include "common/base/text.h"
#include "common/json/fields.h"

namespace gofarm::catalog {

template <typename Form, json::Is<GithubRepository> R>
void Fields(Form& form, R& r) {
  form.Field("id", r.id);
  form.Field("full_name", r.full_name);
  form.Field("description", r.description);
  form.Field("homepage", r.homepage);
  form.Field("license", r.license);
  form.Field("default_branch", r.default_branch);
  form.Field("topics", r.topics);
  form.Field("stars", r.stars);
  form.Field("archived", r.archived);
  form.Field("fork", r.fork);
  form.Field("pushed_at", r.pushed_at);
}

namespace {

struct Document {
  std::string asked;
  bool missing = false;
  GithubRepository repository;
};
template <typename Form, json::Is<Document> D>
void Fields(Form& form, D& d) {
  form.Field("asked", d.asked);
  form.Field("missing", d.missing);
  form.Field("repository", d.repository);
}

}  // namespace

std::optional<KeptGithub> KeptOf(const EnrichmentRow& row, const std::string& token_mark) {
  Document document;
  if (row.github.empty() || !row.github_at) return std::nullopt;
  if (!json::Read(row.github, json::Rule::kLenient, document).ok() || document.asked.empty()) return std::nullopt;
  if (!document.missing && document.repository.full_name.empty()) return std::nullopt;
  KeptGithub kept{.asked = std::move(document.asked),
                  .missing = document.missing,
                  .repository = std::move(document.repository),
                  .at = *row.github_at};
  const std::string begin = Cat(token_mark, " ");
  if (row.github_etag.substr(0, begin.size()) == begin) kept.etag = row.github_etag.substr(begin.size());
  return kept;
}

void Keep(const KeptGithub& kept, const std::string& token_mark, EnrichmentRow& row) {
  row.github = json::Write(Document{.asked = kept.asked, .missing = kept.missing, .repository = kept.repository});
  row.github_etag = kept.etag.empty() ? "" : Cat(token_mark, " ", kept.etag);
  row.github_at = kept.at;
}

std::optional<KeptGithub> After(const std::optional<KeptGithub>& before, const std::string& asked,
                                const RepositoryAnswer& answer, absl::Time now) {
  switch (answer.state) {
    case RepositoryState::kNotAnswered:
      return std::nullopt;
    case RepositoryState::kThere:
      return KeptGithub{.asked = asked, .repository = answer.repository, .etag = answer.etag, .at = now};
    case RepositoryState::kMissing:
    case RepositoryState::kRefused:
      return KeptGithub{.asked = asked, .missing = true, .at = now};
    case RepositoryState::kNotModified:
      break;
  }
  if (!before || before->missing) return std::nullopt;  // it was not asked with an ETag
  KeptGithub same = *before;
  same.at = now;
  if (!answer.etag.empty()) same.etag = answer.etag;
  return same;
}

}  // namespace gofarm::catalog
