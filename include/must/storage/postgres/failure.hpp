// SPDX-License-Identifier: MIT
// What PostgreSQL and libpq report, as an error that names no connection string and no password.
#pragma once

#include "must/error.hpp"
#include "must/text/quoted.hpp"
#include "postgres_ext.h"

#include <libpq-fe.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

namespace must::detail::postgres {

using pg_clock = std::chrono::steady_clock;

// The failure of a request, which is thrown within postgres_store only. `lost` says that the connection is of no use
// any more. The request may be carried out then, unless `undone` says that no COMMIT was.
struct pg_failure {
  must::error why;
  bool lost = false;
  bool undone = false;
};

// Returns whether another attempt can help. \see PostgreSQL, appendix A "Error Codes"
inline bool is_passing(std::string_view code) {
  if (code.empty()) return true;
  for (const std::string_view of : {"08", "40", "53", "55P03", "57P0", "57014", "58"})
    if (code.starts_with(of)) return true;
  return false;
}

// Returns the message of the server on one line. It may hold text of the user.
inline std::string on_one_line(std::string said) {
  while (!said.empty() && (said.back() == '\n' || said.back() == ' ')) said.pop_back();
  for (char& c : said)
    if (c == '\n' || c == '\t') c = ' ';
  return text::printable(said);
}

inline must::error pg_error(std::string message, std::string code, bool retryable) {
  return {.code = error_code::storage_error,
          .message = "PostgreSQL: " + on_one_line(std::move(message)),
          .backend_code = std::move(code),
          .retryable = retryable};
}

// Returns the failure that a result reports.
inline pg_failure failure_of(const PGresult* result, const PGconn* connection) {
  const char* code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const bool lost =
      PQstatus(connection) != CONNECTION_OK || code == nullptr || std::string_view(code).starts_with("57P0");
  const std::string state = code == nullptr ? "08006" : code;
  // A session that the server ended while it was idle in a transaction has read no COMMIT.
  return {pg_error(text == nullptr ? "the connection was lost" : text, state, is_passing(state)), lost,
          state == "25P03"};
}

// Replaces a sentence that quotes a connection string: a server repeats the names that it was given.
inline std::string without_secrets(std::string_view sentence) {
  for (const std::string_view of : {"://", "password"})
    if (const auto at = sentence.find(of); at != sentence.npos && sentence.find('"') < at)
      return "the server refuses a name that holds a connection string";
  return std::string(sentence);
}

// Returns the failure to connect. libpq is verbose while it connects, so that its text holds "FATAL:  28P01: ...". Any
// other text of libpq names hosts and options, and is not handed on.
inline pg_failure failure_to_connect(const PGconn* connection) {
  const std::string_view text = PQerrorMessage(connection);
  const auto is_code = [](std::string_view five) {
    for (const char c : five)
      if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'))) return false;
    return five.size() == 5;
  };
  for (auto at = text.find(":  "); at != std::string_view::npos; at = text.find(":  ", at + 1)) {
    const auto code = text.substr(at + 3, 5);
    if (!is_code(code) || text.substr(at + 8, 2) != ": ") continue;
    const auto sentence = text.substr(at + 10, text.find('\n', at) - at - 10);
    return {pg_error(without_secrets(sentence), std::string(code), is_passing(code)), true};
  }
  if (PQconnectionNeedsPassword(connection) != 0)
    return {pg_error("the server asks for a password, and none was given", "28P01", false), true};
  for (const std::string_view of : {"certificate", "does not support SSL"})
    if (text.find(of) != std::string_view::npos)
      return {pg_error("the server's certificate, or that it has none, is refused by what sslmode asks for", "08001",
                       false),
              true};
  return {pg_error("the server cannot be reached, or refuses the connection", "08001", true), true};
}

[[noreturn]] inline void refuse_pg_answer() { raise(pg_error("an answer of the server cannot be read", "", false)); }

// Thrown for the answer to a request that was sent again, when the answer would be another one if the first request
// came through later.
struct pg_unsettled {};

inline pg_failure deadline_passed(const char* what) {
  return {pg_error(std::string("the deadline passed ") + what, "57014", true), true};
}

}  // namespace must::detail::postgres
