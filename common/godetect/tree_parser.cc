#include "common/godetect/tree_parser.h"

#include <malloc.h>
#include <tree_sitter/api.h>

#include <cstdlib>
#include <limits>
#include <memory>

#include "common/base/check.h"
#include "common/gomod/main_function.h"

extern "C" const TSLanguage* tree_sitter_go(void);

namespace gofarm::godetect {
namespace {

// What the thread's running parse holds, and the flag that ends it.
struct Account {
  int64_t bytes = 0;
  int64_t bytes_max = std::numeric_limits<int64_t>::max();
  size_t cancelled = 0;
};
thread_local Account account;

void Count(int64_t bytes) {
  account.bytes += bytes;
  if (account.bytes > account.bytes_max) account.cancelled = 1;
}
int64_t SizeOf(void* memory) { return static_cast<int64_t>(malloc_usable_size(memory)); }

// tree-sitter cannot go on without memory.
void* Checked(void* memory) {
  GOFARM_CHECK(memory != nullptr);
  Count(SizeOf(memory));
  return memory;
}
void* Allocate(size_t size) { return Checked(std::malloc(size)); }
void* AllocateZero(size_t count, size_t size) { return Checked(std::calloc(count, size)); }
void Free(void* memory) {
  if (memory != nullptr) Count(-SizeOf(memory));
  std::free(memory);
}
void* Reallocate(void* memory, size_t size) {
  if (memory != nullptr) Count(-SizeOf(memory));
  return Checked(std::realloc(memory, size));
}

struct ParserDelete {
  void operator()(TSParser* parser) const { ts_parser_delete(parser); }
};
struct TreeDelete {
  void operator()(TSTree* tree) const { ts_tree_delete(tree); }
};

bool IsMainFunction(TSNode node, std::string_view text) {
  if (std::string_view(ts_node_type(node)) != "function_declaration") return false;
  const TSNode name = ts_node_child_by_field_name(node, "name", 4);
  if (ts_node_is_null(name)) return false;
  const uint32_t begin = ts_node_start_byte(name);
  if (text.substr(begin, ts_node_end_byte(name) - begin) != "main") return false;
  if (!ts_node_is_null(ts_node_child_by_field_name(node, "type_parameters", 15))) return false;
  const TSNode parameters = ts_node_child_by_field_name(node, "parameters", 10);
  if (ts_node_is_null(parameters)) return false;
  for (uint32_t i = 0; i < ts_node_named_child_count(parameters); ++i) {
    if (std::string_view(ts_node_type(ts_node_named_child(parameters, i))) != "comment") return false;
  }
  return true;
}

}  // namespace

TreeAnswer AskTree(std::string_view text, const TreeLimits& limits) {
  static const bool allocator_set = [] {
    ts_set_allocator(&Allocate, &AllocateZero, &Reallocate, &Free);
    return true;
  }();
  (void)allocator_set;
  if (text.size() > limits.text_bytes) return TreeAnswer::kUndecided;
  account = {.bytes_max = limits.memory_bytes};
  const std::unique_ptr<TSParser, ParserDelete> parser(ts_parser_new());
  if (!ts_parser_set_language(parser.get(), tree_sitter_go())) return TreeAnswer::kUndecided;
  ts_parser_set_cancellation_flag(parser.get(), &account.cancelled);
  ts_parser_set_timeout_micros(parser.get(), static_cast<uint64_t>(absl::ToInt64Microseconds(limits.time)));
  const std::unique_ptr<TSTree, TreeDelete> tree(
      ts_parser_parse_string(parser.get(), nullptr, text.data(), static_cast<uint32_t>(text.size())));
  if (tree == nullptr) return TreeAnswer::kUndecided;
  const TSNode root = ts_tree_root_node(tree.get());
  // An error or a missing token anywhere: the grammar may have lost what follows.
  if (ts_node_has_error(root)) return TreeAnswer::kUndecided;
  TSTreeCursor cursor = ts_tree_cursor_new(root);
  TreeAnswer answer = TreeAnswer::kNoMain;
  for (bool more = ts_tree_cursor_goto_first_child(&cursor); more && answer == TreeAnswer::kNoMain;
       more = ts_tree_cursor_goto_next_sibling(&cursor)) {
    if (IsMainFunction(ts_tree_cursor_current_node(&cursor), text)) answer = TreeAnswer::kMain;
  }
  ts_tree_cursor_delete(&cursor);
  return answer;
}

bool DeclaresMain(std::string_view text, const TreeLimits& limits) {
  const TreeAnswer answer = AskTree(text, limits);
  if (answer == TreeAnswer::kUndecided) return gomod::HasMainFunction(text);
  return answer == TreeAnswer::kMain;
}

}  // namespace gofarm::godetect
