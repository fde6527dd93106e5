#include "cli/catalog_client.h"

#include <utility>

#include "cli/client_impl.h"
#include "cli/request_id.h"
#include "common/base/status_macros.h"

namespace gofarm::cli {
namespace {

using Stub = v1::Catalog::Stub;

// A list is sent in pieces of this size.
constexpr size_t kImportChunk = 256 << 10;

v1::StagesRequest Stages(const std::vector<std::string>& stages) {
  v1::StagesRequest request;
  for (const std::string& stage : stages) request.add_stages(stage);
  return request;
}

v1::ModuleRequest OfModule(const std::string& module) {
  v1::ModuleRequest request;
  request.set_module(module);
  return request;
}

}  // namespace

// Asks with patience and gives back the document.
template <typename Impl, typename Request>
CatalogClient::Document Ask(const Impl& impl,
                            grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, v1::CatalogDocument*),
                            const Request& request, absl::Duration deadline = kCallDeadline) {
  v1::CatalogDocument reply;
  GOFARM_RETURN_IF_ERROR(impl.Unary(*impl.catalog, method, request, reply, deadline));
  return std::move(*reply.mutable_json());
}

CatalogClient::Document CatalogClient::RunStages(const std::vector<std::string>& stages) {
  return Ask(*farm_.impl_, &Stub::RunStages, Stages(stages));
}
CatalogClient::Document CatalogClient::PauseStages(const std::vector<std::string>& stages) {
  return Ask(*farm_.impl_, &Stub::PauseStage, Stages(stages));
}
CatalogClient::Document CatalogClient::Status(bool fresh) {
  v1::CatalogStatusRequest request;
  request.set_fresh(fresh);
  return Ask(*farm_.impl_, &Stub::GetCatalogStatus, request);
}
CatalogClient::Document CatalogClient::Stats() {
  return Ask(*farm_.impl_, &Stub::GetCatalogStats, v1::CatalogRequest());
}
CatalogClient::Document CatalogClient::Updates() { return Ask(*farm_.impl_, &Stub::GetUpdates, v1::CatalogRequest()); }
CatalogClient::Document CatalogClient::Funnel() { return Ask(*farm_.impl_, &Stub::GetFunnel, v1::CatalogRequest()); }
CatalogClient::Document CatalogClient::Show(const std::string& module) {
  return Ask(*farm_.impl_, &Stub::ShowModule, OfModule(module));
}
CatalogClient::Document CatalogClient::Why(const std::string& module) {
  return Ask(*farm_.impl_, &Stub::WhyModule, OfModule(module));
}
CatalogClient::Document CatalogClient::Search(const std::string& words, int limit) {
  v1::SearchRequest request;
  request.set_words(words);
  request.set_limit(limit);
  return Ask(*farm_.impl_, &Stub::SearchModules, request);
}
CatalogClient::Document CatalogClient::Refresh(const std::string& module, const std::string& stage) {
  v1::RefreshRequest request;
  request.set_module(module);
  request.set_stage(stage);
  return Ask(*farm_.impl_, &Stub::RefreshModule, request);
}
CatalogClient::Document CatalogClient::Select(const SelectOptions& options) {
  v1::SelectRequest request;
  request.set_submit(options.submit);
  request.set_name(options.name);
  request.set_submitter(options.submitter);
  request.set_request_id(NewRequestId());
  return Ask(*farm_.impl_, &Stub::Select, request, kSelectDeadline);
}
CatalogClient::Document CatalogClient::CheckForecast() {
  return Ask(*farm_.impl_, &Stub::CheckForecast, v1::CatalogRequest(), kSelectDeadline);
}

absl::Status CatalogClient::Versions(const std::string& module,
                                     const std::function<absl::Status(const std::string& page)>& sink) {
  const FarmClient::Impl& impl = *farm_.impl_;
  grpc::ClientContext context;
  const Bound bound(Scope::For(kListDeadline, impl.stop), context);
  const std::unique_ptr<grpc::ClientReader<v1::CatalogDocument>> reader =
      impl.catalog->ListVersions(&context, OfModule(module));
  v1::CatalogDocument page;
  absl::Status taken;
  while (reader->Read(&page)) {
    if (!taken.ok()) continue;
    taken = sink(page.json());
    if (!taken.ok()) context.TryCancel();
  }
  const absl::Status ended = rpc::FromGrpc(reader->Finish());
  return taken.ok() ? impl.Explain(ended) : taken;
}

CatalogClient::Document CatalogClient::Ingest(const Scope& scope, const Source& read) {
  const FarmClient::Impl& impl = *farm_.impl_;
  v1::CatalogDocument reply;
  grpc::ClientContext context;
  const Bound bound(scope, context);
  const std::unique_ptr<grpc::ClientWriter<v1::IngestChunk>> writer = impl.catalog->Ingest(&context, &reply);
  absl::Status broken;
  v1::IngestChunk chunk;
  for (bool open = true; open;) {
    absl::StatusOr<std::string> bytes = read();
    if (!bytes.ok()) {
      broken = bytes.status();
      context.TryCancel();
      break;
    }
    if (bytes->empty()) {
      chunk.set_end(true);
      writer->Write(chunk);
      break;
    }
    chunk.set_data(*std::move(bytes));
    open = writer->Write(chunk);
  }
  writer->WritesDone();
  const absl::Status ended = rpc::FromGrpc(writer->Finish());
  if (!broken.ok()) return broken;
  GOFARM_RETURN_IF_ERROR(impl.Explain(ended));
  return std::move(*reply.mutable_json());
}

CatalogClient::Document CatalogClient::Import(const std::string& origin, const std::string& text) {
  const FarmClient::Impl& impl = *farm_.impl_;
  v1::CatalogDocument reply;
  GOFARM_RETURN_IF_ERROR(impl.Patiently([&] {
    grpc::ClientContext context;
    const Bound bound(Scope::For(kListDeadline, impl.stop), context);
    const std::unique_ptr<grpc::ClientWriter<v1::ImportChunk>> writer = impl.catalog->ImportList(&context, &reply);
    v1::ImportChunk chunk;
    chunk.mutable_header()->set_origin(origin);
    bool open = writer->Write(chunk);
    for (size_t at = 0; open && at < text.size(); at += kImportChunk) {
      chunk.set_data(text.substr(at, kImportChunk));
      open = writer->Write(chunk);
    }
    chunk.set_end(true);
    if (open) writer->Write(chunk);
    writer->WritesDone();
    return rpc::FromGrpc(writer->Finish());
  }));
  return std::move(*reply.mutable_json());
}

CatalogClient::Document CatalogClient::ImportTopic(const std::string& topic,
                                                   const std::function<void(const std::string& so_far)>& progress) {
  const FarmClient::Impl& impl = *farm_.impl_;
  v1::ImportTopicRequest request;
  request.set_topic(topic);
  grpc::ClientContext context;
  const Bound bound(Scope::For(kTopicDeadline, impl.stop), context);
  const std::unique_ptr<grpc::ClientReader<v1::CatalogDocument>> reader = impl.catalog->ImportTopic(&context, request);
  v1::CatalogDocument last;
  while (reader->Read(&last)) progress(last.json());
  GOFARM_RETURN_IF_ERROR(impl.Explain(rpc::FromGrpc(reader->Finish())));
  return std::move(*last.mutable_json());
}

}  // namespace gofarm::cli
