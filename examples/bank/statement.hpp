// SPDX-License-Identifier: MIT
// Statements: a table of the bank's own in the database of the events, exactly as far as its checkpoint says.
#pragma once

#include "account.hpp"

#include <must/storage/sqlite.hpp>

#include <sqlite3.h>
#include <stdexcept>
#include <string>

namespace bank {

// Runs one statement; gives the first number of its first row, if it has one.
inline long long run(sqlite3* database, const std::string& sql, const std::string& text = {}, long long number = 0) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr);
  sqlite3_bind_text(statement, 1, text.c_str(), -1, SQLITE_STATIC);
  sqlite3_bind_int64(statement, 2, number);
  const auto found = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
  if (sqlite3_finalize(statement) != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(database));
  return found;
}

// Writes the statement of one version; each has a table of its own.
class statement_writer {
 public:
  explicit statement_writer(int version) : table_("statement_" + std::to_string(version)) {}

  void operator()(must::sqlite_transaction& in, const must::recorded<must::payload>& event) const {
    run(in.handle,
        "CREATE TABLE IF NOT EXISTS " + table_ + "(account TEXT PRIMARY KEY, balance INTEGER, lines INTEGER)");
    if (event.type == Deposited::type) book(in, must::codec<Deposited>::decode(event.data), 1);
    if (event.type == Withdrawn::type) book(in, must::codec<Withdrawn>::decode(event.data), -1);
  }
  [[nodiscard]] const std::string& table() const { return table_; }

 private:
  void book(must::sqlite_transaction& in, const auto& event, int sign) const {
    run(in.handle,
        "INSERT INTO " + table_ +
            " VALUES(?1, ?2, 1) ON CONFLICT(account) DO UPDATE SET "
            "balance = balance + excluded.balance, lines = lines + 1",
        event.account, sign * event.amount);
  }
  std::string table_;
};

}  // namespace bank
