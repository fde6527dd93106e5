#include "coordinator/catalog/github_client.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/json/fields.h"
#include "common/json/writer.h"
#include "coordinator/catalog/clean_text.h"

namespace gofarm::catalog {

// The answers as GitHub writes them: GraphQL in the first part, REST in the second.
namespace github {

struct License {
  std::string spdx_id;
};
template <typename Form, json::Is<License> L>
void Fields(Form& form, L& l) {
  form.Field("spdxId", l.spdx_id);   // GraphQL
  form.Field("spdx_id", l.spdx_id);  // REST
}

struct Branch {
  std::string name;
};
template <typename Form, json::Is<Branch> B>
void Fields(Form& form, B& b) {
  form.Field("name", b.name);
}

struct TopicNode {
  Branch topic;  // it has a name
};
template <typename Form, json::Is<TopicNode> N>
void Fields(Form& form, N& n) {
  form.Field("topic", n.topic);
}

struct TopicNodes {
  std::vector<TopicNode> nodes;
};
template <typename Form, json::Is<TopicNodes> T>
void Fields(Form& form, T& t) {
  form.Field("nodes", t.nodes);
}

struct Node {
  int64_t id = 0;
  std::string full_name;
  std::string description;
  std::string homepage;
  int64_t stars = 0;
  bool archived = false;
  bool fork = false;
  absl::Time pushed_at = absl::InfinitePast();
  License license;
  Branch branch;
  TopicNodes topics;
};
template <typename Form, json::Is<Node> N>
void Fields(Form& form, N& n) {
  form.Field("databaseId", n.id);
  form.Field("nameWithOwner", n.full_name);
  form.Field("description", n.description);
  form.Field("homepageUrl", n.homepage);
  form.Field("stargazerCount", n.stars);
  form.Field("isArchived", n.archived);
  form.Field("isFork", n.fork);
  form.Field("pushedAt", n.pushed_at);
  form.Field("licenseInfo", n.license);
  form.Field("defaultBranchRef", n.branch);
  form.Field("repositoryTopics", n.topics);
}

struct RateLimit {
  std::optional<int64_t> remaining;
  absl::Time resets_at = absl::InfinitePast();
};
template <typename Form, json::Is<RateLimit> R>
void Fields(Form& form, R& r) {
  form.Field("remaining", r.remaining);
  form.Field("resetAt", r.resets_at);
}

struct LimitHolder {
  RateLimit limit;
};
template <typename Form, json::Is<LimitHolder> H>
void Fields(Form& form, H& h) {
  form.Field("rateLimit", h.limit);
}

struct Error {
  std::string type;
  std::vector<std::string> path;
  std::string message;
};
template <typename Form, json::Is<Error> E>
void Fields(Form& form, E& e) {
  form.Field("type", e.type);
  form.Field("path", e.path);
  form.Field("message", e.message);
}

// `data` holds the aliases and the limit side by side: it is read twice.
struct Graph {
  std::map<std::string, std::optional<Node>> nodes;
  LimitHolder limit;
  std::vector<Error> errors;
};
template <typename Form, json::Is<Graph> G>
void Fields(Form& form, G& g) {
  form.Field("data", g.nodes);
  form.Field("data", g.limit);
  form.Field("errors", g.errors);
}

struct Repository {
  int64_t id = 0;
  std::string full_name;
  std::string description;
  std::string homepage;
  int64_t stars = 0;
  std::vector<std::string> topics;
  License license;
  bool archived = false;
  bool fork = false;
  std::string default_branch;
  absl::Time pushed_at = absl::InfinitePast();
};
template <typename Form, json::Is<Repository> R>
void Fields(Form& form, R& r) {
  form.Field("id", r.id);
  form.Field("full_name", r.full_name);
  form.Field("description", r.description);
  form.Field("homepage", r.homepage);
  form.Field("stargazers_count", r.stars);
  form.Field("topics", r.topics);
  form.Field("license", r.license);
  form.Field("archived", r.archived);
  form.Field("fork", r.fork);
  form.Field("default_branch", r.default_branch);
  form.Field("pushed_at", r.pushed_at);
}

struct SearchPage {
  int64_t total = 0;
  bool incomplete = false;
  std::vector<Repository> items;
};
template <typename Form, json::Is<SearchPage> S>
void Fields(Form& form, S& s) {
  form.Field("total_count", s.total);
  form.Field("incomplete_results", s.incomplete);
  form.Field("items", s.items);
}

}  // namespace github

namespace {

constexpr int kWellBeforeMore = 20;
constexpr size_t kBranchMax = 255;
constexpr size_t kEtagMax = 200;
constexpr size_t kTokenMarkDigits = 12;  // too few to try tokens against
constexpr char kFragment[] =
    "fragment F on Repository{databaseId nameWithOwner description homepageUrl stargazerCount isArchived isFork "
    "pushedAt licenseInfo{spdxId} defaultBranchRef{name} repositoryTopics(first:20){nodes{topic{name}}}}";

std::string FullName(const std::string& text) {
  const std::optional<GithubName> name = GithubNameOf(text);
  return name ? Cat(name->owner, "/", name->name) : "";
}

GithubRepository Clean(const github::Node& from) {
  GithubRepository out{.id = from.id,
                       .full_name = FullName(from.full_name),
                       .description = CleanText(from.description, kDescriptionMax),
                       .homepage = CleanPageUrl(from.homepage),
                       .license = JoinLicenses({from.license.spdx_id}),
                       .default_branch = CleanText(from.branch.name, kBranchMax),
                       .stars = std::max<int64_t>(from.stars, 0),
                       .archived = from.archived,
                       .fork = from.fork,
                       .pushed_at = from.pushed_at};
  std::vector<std::string> topics;
  for (const github::TopicNode& node : from.topics.nodes) topics.push_back(node.topic.name);
  out.topics = CleanTopics(topics);
  return out;
}

GithubRepository Clean(const github::Repository& from) {
  return {.id = from.id,
          .full_name = FullName(from.full_name),
          .description = CleanText(from.description, kDescriptionMax),
          .homepage = CleanPageUrl(from.homepage),
          .license = JoinLicenses({from.license.spdx_id}),
          .default_branch = CleanText(from.default_branch, kBranchMax),
          .topics = CleanTopics(from.topics),
          .stars = std::max<int64_t>(from.stars, 0),
          .archived = from.archived,
          .fork = from.fork,
          .pushed_at = from.pushed_at};
}

template <typename Value>
RepositoryAnswer There(const GithubName& asked, const Value& value) {
  RepositoryAnswer answer{.repository = Clean(value)};
  // Without a name it is no repository that could be told apart.
  if (answer.repository.full_name.empty()) return answer;
  answer.state = RepositoryState::kThere;
  answer.renamed = !absl::EqualsIgnoreCase(answer.repository.full_name, Cat(asked.owner, "/", asked.name));
  return answer;
}

std::string Query(absl::Span<const GithubName> names) {
  std::string query = "query{";
  for (size_t i = 0; i < names.size(); ++i) {
    // In GitHub's own alphabet, so nothing needs to be escaped.
    query += Cat("r", i, ":repository(owner:\"", names[i].owner, "\",name:\"", names[i].name, "\"){...F} ");
  }
  return Cat(query, "rateLimit{cost remaining resetAt}} ", kFragment);
}

bool SaysRateLimit(const github::Error& error) {
  return error.type == "RATE_LIMITED" || absl::StrContains(error.message, "rate limit");
}

std::optional<BodyFault> JudgeGraph(const io::HttpResponse& response, github::Graph& graph) {
  if (response.status != 200) return std::nullopt;
  graph = github::Graph();
  const absl::Status read = json::Read(response.body, json::Rule::kLenient, graph);
  if (!read.ok()) {
    return BodyFault{.error = ErrorClass::kBadAnswer, .why = Cat("which is not its JSON: ", Sv(read.message()))};
  }
  if (!graph.nodes.empty()) return std::nullopt;
  for (const github::Error& error : graph.errors) {
    if (!SaysRateLimit(error)) continue;
    return BodyFault{.error = ErrorClass::kRateLimited, .why = Cat("with the error ", CleanText(error.message, 200))};
  }
  const std::string said = graph.errors.empty() ? "nothing" : CleanText(graph.errors.front().message, 200);
  return BodyFault{.error = ErrorClass::kBadAnswer, .why = Cat("without data: ", said)};
}

}  // namespace

bool AliasBatch::TooMuch(size_t asked) {
  well_in_a_row_ = 0;
  if (asked <= kGithubAliasesMin) return false;
  size_ = std::max(std::min(size_, asked / 2), kGithubAliasesMin);
  return true;
}

void AliasBatch::Well() {
  if (++well_in_a_row_ < kWellBeforeMore) return;
  well_in_a_row_ = 0;
  size_ = std::min(size_ * 2, kGithubAliases);
}

io::HttpHeaders GithubClient::Headers() const {
  io::HttpHeaders headers = {{"Accept", "application/vnd.github+json"}, {"X-GitHub-Api-Version", "2022-11-28"}};
  if (has_token()) headers.Add("Authorization", Cat("Bearer ", token_));
  return headers;
}

std::string GithubClient::TokenMark() const {
  if (!has_token()) return "anonymous";
  return digest::Sha256Hex(Cat("gofarm etag ", token_)).substr(0, kTokenMarkDigits);
}

absl::StatusOr<bool> GithubClient::AskAliases(const Scope& scope, absl::Span<const GithubName> names,
                                              absl::Span<RepositoryAnswer> answers) {
  JsonWriter json;
  json.BeginObject().Field("query", Query(names)).EndObject();
  io::StringBody body(json.Take());
  const io::HttpRequest request{
      .method = io::HttpMethod::kPost, .url = Cat(gate_.url(), "/graphql"), .headers = Headers(), .body = &body};
  github::Graph graph;
  AskOptions options{.body_bytes = kGithubAnswerBytesMax};
  options.retry.gateway_errors_are_answers = names.size() > kGithubAliasesMin;
  options.judge = [&](const io::HttpResponse& response) { return JudgeGraph(response, graph); };
  GOFARM_ASSIGN_OR_RETURN(const io::HttpResponse response, gate_.Ask(scope, request, options));
  if (response.status == 502 || response.status == 504) return true;
  if (response.status != 200) {
    return absl::FailedPreconditionError(Cat(
        "GitHub answers ", response.status, " to GraphQL: ", CleanText(response.body, 200), "; is its address right?"));
  }
  absl::flat_hash_set<std::string> missing, refused;
  for (const github::Error& error : graph.errors) {
    if (error.path.empty()) continue;
    if (error.type == "NOT_FOUND") missing.insert(error.path.front());
    if (error.type == "FORBIDDEN") refused.insert(error.path.front());
  }
  bool unanswered = false;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string alias = Cat("r", i);
    const auto found = graph.nodes.find(alias);
    if (found != graph.nodes.end() && found->second) {
      answers[i] = There(names[i], *found->second);
    } else if (missing.contains(alias)) {
      answers[i].state = RepositoryState::kMissing;
    } else if (refused.contains(alias)) {
      answers[i].state = RepositoryState::kRefused;
    } else {
      unanswered = true;  // it ran out of time or points on the way
    }
  }
  const github::RateLimit& limit = graph.limit.limit;
  if (limit.remaining && *limit.remaining <= 0) {
    gate_.PauseUntil(SteadyOf(limit.resets_at), "rate limit: the points of this hour are used up");
  }
  return unanswered;
}

RepositoryAnswers GithubClient::Repositories(const Scope& scope, absl::Span<const GithubName> names) {
  RepositoryAnswers out;
  out.answers.resize(names.size());
  if (!has_token()) {
    out.status = absl::FailedPreconditionError(
        "GitHub answers GraphQL to a token only; name a file with one in github_token_file of [catalog]");
    return out;
  }
  for (size_t at = 0; at < names.size();) {
    size_t count;
    {
      absl::MutexLock lock(&mutex_);
      count = std::min(batch_.size(), names.size() - at);
    }
    const absl::Span<const GithubName> part = names.subspan(at, count);
    // The alphabet is the caller's to keep, by GithubNameOf; a query is no place to trust in that.
    const auto in_alphabet = [](const GithubName& name) {
      return GithubNameOf(Cat(name.owner, "/", name.name)) == name;
    };
    if (!std::all_of(part.begin(), part.end(), in_alphabet)) {
      out.status = absl::InvalidArgumentError("a repository's name is not in GitHub's alphabet");
      return out;
    }
    const absl::StatusOr<bool> too_much = AskAliases(scope, part, absl::MakeSpan(out.answers).subspan(at, count));
    if (!too_much.ok()) {
      out.status = too_much.status();
      return out;
    }
    const bool none = std::all_of(out.answers.begin() + static_cast<ptrdiff_t>(at),
                                  out.answers.begin() + static_cast<ptrdiff_t>(at + count),
                                  [](const auto& answer) { return answer.state == RepositoryState::kNotAnswered; });
    absl::MutexLock lock(&mutex_);
    if (!*too_much) batch_.Well();
    // Of a request that was partly answered the rest stays for the caller's next turn.
    const bool again = *too_much && batch_.TooMuch(count) && none;
    if (!again) at += count;
  }
  return out;
}

absl::StatusOr<RepositoryAnswer> GithubClient::Repository(const Scope& scope, const GithubName& name,
                                                          const std::string& etag) {
  if (GithubNameOf(Cat(name.owner, "/", name.name)) != name) {
    return absl::InvalidArgumentError("a repository's name is not in GitHub's alphabet");
  }
  io::HttpRequest request{.url = Cat(gate_.url(), "/repos/", name.owner, "/", name.name), .headers = Headers()};
  if (!etag.empty()) request.headers.Add("If-None-Match", etag);
  github::Repository document;
  AskOptions options{.body_bytes = kGithubAnswerBytesMax};
  options.judge = [&](const io::HttpResponse& response) -> std::optional<BodyFault> {
    if (response.status != 200) return std::nullopt;
    document = github::Repository();
    const absl::Status read = json::Read(response.body, json::Rule::kLenient, document);
    if (read.ok() && !FullName(document.full_name).empty()) return std::nullopt;
    return BodyFault{.error = ErrorClass::kBadAnswer,
                     .why = Cat("which is no repository: ", read.ok() ? "it has no name" : Sv(read.message()))};
  };
  GOFARM_ASSIGN_OR_RETURN(const io::HttpResponse response, gate_.Ask(scope, request, options));
  RepositoryAnswer answer;
  switch (response.status) {
    case 200:
      answer = There(name, document);
      break;
    case 304:
      answer.state = RepositoryState::kNotModified;
      break;
    case 404:
    case 410:
      answer.state = RepositoryState::kMissing;
      return answer;
    case 403:
    case 451:
      answer.state = RepositoryState::kRefused;
      return answer;
    default:
      return absl::FailedPreconditionError(
          Cat("GitHub answers ", response.status, ": ", CleanText(response.body, 200), "; is its address right?"));
  }
  const std::string_view tag = response.headers.Get("etag");
  if (tag.size() <= kEtagMax) answer.etag = CleanText(tag, kEtagMax);
  return answer;
}

absl::StatusOr<github::SearchPage> GithubClient::SearchOnce(const Scope& scope, const std::string& query, int page) {
  const std::string url = Cat(gate_.url(), "/search/repositories?q=", io::PercentEncode(query),
                              "&sort=stars&order=desc&per_page=", kSearchPageItems, "&page=", page);
  github::SearchPage found;
  AskOptions options{.body_bytes = kGithubAnswerBytesMax};
  options.retry.wait_in_place_max = kSearchWaitMax;
  options.judge = [&](const io::HttpResponse& response) -> std::optional<BodyFault> {
    if (response.status != 200) return std::nullopt;
    found = github::SearchPage();
    const absl::Status read = json::Read(response.body, json::Rule::kLenient, found);
    if (read.ok()) return std::nullopt;
    return BodyFault{.error = ErrorClass::kBadAnswer, .why = Cat("which is not its JSON: ", Sv(read.message()))};
  };
  GOFARM_ASSIGN_OR_RETURN(const io::HttpResponse response,
                          gate_.Ask(scope, {.url = url, .headers = Headers()}, options));
  if (response.status != 200) {
    return absl::FailedPreconditionError(
        Cat("GitHub answers ", response.status, " to a search: ", CleanText(response.body, 200)));
  }
  // The search's minute is used up: the next page would be refused.
  int64_t remaining = 1, reset = 0;
  if (absl::SimpleAtoi(Av(response.headers.Get("x-ratelimit-remaining")), &remaining) && remaining <= 0 &&
      absl::SimpleAtoi(Av(response.headers.Get("x-ratelimit-reset")), &reset) &&
      !gate_.WaitUntil(scope, absl::FromUnixSeconds(reset))) {
    return Annotate(scope.Check(), "github: waiting for the next minute of its search");
  }
  return found;
}

absl::StatusOr<GithubClient::TopicRepositories> GithubClient::WithTopic(const Scope& scope, const std::string& topic,
                                                                        const TopicProgress& progress) {
  if (!IsTopic(topic)) {
    return absl::InvalidArgumentError(
        Cat("\"", Clip(EscapeForPrint(topic), 60), "\" is no topic of GitHub: lower-case letters, digits and hyphens"));
  }
  TopicRepositories out;
  absl::flat_hash_set<int64_t> seen;
  std::vector<SearchSlice> slices = {SearchSlice{}};
  const absl::CivilDay today = absl::ToCivilDay(WallNow(), absl::UTCTimeZone());
  while (!slices.empty()) {
    const SearchSlice slice = slices.back();
    slices.pop_back();
    ++out.searches;
    for (int page = 1; page <= kSearchResultsMax / kSearchPageItems; ++page) {
      const absl::StatusOr<github::SearchPage> found = SearchOnce(scope, SearchQuery(topic, slice), page);
      if (!found.ok()) {
        if (out.repositories.empty() || scope.Done()) return found.status();
        out.incomplete = std::string(found.status().message());
        return out;
      }
      if (page == 1 && found->total > kSearchResultsMax && !found->items.empty()) {
        const std::vector<SearchSlice> parts =
            SplitSlice(slice, std::max<int64_t>(found->items.front().stars, 0), today);
        if (!parts.empty()) {
          slices.insert(slices.end(), parts.begin(), parts.end());
          break;
        }
        out.incomplete = Cat("GitHub shows ", kSearchResultsMax, " of ", found->total, " that were made on one day");
      }
      if (found->incomplete) out.incomplete = "GitHub gave up on part of the search";
      for (const github::Repository& item : found->items) {
        GithubRepository repository = Clean(item);
        if (!repository.full_name.empty() && seen.insert(item.id).second) {
          out.repositories.push_back(std::move(repository));
        }
      }
      if (out.repositories.size() >= kTopicRepositoriesMax) {
        out.incomplete = Cat("at most ", kTopicRepositoriesMax, " are taken");
        return out;
      }
      if (progress && !progress(out)) return absl::CancelledError("github: nobody waits for the search any more");
      if (static_cast<int>(found->items.size()) < kSearchPageItems) break;
    }
  }
  return out;
}

}  // namespace gofarm::catalog
