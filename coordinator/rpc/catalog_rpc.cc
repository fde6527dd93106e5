#include "coordinator/rpc/catalog_rpc.h"

#include <memory>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/catalog/fields.h"
#include "coordinator/catalog/catalog.h"
#include "coordinator/rpc/call.h"
#include "coordinator/rpc/catalog_streams.h"
#include "coordinator/rpc/convert.h"
#include "coordinator/rpc/on_thread.h"

namespace gofarm::rpc {
namespace {

constexpr size_t kStagesMax = 16;  // names in one request
// Without a token GitHub's search gives 10 pages a minute, and a large topic has some hundred.
constexpr absl::Duration kTopicSearchMax = absl::Hours(2);

// A unary call that answers with the document of what `ask` finds.
template <typename Ask>
ServerUnary Document(RpcContext& rpc, sync::BoundedPool& pool, ServerContext context, const char* method,
                     const google::protobuf::Message* request, v1::CatalogDocument* reply, Ask ask) {
  return Unary(rpc, pool, context, method, request, [&rpc, reply, ask](const Scope& scope) -> absl::Status {
    GOFARM_ASSIGN_OR_RETURN(const auto found, ask(*rpc.parts.catalog, scope));
    std::string json = json::Write(found);
    if (json.size() > kRowBytesMax) {
      return absl::ResourceExhaustedError(Cat("the answer has ", json.size() >> 10, " KiB, more than the ",
                                              kRowBytesMax >> 10, " that one message may have; ask for less"));
    }
    reply->set_json(std::move(json));
    return absl::OkStatus();
  });
}

template <typename Ask>
ServerUnary Document(RpcContext& rpc, ServerContext context, const char* method,
                     const google::protobuf::Message* request, v1::CatalogDocument* reply, Ask ask) {
  return Document(rpc, rpc.catalog, context, method, request, reply, std::move(ask));
}

// A page in one document, or in several when it has too many bytes for one.
absl::Status WriteVersions(WriteStream<v1::CatalogDocument>& stream, std::vector<catalog::VersionRow> page) {
  v1::CatalogDocument document;
  document.set_json(json::Write(page));
  if (document.json().size() <= kRowBytesMax || page.size() < 2) return stream.Write(std::move(document));
  const auto middle = page.begin() + static_cast<std::ptrdiff_t>(page.size() / 2);
  GOFARM_RETURN_IF_ERROR(WriteVersions(stream, {page.begin(), middle}));
  return WriteVersions(stream, {middle, page.end()});
}

absl::StatusOr<catalog::CatalogStatus> TurnStages(catalog::Catalog& catalog, const Scope& scope,
                                                  const std::vector<std::string>& stages, bool running) {
  if (stages.size() > kStagesMax) return absl::InvalidArgumentError(Cat("at most ", kStagesMax, " stages are named"));
  return catalog.SetRunning(scope, stages, running);
}

std::vector<std::string> Names(const v1::StagesRequest& request) {
  return {request.stages().begin(), request.stages().end()};
}

}  // namespace

ServerUnary CatalogRpc::RunStages(ServerContext context, const v1::StagesRequest* request, v1::CatalogDocument* reply) {
  return Document(rpc_, context, "/gofarm.v1.Catalog/RunStages", request, reply,
                  [stages = Names(*request)](catalog::Catalog& catalog, const Scope& scope) {
                    return TurnStages(catalog, scope, stages, true);
                  });
}

ServerUnary CatalogRpc::PauseStage(ServerContext context, const v1::StagesRequest* request,
                                   v1::CatalogDocument* reply) {
  return Document(rpc_, context, "/gofarm.v1.Catalog/PauseStage", request, reply,
                  [stages = Names(*request)](catalog::Catalog& catalog, const Scope& scope) {
                    return TurnStages(catalog, scope, stages, false);
                  });
}

ServerUnary CatalogRpc::GetCatalogStatus(ServerContext context, const v1::CatalogStatusRequest* request,
                                         v1::CatalogDocument* reply) {
  return Document(rpc_, context, "/gofarm.v1.Catalog/GetCatalogStatus", request, reply,
                  [fresh = request->fresh()](catalog::Catalog& catalog, const Scope& scope) {
                    return catalog.Status(scope, fresh);
                  });
}

ServerRead<grpc::ByteBuffer> CatalogRpc::Ingest(ServerContext context, grpc::ByteBuffer* reply) {
  const auto stream = std::make_shared<IngestStream>(Call(rpc_, context, "/gofarm.v1.Catalog/Ingest"), reply);
  stream->Start();
  return stream.get();
}

ServerRead<grpc::ByteBuffer> CatalogRpc::ImportList(ServerContext context, grpc::ByteBuffer* reply) {
  const auto stream = std::make_shared<ImportStream>(Call(rpc_, context, "/gofarm.v1.Catalog/ImportList"), reply);
  stream->Start();
  return stream.get();
}

ServerWrite<v1::CatalogDocument> CatalogRpc::ImportTopic(ServerContext context, const v1::ImportTopicRequest* request) {
  return OnThread<v1::CatalogDocument>(
      rpc_, rpc_.searches, context, "/gofarm.v1.Catalog/ImportTopic", request, kTopicSearchMax,
      [this, topic = request->topic()](auto& stream, const Scope& scope) -> absl::Status {
        const auto write = [&](const catalog::ImportResult& result) {
          v1::CatalogDocument document;
          document.set_json(json::Write(result));
          return stream.Write(std::move(document));
        };
        GOFARM_ASSIGN_OR_RETURN(
            const catalog::ImportResult result,
            rpc_.parts.catalog->ImportTopic(scope, topic, [&](const auto& so_far) { return write(so_far).ok(); }));
        return write(result);
      });
}

ServerUnary CatalogRpc::GetCatalogStats(ServerContext context, const v1::CatalogRequest* request,
                                        v1::CatalogDocument* reply) {
  return Document(rpc_, context, "/gofarm.v1.Catalog/GetCatalogStats", request, reply,
                  [](catalog::Catalog& catalog, const Scope& scope) { return catalog.Stats(scope); });
}

ServerUnary CatalogRpc::GetUpdates(ServerContext context, const v1::CatalogRequest* request,
                                   v1::CatalogDocument* reply) {
  return Document(rpc_, context, "/gofarm.v1.Catalog/GetUpdates", request, reply,
                  [](catalog::Catalog& catalog, const Scope& scope) { return catalog.Updates(scope); });
}

ServerUnary CatalogRpc::GetFunnel(ServerContext context, const v1::CatalogRequest* request,
                                  v1::CatalogDocument* reply) {
  return Document(rpc_, context, "/gofarm.v1.Catalog/GetFunnel", request, reply,
                  [](catalog::Catalog& catalog, const Scope& scope) { return catalog.Funnel(scope); });
}

ServerUnary CatalogRpc::ShowModule(ServerContext context, const v1::ModuleRequest* request,
                                   v1::CatalogDocument* reply) {
  return Document(rpc_, context, "/gofarm.v1.Catalog/ShowModule", request, reply,
                  [module = request->module()](catalog::Catalog& catalog, const Scope& scope) {
                    return catalog.Show(scope, module);
                  });
}

ServerUnary CatalogRpc::WhyModule(ServerContext context, const v1::ModuleRequest* request, v1::CatalogDocument* reply) {
  return Document(rpc_, context, "/gofarm.v1.Catalog/WhyModule", request, reply,
                  [module = request->module()](catalog::Catalog& catalog, const Scope& scope) {
                    return catalog.Why(scope, module);
                  });
}

ServerWrite<v1::CatalogDocument> CatalogRpc::ListVersions(ServerContext context, const v1::ModuleRequest* request) {
  return OnThread<v1::CatalogDocument>(
      rpc_, rpc_.lists, context, "/gofarm.v1.Catalog/ListVersions", request, kLongListMax,
      [this, module = request->module()](auto& stream, const Scope& scope) {
        absl::Status written;
        GOFARM_RETURN_IF_ERROR(rpc_.parts.catalog->Versions(scope, module, [&](std::vector<catalog::VersionRow> page) {
          written = WriteVersions(stream, std::move(page));
          return written.ok();
        }));
        return written;
      });
}

ServerUnary CatalogRpc::SearchModules(ServerContext context, const v1::SearchRequest* request,
                                      v1::CatalogDocument* reply) {
  return Document(rpc_, context, "/gofarm.v1.Catalog/SearchModules", request, reply,
                  [asked = *request](catalog::Catalog& catalog, const Scope& scope) {
                    return catalog.Search(scope, asked.words(), asked.limit());
                  });
}

ServerUnary CatalogRpc::RefreshModule(ServerContext context, const v1::RefreshRequest* request,
                                      v1::CatalogDocument* reply) {
  return Document(rpc_, context, "/gofarm.v1.Catalog/RefreshModule", request, reply,
                  [asked = *request](catalog::Catalog& catalog, const Scope& scope) {
                    return catalog.Refresh(scope, asked.module(), asked.stage());
                  });
}

ServerUnary CatalogRpc::Select(ServerContext context, const v1::SelectRequest* request, v1::CatalogDocument* reply) {
  // One that submits may wait for module proxies.
  return Document(rpc_, request->submit() ? rpc_.submits : rpc_.catalog, context, "/gofarm.v1.Catalog/Select", request,
                  reply, [asked = *request](catalog::Catalog& catalog, const Scope& scope) {
                    return catalog.Select(scope, {.submit = asked.submit(),
                                                  .name = asked.name(),
                                                  .submitter = asked.submitter(),
                                                  .request_id = asked.request_id()});
                  });
}

ServerUnary CatalogRpc::CheckForecast(ServerContext context, const v1::CatalogRequest* request,
                                      v1::CatalogDocument* reply) {
  return Document(rpc_, context, "/gofarm.v1.Catalog/CheckForecast", request, reply,
                  [](catalog::Catalog& catalog, const Scope& scope) { return catalog.CheckForecast(scope); });
}

}  // namespace gofarm::rpc
