// Lists as clients get them: rows gathered into pages that stay well below gRPC's limit of a message.
#pragma once

#include <google/protobuf/repeated_field.h>

#include <utility>

#include "absl/status/status.h"
#include "common/base/status_macros.h"
#include "coordinator/rpc/write_stream.h"

namespace gofarm::rpc {

inline constexpr size_t kPageBytesMax = 1 << 20;
inline constexpr int kPageRowsMax = 1'000;

// Gathers rows into pages and writes those.
template <typename Page>
class Pager {
 public:
  explicit Pager(WriteStream<Page>& stream) : stream_(stream) {}
  // `rows`: the page's list of them.
  template <typename Row>
  absl::Status Add(google::protobuf::RepeatedPtrField<Row>* (Page::*rows)(), Row row) {
    const size_t bytes = row.ByteSizeLong();
    if (rows_ == kPageRowsMax || (rows_ > 0 && bytes_ + bytes > kPageBytesMax)) GOFARM_RETURN_IF_ERROR(Flush());
    *(page_.*rows)()->Add() = std::move(row);
    ++rows_;
    bytes_ += bytes;
    return absl::OkStatus();
  }
  absl::Status Flush() {
    if (rows_ == 0) return absl::OkStatus();
    rows_ = 0;
    bytes_ = 0;
    return stream_.Write(std::exchange(page_, Page()));
  }

 private:
  WriteStream<Page>& stream_;
  Page page_;
  int rows_ = 0;
  size_t bytes_ = 0;
};

}  // namespace gofarm::rpc
