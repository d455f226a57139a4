// SPDX-License-Identifier: MIT
// A transaction in which code of the user runs. It is rolled back unless it is committed.
#pragma once

#include "libpq-fe.h"
#include "must/storage/postgres/connection.hpp"
#include "must/storage/postgres/failure.hpp"
#include "must/storage/postgres/parameters.hpp"

#include <string>
#include <utility>
#include <vector>

namespace must::detail::postgres {

class pg_transaction {
 public:
  pg_transaction(pg_connection& connection, pg_clock::time_point deadline)
      : connection_(connection), deadline_(deadline) {}
  pg_transaction(const pg_transaction&) = delete;
  pg_transaction& operator=(const pg_transaction&) = delete;
  ~pg_transaction() {
    if (PQtransactionStatus(connection_.handle()) == PQTRANS_IDLE) return;
    try {
      connection_.run("ROLLBACK", deadline_);
    } catch (...) {  // The connection does not go back to the pool then, and its end rolls back.
      connection_.close();
    }
  }

  // Begins, and makes the first call, in one round trip.
  pg_result begin(const pg_call& first) {
    const pg_parameters none;
    std::vector<pg_call> calls{{"BEGIN ISOLATION LEVEL READ COMMITTED", &none}};
    if (connection_.pooled()) calls.push_back({connection_.settings(), &none});
    calls.push_back(first);
    try {
      return std::move(connection_.call_all(calls, deadline_).back());
    } catch (pg_failure& failure) {
      failure.undone = true;
      throw;
    }
  }
  // Begins, makes a call, and commits, in one round trip.
  static pg_result whole(pg_connection& connection, const pg_call& call, pg_clock::time_point deadline) {
    const pg_parameters none;
    std::vector<pg_call> calls{{"BEGIN ISOLATION LEVEL READ COMMITTED", &none}};
    if (connection.pooled()) calls.push_back({connection.settings(), &none});
    calls.push_back(call);
    calls.push_back({"COMMIT", &none});
    return std::move(connection.call_all(calls, deadline).at(calls.size() - 2));
  }
  // Makes the last call and commits, in one round trip.
  void end(const pg_call& last) {
    const pg_parameters none;
    connection_.call_all({last, {"COMMIT", &none}}, deadline_);
  }

  // Hands the connection to `use`, with the settings of the planner as they are by default.
  template <typename Use>
  void lend(Use&& use) {
    run("SET LOCAL enable_seqscan TO DEFAULT; SET LOCAL enable_bitmapscan TO DEFAULT; SET LOCAL enable_hashjoin TO "
        "DEFAULT; "
        "SET LOCAL enable_mergejoin TO DEFAULT; SET LOCAL enable_hashagg TO DEFAULT; SET LOCAL enable_sort TO DEFAULT; "
        "SET LOCAL jit TO DEFAULT; SET LOCAL plan_cache_mode TO DEFAULT");
    auto* const handle = connection_.handle();
    connection_.set_blocking(true);
    try {
      std::forward<Use>(use)(handle);
    } catch (...) {
      connection_.set_blocking(false);
      throw;
    }
    connection_.set_blocking(false);
    const auto refuse = [](const char* what, const char* code) {
      throw pg_failure{pg_error(what, code, false), false, true};
    };
    if (PQstatus(handle) != CONNECTION_OK) throw pg_failure{pg_error("the connection was lost", "08006", true), false};
    switch (PQtransactionStatus(handle)) {
      case PQTRANS_INTRANS: break;
      case PQTRANS_INERROR:
        refuse("a statement of the callback failed, and rolled the transaction back", "25P02");
        break;
      case PQTRANS_IDLE: refuse("the callback has ended the transaction", "2D000"); break;
      default: refuse("the callback has left a statement unfinished", "2D000");
    }
  }
  void commit() { connection_.run("COMMIT", deadline_); }

 private:
  // Runs a statement that comes before the COMMIT.
  void run(const std::string& sql) {
    try {
      connection_.run(sql, deadline_);
    } catch (pg_failure& failure) {
      failure.undone = true;
      throw;
    }
  }

  pg_connection& connection_;
  pg_clock::time_point deadline_;
};

}  // namespace must::detail::postgres
