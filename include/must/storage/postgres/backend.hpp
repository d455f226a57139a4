// SPDX-License-Identifier: MIT
// What a postgres_store does with its connections: opening a schema, trying again until the deadline.
#pragma once

#include "libpq-fe.h"
#include "must/detail/siphash.hpp"
#include "must/detail/wait.hpp"
#include "must/error.hpp"
#include "must/storage/kit/schema_versions.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/storage/postgres/connection.hpp"
#include "must/storage/postgres/failure.hpp"
#include "must/storage/postgres/parameters.hpp"
#include "must/storage/postgres/pool.hpp"
#include "must/storage/postgres/schema.hpp"
#include "must/text/quoted.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must::detail::postgres {

// What the row of a schema says.
struct pg_store_row {
  int min_reader = 0;
  siphash_key digest_key{};
  std::string channel{}, id{}, incarnation{};
};

class pg_backend {
 public:
  pg_backend(std::string conninfo, std::string schema, std::size_t connections, duration timeout, bool pooled)
      : schema_(std::move(schema)),
        timeout_(timeout.microseconds),
        // The server says that it has ended a statement before the client gives up.
        pool(checked(std::move(conninfo)), connections, pooled,
             std::chrono::milliseconds(std::max<std::int64_t>(timeout_, 0) / 10'000 * 9)) {}

  [[nodiscard]] std::string in_schema(std::string sql) const { return pg_in_schema(std::move(sql), schema_); }

  // Returns the time at which a call that begins now is over.
  [[nodiscard]] pg_clock::time_point deadline() const {
    return pg_clock::now() + std::chrono::microseconds(std::clamp<std::int64_t>(timeout_, 0, std::int64_t{1} << 50U));
  }

  // Calls attempt(connection, deadline, unknown) until it succeeds, fails for good, or the deadline has passed.
  // `writes` says that the request may be carried out although the connection was lost. After such a loss `unknown` is
  // true for the next attempt, and to fail for good is outcome_unknown. An attempt with `unknown` throws pg_unsettled
  // for an answer that would be another one if the lost request came through later. Throws storage_error and
  // outcome_unknown.
  template <typename Attempt>
  auto run(const char* operation, bool writes, Attempt&& attempt) {
    return run(operation, writes, deadline(), attempt);
  }
  // Does so until a deadline of the caller. Where it has passed before the first attempt, nothing is sent.
  template <typename Attempt>
  auto run(const char* operation, bool writes, pg_clock::time_point deadline, Attempt&& attempt) {
    if (pg_clock::now() >= deadline)
      give_up(deadline_passed("while the call waited for its turn").why, operation, false);
    std::vector<pg_told> unknown;
    std::optional<error> before;  // This says more than that the deadline has passed.
    for (unsigned attempts = 0;; ++attempts) {
      std::optional<pg_told> told;
      try {
        auto lease = pool.take(deadline);
        told = {lease->session(), lease->pooled()};
        try {
          try {
            return attempt(*lease, deadline, !unknown.empty());
          } catch (const pg_unsettled&) {
            end_all(*lease, unknown, deadline);
          }
          return attempt(*lease, deadline, false);
        } catch (const pg_failure&) {
          lease->close();
          throw;
        } catch (...) {
          if (!lease->usable()) lease->close();
          throw;
        }
      } catch (pg_failure& failure) {
        if (failure.lost && told) pool.forget_idle();
        if (writes && told && failure.lost && !failure.undone) unknown.push_back(*told);
        const bool late = pg_clock::now() >= deadline;
        if (late || !is_worth_another_try(failure))
          give_up(late && before ? *std::move(before) : std::move(failure.why), operation, !unknown.empty());
        before = std::move(failure.why);
        back_off(attempts);
      }
    }
  }

  // Opens the schema, and makes it where there is none. Throws storage_error.
  pg_store_row open(bool create) {
    return run("open", false, [&](pg_connection& connection, pg_clock::time_point deadline, bool) {
      check_encoding(connection, deadline);
      if (!exists(connection, deadline)) {
        if (!create)
          throw pg_failure{
              pg_error("there is no schema " + text::in_quotes(schema_) + " with a store of must", "3F000", false),
              false};
        migrate(connection, deadline);
      }
      if (!has_own_functions(connection, deadline)) {
        if (!create)
          throw pg_failure{
              pg_error("the schema " + text::in_quotes(schema_) +
                           " was renamed, or its functions are those of an earlier release; open it once with "
                           "`create`",
                       "3F000", false),
              false};
        replace_functions(connection, deadline);
      }
      return row_of(connection, deadline);
    });
  }
  // Returns whether appends set the isolation level themselves, since the default is another one.
  [[nodiscard]] bool begins() const noexcept { return begins_; }

 private:
  // A session whose connection was lost with a request.
  struct pg_told {
    pg_session session;
    bool pooled;
  };
  // Ends lost sessions. Afterwards their requests are carried out, or never will be.
  static void end_all(pg_connection& by, std::vector<pg_told>& all, pg_clock::time_point deadline) {
    for (const auto& one : all) {
      if (one.pooled || by.pooled())  // Only the pooler knows whose session it is.
        throw pg_failure{
            pg_error("the connection was lost, and what it was told may still be on its way", "08007", true), false};
      by.end(one.session, deadline);
    }
    all.clear();
  }
  // The text of libpq about a connection string repeats parts of it, so it is not handed on.
  static std::string checked(std::string conninfo) {
    char* message = nullptr;
    auto* options = PQconninfoParse(conninfo.c_str(), &message);
    if (message != nullptr) PQfreemem(message);
    if (options == nullptr) kit::refuse_input("conninfo", "is not a connection string of libpq");
    PQconninfoFree(options);
    return conninfo;
  }
  bool is_worth_another_try(const pg_failure& failure) {
    const auto& code = failure.why.backend_code.str();
    // The default is another level, so each append begins its transaction itself.
    if (code == "MU001") return begins_ = true;
    // A pooler has lost the prepared statements.
    if (code == "26000" || code == "42P05") return pool.keep_no_state(), true;
    if (code == "0A000" || code == "57014") return false;
    if (failure.lost) return failure.why.retryable;
    for (const std::string_view of : {"08", "40", "55P03", "57P03", "53300"})
      if (code.starts_with(of)) return true;
    return false;
  }
  [[noreturn]] static void give_up(error why, const char* operation, bool unknown) {
    why.operation = operation;
    if (unknown) {
      why.code = error_code::outcome_unknown;
      why.retryable = true;
      why.message = "it is not known whether the " + std::string(operation) + " is stored: " + why.message;
    }
    raise(std::move(why));
  }
  void check_encoding(pg_connection& connection, pg_clock::time_point deadline) const {
    const pg_parameters none;
    const auto encoding = connection.call({"SELECT current_setting('server_encoding')", &none}, deadline);
    if (encoding.text(0, 0) != "UTF8")
      throw pg_failure{
          pg_error("the database has the encoding " + std::string(encoding.text(0, 0)) + "; must needs UTF8", "22021",
                   false),
          false};
  }
  bool exists(pg_connection& connection, pg_clock::time_point deadline) const {
    pg_parameters name;  // The tables of the catalog are asked, since what a session knows of names may be old.
    name.add(schema_);
    return connection
               .call(
                   {"SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                    "WHERE n.nspname = $1 AND c.relname = 'store'",
                    &name},
                   deadline)
               .rows() > 0;
  }
  // Keeps other processes from making the schema or its functions until the transaction ends.
  void lock_schema(pg_connection& connection, pg_clock::time_point deadline) const {
    connection.run("SELECT pg_advisory_xact_lock(1836282989, hashtext(" + pg_quoted(schema_, '\'') + "))", deadline);
  }
  void migrate(pg_connection& connection, pg_clock::time_point deadline) const {
    connection.run("BEGIN ISOLATION LEVEL READ COMMITTED", deadline);
    lock_schema(connection, deadline);
    if (!exists(connection, deadline)) connection.run(pg_schema_sql(schema_), deadline);
    connection.run("COMMIT", deadline);
  }
  // Returns whether the functions name the schema that they are in, which they do not after ALTER SCHEMA ... RENAME,
  // and know the event that a condition has seen, which those of earlier releases do not.
  bool has_own_functions(pg_connection& connection, pg_clock::time_point deadline) const {
    pg_parameters names;
    names.add(schema_);
    names.add(pg_quoted(schema_, '"') + ".event");
    return connection
               .call({"SELECT p.oid FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace "
                      "WHERE n.nspname = $1 AND p.proname = 'append' AND strpos(p.prosrc, $2) > 0 "
                      "AND strpos(p.prosrc, 'expect_kind[i] = 4') > 0",
                      &names},
                     deadline)
               .rows() > 0;
  }
  void replace_functions(pg_connection& connection, pg_clock::time_point deadline) const {
    connection.run("BEGIN ISOLATION LEVEL READ COMMITTED", deadline);
    lock_schema(connection, deadline);
    if (!has_own_functions(connection, deadline)) connection.run(pg_functions_sql(schema_), deadline);
    connection.run("COMMIT", deadline);
  }
  pg_store_row row_of(pg_connection& connection, pg_clock::time_point deadline) const {
    const pg_parameters none;
    const auto row = connection.call({in_schema("SELECT min_reader, digest_key, {l}::regnamespace::oid::bigint, "
                                                "id::text, incarnation::text FROM {s}.store WHERE one"),
                                      &none},
                                     deadline);
    if (row.rows() != 1 || row.text(0, 1).size() != 16)
      throw pg_failure{
          pg_error("the table store of schema " + text::in_quotes(schema_) + " is damaged", "XX001", false), false};
    pg_store_row read{row.integer<std::int32_t>(0, 0),
                      {},
                      "must_" + std::to_string(row.number(0, 2)),
                      std::string(row.text(0, 3)),
                      std::string(row.text(0, 4))};
    for (std::size_t i = 0; i < read.digest_key.size(); ++i)
      read.digest_key[i] = static_cast<std::uint8_t>(row.text(0, 1)[i]);
    if (const auto why = kit::why_not_usable(kit::schema_use::read, read.min_reader, pg_schema_version))
      throw pg_failure{pg_error(text::in_quotes(schema_) + " is of a newer must: " + *why, "MU003", false), false};
    return read;
  }

  std::string schema_;
  std::int64_t timeout_;
  std::atomic<bool> begins_{false};

 public:
  pg_pool pool;
};

}  // namespace must::detail::postgres
