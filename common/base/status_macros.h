// GOFARM_RETURN_IF_ERROR and GOFARM_ASSIGN_OR_RETURN: early return of a failed absl::Status or StatusOr.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/status.h"

#define GOFARM_CONCAT_INNER_(a, b) a##b
#define GOFARM_CONCAT_(a, b) GOFARM_CONCAT_INNER_(a, b)

#define GOFARM_RETURN_IF_ERROR(expr)                                                       \
  do {                                                                                     \
    if (absl::Status gofarm_status_ = (expr); !gofarm_status_.ok()) return gofarm_status_; \
  } while (false)

// With a context prefix.
#define GOFARM_RETURN_IF_ERROR_CTX(expr, context)                   \
  do {                                                              \
    if (absl::Status gofarm_status_ = (expr); !gofarm_status_.ok()) \
      return ::gofarm::Annotate(gofarm_status_, (context));         \
  } while (false)

#define GOFARM_ASSIGN_OR_RETURN(lhs, expr) \
  GOFARM_ASSIGN_OR_RETURN_IMPL_(GOFARM_CONCAT_(gofarm_statusor_, __LINE__), lhs, expr)
#define GOFARM_ASSIGN_OR_RETURN_IMPL_(tmp, lhs, expr) \
  auto tmp = (expr);                                  \
  if (!tmp.ok()) return tmp.status();                 \
  lhs = std::move(tmp).value()

#define GOFARM_ASSIGN_OR_RETURN_CTX(lhs, expr, context) \
  GOFARM_ASSIGN_OR_RETURN_CTX_IMPL_(GOFARM_CONCAT_(gofarm_statusor_, __LINE__), lhs, expr, context)
#define GOFARM_ASSIGN_OR_RETURN_CTX_IMPL_(tmp, lhs, expr, context)   \
  auto tmp = (expr);                                                 \
  if (!tmp.ok()) return ::gofarm::Annotate(tmp.status(), (context)); \
  lhs = std::move(tmp).value()
