// SPDX-License-Identifier: MIT
// An inline projection: a table of the user's own, written in the transaction of the events it follows from.
#include <must/codec/json.hpp>
#include <must/must.hpp>
#include <must/storage/inline_projection.hpp>
#include <must/storage/sqlite.hpp>

#include <iostream>
#include <stdexcept>
#include <string>

struct Booked {
  static constexpr auto type = "Booked";
  std::string stream;
  int seat;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Booked, stream, seat)

struct Book {
  std::string flight;
  int seat;

  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Booked be_translated_to_events() const { return {flight, seat}; }
};

// Runs one statement; gives the first number of its first row, if it has one.
int run(sqlite3* database, const char* sql, const std::string& text = {}, int number = 0) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(database, sql, -1, &statement, nullptr);
  sqlite3_bind_text(statement, 1, text.c_str(), -1, SQLITE_STATIC);
  sqlite3_bind_int(statement, 2, number);
  const int found = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int(statement, 0) : 0;
  if (sqlite3_finalize(statement) != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(database));
  return found;
}

int main() {
  must::sqlite_store store({.mode = must::sqlite_mode::in_memory});
  store.put_with("view", "seats, version 1", 0, [](must::sqlite_transaction& in) {
    run(in.handle, "CREATE TABLE seat(flight TEXT, number INTEGER, PRIMARY KEY(flight, number))");
  });

  must::inline_projection flights(store, [](must::sqlite_transaction& in, const must::cloud_event& event) {
    const auto booked = must::codec<Booked>::decode(event.data);
    run(in.handle, "INSERT INTO seat VALUES(?1, ?2)", booked.stream, booked.seat);
    std::cout << "seats in the view: " << run(in.handle, "SELECT count(*) FROM seat") << '\n';
  });

  must::process_command(Book{"MU-7", 12}, flights);
  must::process_command(Book{"MU-7", 14}, flights);
  try {
    must::process_command(Book{"MU-7", 12}, flights);
  } catch (const std::runtime_error& why) {
    std::cout << "not booked: " << why.what() << '\n';
  }
  std::cout << "events in the store: " << store.head() << '\n';
}
