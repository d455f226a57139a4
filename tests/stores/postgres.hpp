// SPDX-License-Identifier: MIT
// postgres_store for the list of stores, and what its tests share: each in a schema of its own, dropped at the end.
#pragma once

#include "must/storage/postgres.hpp"
#include "must/testing/storage_suite.hpp"

#include "servers/postgres.hpp"
#include "support/error_of.hpp"
#include "support/skip.hpp"
#include "support/temporary_folder.hpp"

#include <atomic>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>

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
  static std::string name() { return "postgres_store"; }
  static std::string tags() { return "[postgres]"; }
  static constexpr must::testing::capabilities capabilities{
      .cells = true, .batches = true, .waiting = true, .transactions = true, .shared = true, .durable = true};
  static bool is_available() { return has_postgres(); }

  [[nodiscard]] must::postgres_store open() const { return must::postgres_store(options_for(schema_.name)); }
  must::postgres_store& store() {
    if (!store_) reopen();
    return *store_;
  }
  must::postgres_store& other() {
    if (!other_) other_.emplace(options_for(schema_.name));
    return *other_;
  }
  void reopen() { store_.emplace(options_for(schema_.name)); }
  void close() {
    store_.reset();
    other_.reset();
  }

  static bool has_copies() {
    const bool has_programs = !dumps().empty() && !loads().empty();
    if (!has_programs) skip("pg_dump or psql is missing", "postgresql");
    return has_own_postgres() && has_programs;
  }
  void save() const {
    auto& server = postgres_server::instance();
    server.run_to_the_end({dumps(), "-d", server.conninfo(), "-a", "-n", schema_.name, "-f", saved()});
  }
  // In one transaction that nobody else may read or write in, so that who uses the store meets the one or the other.
  void put_back() const {
    auto& server = postgres_server::instance();
    server.run_to_the_end(
        {loads(), "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", server.conninfo(), "-c",
         "DO $$ DECLARE one text; BEGIN FOR one IN SELECT quote_ident(tablename) FROM pg_tables WHERE "
         "schemaname = '" +
             schema_.name + "' ORDER BY 1 LOOP EXECUTE 'LOCK TABLE " + schema_.name +
             ".' || one || ' IN ACCESS EXCLUSIVE MODE; DELETE FROM " + schema_.name + ".' || one; END LOOP; END $$",
         "-f", saved()});
  }

  // How often each thing was counted, by a table.
  class counts {
   public:
    explicit counts(const postgres_fixture& of) : table_(of.schema_.name + ".counted") {
      postgres_session().ask("CREATE SCHEMA IF NOT EXISTS " + of.schema_.name + "; CREATE TABLE " + table_ +
                             "(what text PRIMARY KEY, times integer)");
    }
    void add(must::postgres_store::transaction& in, const std::string& what) const {
      postgres_session::ask(in.handle, "INSERT INTO " + table_ + " AS t VALUES('" + what +
                                           "', 1) ON CONFLICT(what) DO UPDATE SET times = t.times + 1");
    }
    [[nodiscard]] std::map<std::string, int> all() const {
      std::istringstream lines(postgres_session().ask("SELECT what || ' ' || times FROM " + table_));
      std::map<std::string, int> found;
      std::string what;
      for (int times = 0; lines >> what >> times;) found[what] = times;
      return found;
    }

   private:
    std::string table_;
  };

  scratch_schema schema_{};
  temporary_folder folder{};

 private:
  static std::string dumps() { return postgres_server::program("pg_dump"); }
  static std::string loads() { return postgres_server::program("psql"); }
  [[nodiscard]] std::string saved() const { return postgres_server::instance().data() + "/" + schema_.name + ".sql"; }

  std::optional<must::postgres_store> store_{}, other_{};
};

}  // namespace must_test
