#include "coordinator/store/exceptions.h"

#include <pqxx/pqxx>
#include <string>
#include <string_view>

#include "common/base/text.h"

namespace gofarm::store {
namespace {

std::string Text(const std::exception& e) {
  std::string_view text = e.what();
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  return EscapeForPrint(text, /*keep_newlines=*/false);
}

}  // namespace

absl::Status StatusFromCurrentException() {
  try {
    throw;
  } catch (const pqxx::in_doubt_error& e) {
    return absl::UnknownError(Text(e));
  } catch (const pqxx::statement_completion_unknown& e) {
    return absl::UnknownError(Text(e));
  } catch (const pqxx::broken_connection& e) {
    return absl::UnavailableError(Text(e));
  } catch (const pqxx::transaction_rollback& e) {
    return absl::AbortedError(Text(e));
  } catch (const pqxx::insufficient_resources& e) {
    return absl::ResourceExhaustedError(Text(e));
  } catch (const pqxx::data_exception& e) {
    return absl::InvalidArgumentError(Text(e));
  } catch (const pqxx::sql_error& e) {
    const std::string& state = e.sqlstate();
    if (state == "57014") return absl::DeadlineExceededError(Text(e));  // statement_timeout
    if (state == "55P03") return absl::AbortedError(Text(e));           // lock_timeout
    // Shutdown, crash of a sibling, start-up, session ended by a timeout: the server ended us before a commit.
    if (state.starts_with("57P") || state == "25P03" || state.starts_with("08")) return absl::UnavailableError(Text(e));
    return absl::InternalError(Cat(Text(e), state.empty() ? "" : " (SQLSTATE ", state, state.empty() ? "" : ")"));
  } catch (const std::exception& e) {
    return absl::InternalError(Text(e));
  } catch (...) {
    return absl::InternalError("an exception of unknown kind");
  }
}

}  // namespace gofarm::store
