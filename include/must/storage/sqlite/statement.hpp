// SPDX-License-Identifier: MIT
// A prepared statement of SQLite. It binds without copying, steps, and makes every failure a storage_error.
#pragma once

#include "must/error.hpp"
#include "must/storage/kit/schema_versions.hpp"
#include "must/storage/sqlite/error.hpp"
#include "must/storage/sqlite/sql.hpp"
#include "must/text/quoted.hpp"

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace must::detail::sqlite {

// Names the connection and the operation of the user for errors of statements.
struct sqlite_context {
  ::sqlite3* handle = nullptr;
  std::string path{};
  const char* operation = "open";

  [[noreturn]] void fail(int code) const {
    raise_sqlite(code, operation, path, handle != nullptr ? ::sqlite3_errmsg(handle) : ::sqlite3_errstr(code));
  }
};

// Refuses a file that asks for a later release. \see kit::why_not_usable
inline void check_usable(const sqlite_context& of, kit::schema_use use, std::int64_t needed) {
  const auto why = kit::why_not_usable(use, needed, sqlite_schema_version);
  if (!why) return;
  raise({.code = error_code::storage_error,
         .message =
             std::string(of.operation) + ": the store " + text::in_quotes(of.path) + " is of a newer must: " + *why,
         .operation = of.operation,
         .backend_code = use == kit::schema_use::read ? "min_reader" : "min_writer"});
}

// Returns the error of damage that SQLite itself does not see: a file has no sums of its pages.
[[noreturn]] inline void raise_damaged(const sqlite_context& of, std::uint64_t at, std::string_view what) {
  auto message = "the event at position " + std::to_string(at) + " is damaged: ";
  raise_sqlite(SQLITE_CORRUPT, of.operation, of.path, message += what);
}

// A statement. What is bound to it lives until the next reset.
class sqlite_statement {
 public:
  sqlite_statement(const sqlite_context& of, std::string_view sql) : of_(&of) {
    const auto size = static_cast<int>(sql.size());
    const int code = ::sqlite3_prepare_v3(of.handle, sql.data(), size, SQLITE_PREPARE_PERSISTENT, &handle_, nullptr);
    if (code != SQLITE_OK) of.fail(code);
  }
  sqlite_statement(sqlite_statement&& other) noexcept
      : of_(other.of_), handle_(std::exchange(other.handle_, nullptr)) {}
  ~sqlite_statement() { ::sqlite3_finalize(handle_); }

  sqlite_statement& bind(int at, std::int64_t value) { return checked(::sqlite3_bind_int64(handle_, at, value)); }
  sqlite_statement& bind(int at, std::uint64_t value) { return bind(at, in_range(value)); }
  sqlite_statement& text(int at, std::string_view value) {
    return checked(::sqlite3_bind_text64(handle_, at, value.data(), value.size(), stays, SQLITE_UTF8));
  }
  sqlite_statement& blob(int at, std::string_view bytes) {
    const char* data = bytes.data() == nullptr ? "" : bytes.data();
    return checked(::sqlite3_bind_blob64(handle_, at, data, bytes.size(), stays));
  }
  sqlite_statement& null(int at) { return checked(::sqlite3_bind_null(handle_, at)); }
  sqlite_statement& text_or_null(int at, std::string_view value) { return value.empty() ? null(at) : text(at, value); }
  sqlite_statement& blob_or_null(int at, std::string_view value) { return value.empty() ? null(at) : blob(at, value); }

  // Returns whether there is a row. A failure resets the statement.
  bool step() {
    const int code = try_step();
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) fail(code);
    return false;
  }
  [[nodiscard]] int try_step() { return ::sqlite3_step(handle_); }
  [[noreturn]] void fail(int code) {
    try {
      of_->fail(code);
    } catch (...) {
      reset();
      throw;
    }
  }
  // Runs a statement that gives no row. It holds nothing afterwards.
  void run() {
    step();
    reset();
  }
  void reset() noexcept { ::sqlite3_reset(handle_); }

  [[nodiscard]] std::int64_t integer(int column) { return ::sqlite3_column_int64(handle_, column); }
  [[nodiscard]] std::uint64_t count(int column) { return static_cast<std::uint64_t>(integer(column)); }
  [[nodiscard]] std::optional<std::int64_t> integer_or_null(int column) {
    auto* const value = ::sqlite3_column_value(handle_, column);
    if (::sqlite3_value_type(value) == SQLITE_NULL) return std::nullopt;
    return ::sqlite3_value_int64(value);
  }
  // Texts and blobs are read alike, as the file has them, and NULL is empty. They live until the next step or reset.
  // The value is taken once, since each column call checks anew, and a connection of one thread needs no protected one.
  [[nodiscard]] std::string_view bytes(int column) {
    auto* const value = ::sqlite3_column_value(handle_, column);
    const auto* data = static_cast<const char*>(::sqlite3_value_blob(value));
    if (data == nullptr) return no_bytes(value);
    return {data, static_cast<std::size_t>(::sqlite3_value_bytes(value))};
  }
  [[nodiscard]] const sqlite_context& context() const noexcept { return *of_; }

 private:
  static constexpr ::sqlite3_destructor_type stays = nullptr;  // This is SQLITE_STATIC.
  static std::int64_t in_range(std::uint64_t value) {
    return value > std::uint64_t{INT64_MAX} ? INT64_MAX : static_cast<std::int64_t>(value);
  }
  // The value is NULL, empty, or not got for want of memory.
  std::string_view no_bytes(::sqlite3_value* value) {
    const bool is_null = ::sqlite3_value_type(value) == SQLITE_NULL;
    if (!is_null && ::sqlite3_errcode(of_->handle) == SQLITE_NOMEM) fail(SQLITE_NOMEM);
    return {};
  }
  sqlite_statement& checked(int code) {
    if (code != SQLITE_OK) fail(code);
    return *this;
  }
  const sqlite_context* of_;
  ::sqlite3_stmt* handle_ = nullptr;
};

}  // namespace must::detail::sqlite
