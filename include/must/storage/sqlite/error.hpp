// SPDX-License-Identifier: MIT
// Makes result codes of SQLite a storage_error with the operation, the name and number of the code, and the file.
#pragma once

#include "must/error.hpp"
#include "must/text/quoted.hpp"

#include <sqlite3.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace must::detail::sqlite {

// Returns "SQLITE_IOERR (1034)": the name of the primary code, and the number of the extended one.
inline std::string sqlite_code(int code) {
  constexpr std::array<std::string_view, 29> names{
      "OK",       "ERROR",   "INTERNAL", "PERM", "ABORT",    "BUSY",     "LOCKED", "NOMEM",  "READONLY", "INTERRUPT",
      "IOERR",    "CORRUPT", "NOTFOUND", "FULL", "CANTOPEN", "PROTOCOL", "EMPTY",  "SCHEMA", "TOOBIG",   "CONSTRAINT",
      "MISMATCH", "MISUSE",  "NOLFS",    "AUTH", "FORMAT",   "RANGE",    "NOTADB", "NOTICE", "WARNING"};
  const auto primary = static_cast<std::size_t>(code & 0xFF);
  std::string made = "SQLITE_";
  made += primary < names.size() ? names[primary] : std::string_view("ERROR");
  return made += " (" + std::to_string(code) + ")";
}

// Returns whether the same operation may succeed when it is tried again, without a change to anything.
inline bool is_passing(int code) {
  const int primary = code & 0xFF;
  return primary == SQLITE_BUSY || primary == SQLITE_LOCKED || primary == SQLITE_PROTOCOL || primary == SQLITE_NOMEM ||
         primary == SQLITE_INTERRUPT;
}

[[noreturn]] inline void raise_sqlite(int code, std::string_view operation, std::string_view path,
                                      std::string_view what) {
  std::string message(operation);
  (message += ": the store ").append(text::in_quotes(path)).append(": ").append(text::printable(what));
  if ((code & 0xFF) == SQLITE_BUSY) message += ", past the deadline";
  raise({.code = error_code::storage_error,
         .message = std::move(message),
         .operation = operation,
         .backend_code = sqlite_code(code),
         .retryable = is_passing(code)});
}

}  // namespace must::detail::sqlite
