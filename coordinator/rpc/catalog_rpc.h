// The Catalog service: what operators ask of the catalog. Answers are the documents of common/catalog/fields.h.
#pragma once

#include <gofarm/v1/catalog.grpc.pb.h>

#include "coordinator/rpc/farm_rpc.h"
#include "coordinator/rpc/rpc_context.h"

namespace gofarm::rpc {

// What operators bring comes as bytes (reading_stream.h).
using CatalogService = v1::Catalog::WithRawCallbackMethod_Ingest<
    v1::Catalog::WithRawCallbackMethod_ImportList<v1::Catalog::CallbackService>>;

class CatalogRpc final : public CatalogService {
 public:
  explicit CatalogRpc(RpcContext& rpc) : rpc_(rpc) {}

  ServerUnary RunStages(ServerContext context, const v1::StagesRequest* request, v1::CatalogDocument* reply) override;
  ServerUnary PauseStage(ServerContext context, const v1::StagesRequest* request, v1::CatalogDocument* reply) override;
  ServerUnary GetCatalogStatus(ServerContext context, const v1::CatalogStatusRequest* request,
                               v1::CatalogDocument* reply) override;
  ServerRead<grpc::ByteBuffer> Ingest(ServerContext context, grpc::ByteBuffer* reply) override;
  ServerRead<grpc::ByteBuffer> ImportList(ServerContext context, grpc::ByteBuffer* reply) override;
  ServerWrite<v1::CatalogDocument> ImportTopic(ServerContext context, const v1::ImportTopicRequest* request) override;
  ServerUnary GetCatalogStats(ServerContext context, const v1::CatalogRequest* request,
                              v1::CatalogDocument* reply) override;
  ServerUnary GetUpdates(ServerContext context, const v1::CatalogRequest* request, v1::CatalogDocument* reply) override;
  ServerUnary GetFunnel(ServerContext context, const v1::CatalogRequest* request, v1::CatalogDocument* reply) override;
  ServerUnary ShowModule(ServerContext context, const v1::ModuleRequest* request, v1::CatalogDocument* reply) override;
  ServerUnary WhyModule(ServerContext context, const v1::ModuleRequest* request, v1::CatalogDocument* reply) override;
  ServerWrite<v1::CatalogDocument> ListVersions(ServerContext context, const v1::ModuleRequest* request) override;
  ServerUnary SearchModules(ServerContext context, const v1::SearchRequest* request,
                            v1::CatalogDocument* reply) override;
  ServerUnary RefreshModule(ServerContext context, const v1::RefreshRequest* request,
                            v1::CatalogDocument* reply) override;
  ServerUnary Select(ServerContext context, const v1::SelectRequest* request, v1::CatalogDocument* reply) override;
  ServerUnary CheckForecast(ServerContext context, const v1::CatalogRequest* request,
                            v1::CatalogDocument* reply) override;

 private:
  RpcContext& rpc_;
};

}  // namespace gofarm::rpc
