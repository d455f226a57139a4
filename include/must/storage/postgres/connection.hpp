// SPDX-License-Identifier: MIT
// A connection to PostgreSQL and a result: owned, non-blocking underneath, and never waited for past a deadline.
#pragma once

#include "must/detail/wait.hpp"
#include "must/storage/postgres/failure.hpp"
#include "must/storage/postgres/parameters.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace must::detail::postgres {

// A result with rows in binary format.
class pg_result {
 public:
  explicit pg_result(PGresult* result) : result_(result) {}

  [[nodiscard]] const PGresult* get() const noexcept { return result_.get(); }
  [[nodiscard]] ExecStatusType status() const noexcept { return PQresultStatus(get()); }
  [[nodiscard]] int rows() const noexcept { return PQntuples(get()); }
  [[nodiscard]] bool is_null(int row, int column) const noexcept { return PQgetisnull(get(), row, column) != 0; }
  [[nodiscard]] std::string_view text(int row, int column) const {
    return {PQgetvalue(get(), row, column), static_cast<std::size_t>(PQgetlength(get(), row, column))};
  }
  template <typename Integer>
  [[nodiscard]] Integer integer(int row, int column) const {
    const auto bytes = text(row, column);
    return bytes.empty() && is_null(row, column) ? Integer{0} : decoded<Integer>(bytes);
  }
  [[nodiscard]] std::uint64_t number(int row, int column) const {
    return static_cast<std::uint64_t>(integer<std::int64_t>(row, column));
  }
  [[nodiscard]] std::uint64_t number32(int row, int column) const {
    return static_cast<std::uint64_t>(integer<std::int32_t>(row, column));
  }
  // Returns the elements of an array. NULLs are empty.
  [[nodiscard]] std::vector<std::string_view> array(int row, int column) const {
    auto bytes = text(row, column);
    std::vector<std::string_view> elements;
    if (bytes.size() < 20) return elements;  // An empty array has no dimension.
    const auto count = get_big_endian<std::int32_t>(bytes.data() + 12);
    bytes.remove_prefix(20);
    for (std::int32_t i = 0; i < count; ++i) {
      if (bytes.size() < 4) refuse_pg_answer();
      const auto size = get_big_endian<std::int32_t>(bytes.data());
      bytes.remove_prefix(4);
      const auto length = size < 0 ? 0 : static_cast<std::size_t>(size);
      if (length > bytes.size()) refuse_pg_answer();
      elements.push_back(bytes.substr(0, length));
      bytes.remove_prefix(length);
    }
    return elements;
  }
  // Returns the elements of an array of bigint or int. NULLs are 0.
  template <typename Integer>
  [[nodiscard]] std::vector<std::uint64_t> numbers(int row, int column) const {
    std::vector<std::uint64_t> made;
    for (const auto element : array(row, column))
      made.push_back(element.empty() ? 0 : static_cast<std::uint64_t>(decoded<Integer>(element)));
    return made;
  }

 private:
  template <typename Integer>
  static Integer decoded(std::string_view bytes) {
    if (bytes.size() != sizeof(Integer)) refuse_pg_answer();
    return get_big_endian<Integer>(bytes.data());
  }
  struct clearer {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
  };
  std::unique_ptr<PGresult, clearer> result_;
};

// A statement with its parameters.
struct pg_call {
  std::string_view sql;
  const pg_parameters* parameters;
  bool is_frequent = false;  // A frequent statement is prepared although it has no parameters.
};

// A session on the server: its process, and a time of the clock of the server at which it was there.
struct pg_session {
  std::int32_t process = 0;
  std::int64_t at = 0;
};

// The settings that the statements of `must` rely on. The planner scans indexes in the order of positions, whatever the
// statistics say. The server ends a statement before the client gives up, unless the server has another timeout.
inline std::string pg_settings(bool in_transaction, std::chrono::milliseconds timeout) {
  const std::string local = in_transaction ? "true)" : "false)";
  auto made = "SELECT set_config('plan_cache_mode', 'force_generic_plan', " + local;
  for (const char* name : {"enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin",
                           "enable_hashagg", "enable_sort", "jit"})
    made += std::string(", set_config('") + name + "', 'off', " + local;
  return made + ", CASE WHEN current_setting('statement_timeout') = '0' THEN set_config('statement_timeout', '" +
         std::to_string(std::clamp<std::int64_t>(timeout.count(), 1, 2'000'000'000)) + "', " + local + " END";
}

class pg_connection {
 public:
  // Connects. Throws pg_failure. `pooled` says that the session keeps no state, and where it does not, a pooler is
  // detected. `timeout` is the time that the server gives each statement.
  pg_connection(const std::string& conninfo, bool pooled, std::chrono::milliseconds timeout,
                pg_clock::time_point deadline)
      : pooled_(pooled), in_transaction_(pg_settings(true, timeout)) {
    const char* const names[] = {"dbname", "fallback_application_name", "client_encoding", nullptr};
    const char* const values[] = {conninfo.c_str(), "must", "UTF8", nullptr};
    connection_.reset(PQconnectStartParams(names, values, 1));
    if (connection_ == nullptr) throw pg_failure{pg_error("out of memory", "53200", true), true};
    PQsetErrorVerbosity(handle(), PQERRORS_VERBOSE);
    PQsetNoticeProcessor(handle(), [](void*, const char*) {}, nullptr);
    if (PQstatus(handle()) == CONNECTION_BAD) throw failure_to_connect(handle());
    for (auto step = PGRES_POLLING_WRITING; step != PGRES_POLLING_OK; step = PQconnectPoll(handle())) {
      if (step == PGRES_POLLING_FAILED) throw failure_to_connect(handle());
      await(step == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline, "while connecting");
    }
    PQsetErrorVerbosity(handle(), PQERRORS_DEFAULT);
    PQsetnonblocking(handle(), 1);
    set_up(timeout, deadline);
  }

  [[nodiscard]] PGconn* handle() const noexcept { return connection_.get(); }
  void close() noexcept { closed_ = true; }
  [[nodiscard]] bool usable() const noexcept {
    return !closed_ && PQstatus(handle()) == CONNECTION_OK && PQtransactionStatus(handle()) == PQTRANS_IDLE &&
           PQpipelineStatus(handle()) == PQ_PIPELINE_OFF;
  }
  // Returns whether there is a pooler, so that the next transaction of this session may be that of another client.
  [[nodiscard]] bool pooled() const noexcept { return pooled_; }

  [[nodiscard]] const pg_session& session() const noexcept { return session_; }
  // Returns pg_settings for one transaction, where the session keeps nothing.
  [[nodiscard]] std::string_view settings() const noexcept { return in_transaction_; }
  // Ends another session of the same role and waits until it is gone. By then its requests are carried out, or never
  // will be. Throws pg_failure.
  void end(const pg_session& other, pg_clock::time_point deadline) {
    pg_parameters which;
    which.add(other.process);
    which.add(other.at);
    const pg_call terminate{
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND extract(epoch FROM backend_start) * "
        "1000000 <= $2",
        &which};
    for (unsigned attempt = 0; call(terminate, deadline).rows() > 0; ++attempt) back_off(attempt);
  }
  // Runs statements without parameters or results.
  void run(const std::string& sql, pg_clock::time_point deadline) {
    if (PQsendQuery(handle(), sql.c_str()) == 0) throw lost();
    finish(deadline);
  }
  // Runs one statement, which is prepared where that can be.
  pg_result call(const pg_call& what, pg_clock::time_point deadline) {
    const bool known = prepare_first(what) && prepared(what, deadline);
    send(what, known);
    return finish(deadline);
  }
  // Runs statements in one round trip. It is one transaction if the first of them begins one.
  std::vector<pg_result> call_all(const std::vector<pg_call>& all, pg_clock::time_point deadline) {
    std::vector<bool> known;
    known.reserve(all.size());
    for (const auto& what : all) known.push_back(prepare_first(what) && prepared(what, deadline));
    if (PQenterPipelineMode(handle()) == 0) throw lost();
    for (std::size_t i = 0; i < all.size(); ++i) send(all[i], known[i]);
    if (PQpipelineSync(handle()) == 0) throw lost();
    auto results = collect(all.size(), deadline);
    PQexitPipelineMode(handle());
    return results;
  }

  // Gives the callback of the user the connection as libpq has it by default, or takes it back.
  void set_blocking(bool blocking) { PQsetnonblocking(handle(), blocking ? 0 : 1); }

  // Waits until the server has something to say. Returns false when the time is over.
  bool await_input(int other, pg_clock::time_point until) {
    ::pollfd sockets[] = {{PQsocket(handle()), POLLIN, 0}, {other, POLLIN, 0}};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - pg_clock::now()).count();
    return ::poll(sockets, 2, static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000))) > 0;
  }

 private:
  struct finisher {
    void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
  };
  static constexpr std::size_t most_statements = 200;

  [[nodiscard]] pg_failure lost() const { return {pg_error("the connection was lost", "08006", true), true}; }
  void await(short events, pg_clock::time_point deadline, const char* what) const {
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::microseconds>(deadline - pg_clock::now()).count();
      if (left <= 0) throw deadline_passed(what);
      ::pollfd socket{PQsocket(handle()), events, 0};
      const int ready = ::poll(&socket, 1, static_cast<int>(std::min<std::int64_t>(left / 1'000 + 1, 3'600'000)));
      if (ready > 0) return;
      if (ready < 0 && errno != EINTR) throw lost();
    }
  }
  // Detects a pooler, and readies the session if there is none.
  void set_up(std::chrono::milliseconds timeout, pg_clock::time_point deadline) {
    const pg_parameters none;
    const auto told = call_unprepared(
        {"SELECT pg_backend_pid(), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint", &none}, deadline);
    session_ = {told.integer<std::int32_t>(0, 0), told.integer<std::int64_t>(0, 1)};
    if (session_.process != PQbackendPID(handle())) pooled_ = true;
    if (pooled_) return;
    call_unprepared({pg_settings(false, timeout), &none}, deadline);
  }
  pg_result call_unprepared(const pg_call& what, pg_clock::time_point deadline) {
    send(what, false);
    return finish(deadline);
  }
  [[nodiscard]] bool prepare_first(const pg_call& what) const {
    return !pooled_ && (what.is_frequent || what.parameters->size() > 0);
  }
  bool prepared(const pg_call& what, pg_clock::time_point deadline) {
    if (names_.contains(std::string(what.sql))) return true;
    if (names_.size() >= most_statements) return false;
    const auto& [sql, name] = *names_.emplace(what.sql, "must_" + std::to_string(names_.size())).first;
    try {
      if (PQsendPrepare(handle(), name.c_str(), sql.c_str(), what.parameters->size(), what.parameters->types()) == 0)
        throw lost();
      finish(deadline);
    } catch (...) {  // It is not known whether the server has the name.
      close();
      throw;
    }
    return true;
  }
  void send(const pg_call& what, bool known) {
    const std::string sql(what.sql);
    const auto& given = *what.parameters;
    const int sent = given.with([&](const char* const* values, const int* lengths, const int* formats) {
      if (known)
        return PQsendQueryPrepared(handle(), names_.at(sql).c_str(), given.size(), values, lengths, formats, 1);
      return PQsendQueryParams(handle(), sql.c_str(), given.size(), given.types(), values, lengths, formats, 1);
    });
    if (sent == 0) throw lost();
  }
  void flush(pg_clock::time_point deadline) {
    for (;;) {
      const int left = PQflush(handle());
      if (left < 0) return;  // Reading will say why it failed.
      if (left == 0) return;
      await(POLLIN | POLLOUT, deadline, "while sending a statement");
      if (PQconsumeInput(handle()) == 0) return;
    }
  }
  pg_result next(pg_clock::time_point deadline) {
    while (PQisBusy(handle()) != 0) {
      await(POLLIN, deadline, "while waiting for the server");
      if (PQconsumeInput(handle()) == 0) break;
    }
    return pg_result(PQgetResult(handle()));
  }
  static bool is_failure(const pg_result& one) {
    return one.status() == PGRES_FATAL_ERROR || one.status() == PGRES_BAD_RESPONSE;
  }
  // Returns the last result. The first failure is thrown, but only when the server is done with the statement: an error
  // of the commit comes after the rows.
  pg_result finish(pg_clock::time_point deadline) {
    flush(deadline);
    pg_result last(nullptr), failed(nullptr);
    for (;;) {
      auto one = next(deadline);
      if (one.get() == nullptr) break;
      if (is_failure(one) && failed.get() == nullptr)
        failed = std::move(one);
      else
        last = std::move(one);
      if (PQstatus(handle()) != CONNECTION_OK) break;
    }
    if (failed.get() != nullptr) throw failure_of(failed.get(), handle());
    if (PQstatus(handle()) != CONNECTION_OK || last.get() == nullptr) throw lost();
    return last;
  }
  std::vector<pg_result> collect(std::size_t count, pg_clock::time_point deadline) {
    flush(deadline);
    std::vector<pg_result> results;
    pg_result failed(nullptr);
    for (;;) {
      auto one = next(deadline);
      if (PQstatus(handle()) != CONNECTION_OK) {
        if (failed.get() == nullptr && one.get() != nullptr && is_failure(one)) throw failure_of(one.get(), handle());
        throw lost();
      }
      if (one.get() == nullptr) continue;  // One statement ends here.
      if (one.status() == PGRES_PIPELINE_SYNC) break;
      if (is_failure(one) && failed.get() == nullptr)
        failed = std::move(one);
      else if (one.status() != PGRES_PIPELINE_ABORTED)
        results.push_back(std::move(one));
    }
    if (failed.get() == nullptr && results.size() == count) return results;
    PQexitPipelineMode(handle());
    if (failed.get() == nullptr) throw lost();
    throw failure_of(failed.get(), handle());
  }

  std::unique_ptr<PGconn, finisher> connection_{};
  bool pooled_, closed_ = false;
  std::string in_transaction_;
  pg_session session_{};
  std::unordered_map<std::string, std::string> names_{};  // The names of prepared statements, by their texts.
};

}  // namespace must::detail::postgres
