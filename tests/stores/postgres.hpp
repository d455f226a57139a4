// SPDX-License-Identifier: MIT
// A postgres_store with a schema of its own, dropped at the end.
#pragma once

#include "must/storage/postgres.hpp"
#include "must/testing/storage_suite.hpp"

#include "servers/postgres.hpp"
#include "support/skip.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace must_test {

// Whether there is a server; says why not.
inline bool has_postgres(const postgres_server& server = postgres_server::instance()) {
  if (!server.available()) skip(server.reason(), server.is_excused() ? "" : "postgresql");
  return server.available();
}

// Whether there is one that a test may stop and start.
inline bool has_own_postgres() {
  if (!has_postgres()) return false;
  const bool is_own = postgres_server::instance().is_private();
  if (!is_own) skip("the server that MUST_TEST_POSTGRES names is not the test's own");
  return is_own;
}

// The error of what a call throws. Throws when it throws none.
template <typename Call>
must::error error_of(Call&& call) {
  try {
    call();
  } catch (const must::exception& why) {
    return why.error();
  }
  throw std::runtime_error("nothing was thrown");
}

// The name of a schema that drops it.
class scratch_schema {
 public:
  scratch_schema() = default;
  scratch_schema(const scratch_schema&) = delete;
  scratch_schema& operator=(const scratch_schema&) = delete;
  ~scratch_schema() {
    try {
      session().ask("DROP SCHEMA IF EXISTS " + name + " CASCADE");
    } catch (const std::exception&) {}
  }
  const std::string name = next_name();

 private:
  static postgres_session& session() {
    thread_local std::unique_ptr<postgres_session> one;
    if (one != nullptr) try {
        one->ask("SELECT 1");
      } catch (const std::exception&) {
        one.reset();
      }
    if (one == nullptr) one = std::make_unique<postgres_session>();
    return *one;
  }
  static std::string next_name() {
    static std::atomic<int> count{0};
    return "t" + std::to_string(::getpid()) + "_" + std::to_string(++count);
  }
};

inline must::postgres_options options_for(const std::string& schema) {
  return {.conninfo = postgres_server::instance().conninfo(), .schema = schema};
}

struct postgres_fixture {
  static constexpr must::testing::capabilities capabilities{
      .cells = true, .batches = true, .waiting = true, .transactions = true, .shared = true, .durable = true};
  must::postgres_store& store() { return *store_; }
  must::postgres_store& other() {
    if (!other_) other_.emplace(options_for(schema_.name));
    return *other_;
  }
  void reopen() { store_.emplace(options_for(schema_.name)); }
  scratch_schema schema_{};
  std::optional<must::postgres_store> store_{std::in_place, options_for(schema_.name)}, other_{};
};

}  // namespace must_test
