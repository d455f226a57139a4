// SPDX-License-Identifier: MIT
// postgres_store: events in PostgreSQL 13 or newer, by libpq.
#pragma once

#include "libpq-fe.h"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/limits.hpp"
#include "must/origin.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/result.hpp"
#include "must/storage.hpp"
#include "must/storage/abilities.hpp"
#include "must/storage/kit/batch.hpp"
#include "must/storage/kit/shared_commit.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/storage/postgres/appender.hpp"
#include "must/storage/postgres/appending.hpp"
#include "must/storage/postgres/backend.hpp"
#include "must/storage/postgres/connection.hpp"
#include "must/storage/postgres/failure.hpp"
#include "must/storage/postgres/listener.hpp"
#include "must/storage/postgres/options.hpp"
#include "must/storage/postgres/parameters.hpp"
#include "must/storage/postgres/reading.hpp"
#include "must/storage/postgres/rows.hpp"
#include "must/storage/postgres/schema.hpp"
#include "must/storage/postgres/select.hpp"
#include "must/storage/postgres/transaction.hpp"
#include "must/storage/transactional.hpp"
#include "must/storage/waitable.hpp"
#include "must/text/utf8.hpp"
#include "must/timestamp.hpp"
#include "must/uuid.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must {

/// A store in PostgreSQL. It is a CellStorage, BatchStorage, WaitableStorage, TransactionalStorage and HistoryStorage.
///
/// Several processes may use one schema. Appends take turns by an advisory lock. Threads that append to one object at
/// the same time share a commit, each with its own condition, result and error. Positions have no gaps, and are in the
/// order of commits. No connection is held while a visitor runs. The database is encoded in UTF8.
/// A connection that is lost is made anew. An append whose outcome is not known is sent again within `timeout`, and is
/// stored once. After outcome_unknown, call append again with the same events. Then a stored result and a conflict
/// on the query are final. The lost request may still commit after position_ahead, and after a conflict on a stream
/// whose version is below the expected one. Every member may throw storage_error, with the SQLSTATE as backend_code.
/// Members that write may throw outcome_unknown.
class postgres_store {
 public:
  using data_type = payload;  ///< The type of the data of an event.
  using event = cloud_event;  ///< The type of an event that is appended.

  /// The connection within the transaction of an append or a put. The callback does not end the transaction.
  struct transaction {
    PGconn* handle;  ///< The connection of libpq, in an open transaction.
  };
  using callback = std::function<void(transaction&)>;  ///< The type of what runs in a transaction.

  /// Opens the schema, and makes it where there is none. Several processes may do so at once.
  /// \throws bad_input  when the schema is not 1 to 63 bytes, starts with "pg_", or has a "$", a "{" or a backslash
  /// \throws bad_input  when the source is out of range, or libpq does not take the conninfo
  /// \throws storage_error  when the schema cannot be opened, is damaged, or is of a later release
  explicit postgres_store(postgres_options options, must::origin origin = {})
      : options_((detail::postgres::check_schema_name(options.schema), std::move(options))),
        origin_(std::move(origin)),
        backend_(options_.conninfo, options_.schema, options_.connections, options_.timeout, options_.pooled) {
    kit::check_name("source", origin_.source);
    row_ = backend_.open(options_.create);
    listener_ = std::make_unique<detail::postgres::pg_listener>(
        backend_.pool, options_.notify ? row_.channel : std::string(), head_sql_, options_.poll_interval);
  }

  /// Returns the statements that make a schema, for programs that run migrations by hand, in one transaction.
  /// \throws bad_input  when the name is out of range, as for the constructor
  [[nodiscard]] static std::string schema_sql(std::string_view name) {
    detail::postgres::check_schema_name(name);
    return detail::postgres::pg_schema_sql(name);
  }

  /// Appends events under a condition, and leaves `events` as they are. \see Storage
  /// \throws bad_input  for input beyond the limits
  /// \throws duplicate_id  when an id is stored with other content, or stands twice in the append
  /// \throws position_ahead  for a condition on a position beyond the head
  append_result append(std::span<event> events, const append_condition& condition) {
    check(events, condition);
    return seen(appender_.append(events, condition));
  }
  /// Appends events and runs `then` in the same transaction, before the commit. \see TransactionalStorage
  ///
  /// `then` does not run for a conflict or a repeat, and runs again when the transaction is tried again. It holds the
  /// lock of appends, so it does not append to this store. What it throws rolls everything back and passes through.
  /// \throws ...  what append() and `then` throw
  append_result append_with(std::span<event> events, const append_condition& condition, const callback& then) {
    check(events, condition);
    const auto call = appender_.prepared(events, condition);
    return seen(backend_.run("append", true, [&](auto& connection, auto deadline, bool) {
      detail::postgres::pg_transaction open(connection, deadline);
      const auto answer = open.begin({appender_.sql(), &call.parameters()});
      bool repeat = false;
      auto verdict = call.verdict(answer, false, &repeat);
      if (verdict.stored() && !repeat) {
        open.lend([&](PGconn* handle) { lend(then, handle); });
        open.commit();
      }
      return verdict;
    }));
  }
  /// Appends many in one commit. A reader sees all of it or nothing. \see BatchStorage
  std::vector<result<append_result>> append_batch(std::span<batch_item<payload>> items) {
    auto results = kit::append_good<payload>(
        items, [&](const auto& item) { check(item.events, item.condition); },
        [&](const auto& good) { return appender_.append_batch(good); });
    for (const auto& one : results)
      if (one && one->stored()) listener_->saw((*one)->last);
    return results;
  }

  /// Reads events in pages, each in a transaction of its own. \see Storage
  /// \throws bad_input  when the query or an option is out of range
  template <typename Visitor>
  read_result read(const query& which, const read_options& options, Visitor&& visitor) {
    kit::check_read(which, options, options_.limits.name_bytes);
    detail::postgres::pg_reader reader(backend_, which, options, options_.page_events, options_.page_bytes);
    return reader.read(visitor);
  }
  /// Returns the last position, 0 when the store is empty.
  [[nodiscard]] position head() {
    const detail::postgres::pg_parameters none;
    return ask("head", head_sql_, none).number(0, 0);
  }
  /// Returns the version of a stream, 0 when there is none.
  /// \throws bad_input  when `stream` is no name: UTF-8 without NUL, not empty, and within limits()
  [[nodiscard]] must::version version(std::string_view stream) {
    kit::check_name("stream", stream, limits().name_bytes);
    detail::postgres::pg_parameters name;
    name.add(stream);
    return must::version(ask("version", version_sql_, name).number(0, 0));
  }
  /// Returns the event of that source and id, if there is one.
  [[nodiscard]] std::optional<recorded<payload>> find(std::string_view source, std::string_view id) {
    for (const auto name : {source, id})
      if (name.find('\0') != name.npos || !detail::text::is_utf8(name)) return std::nullopt;
    detail::postgres::pg_parameters names;
    names.add(source);
    names.add(id);
    const auto found = ask("find", find_sql_, names);
    if (found.rows() == 0) return std::nullopt;
    return detail::postgres::record_of(found, 0);
  }
  /// Returns the source, the clock and the ids of new events.
  [[nodiscard]] const must::origin& origin() const noexcept { return origin_; }
  /// Returns the limits that the store was opened with.
  [[nodiscard]] const must::limits& limits() const noexcept { return options_.limits; }
  /// Returns the highest number of connections that are open at once, beside the one that waits.
  [[nodiscard]] std::size_t connections() const noexcept { return std::max<std::size_t>(options_.connections, 1); }
  /// Returns the number of appends of this object that wait for a commit that has not begun.
  [[nodiscard]] std::size_t waiting() const noexcept { return appender_.waiting(); }

  /// Returns "<uuid>.<incarnation>". A restored dump has those of the store that it was made from. Whoever restores a
  /// dump sets another incarnation, so that subscriptions which have seen lost events throw history_changed:
  /// `UPDATE must.store SET incarnation = gen_random_uuid()`, with the name of the schema in place of `must`.
  [[nodiscard]] std::string history() const { return row_.id + "." + row_.incarnation; }

  /// Runs `work` in a transaction of its own, and commits it. It runs again when the transaction is tried again before
  /// its COMMIT was sent. What `work` throws rolls everything back and passes through.
  /// \throws outcome_unknown  when the connection was lost with the COMMIT
  void with_transaction(const callback& work) {
    static_cast<void>(backend_.run("with_transaction", true, [&](auto& connection, auto deadline, bool unknown) {
      if (unknown)
        raise({.code = error_code::outcome_unknown,
               .message = "it is not known whether the transaction is committed: the connection was lost",
               .operation = "with_transaction",
               .retryable = false});
      detail::postgres::pg_transaction open(connection, deadline);
      const detail::postgres::pg_parameters none;
      open.begin({"SELECT 1", &none});
      open.lend([&](PGconn* handle) { lend(work, handle); });
      open.commit();
      return true;
    }));
  }

  /// Returns the cell under a key, if there is one. \see CellStorage
  /// \throws bad_input  when `key` is not 1 to 512 bytes of UTF-8 without NUL
  [[nodiscard]] std::optional<cell> get(std::string_view key) {
    kit::check_name("key", key);
    detail::postgres::pg_parameters name;
    name.add(key);
    const auto found = ask("get", get_sql_, name);
    if (found.rows() == 0) return std::nullopt;
    return cell{std::string(found.text(0, 0)), found.number(0, 1)};
  }
  /// Puts a cell whose revision is the expected one, and says whether it did. \see CellStorage
  /// \throws bad_input  when `key` is not 1 to 512 bytes of UTF-8 without NUL
  /// \throws bad_input  when there are more than 512 MiB of bytes
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected_revision) {
    const auto call = prepared_put(key, bytes, expected_revision);
    return backend_.run("put", true, [&](auto& connection, auto deadline, bool unknown) {
      return was_put(connection.call({put_sql_, &call}, deadline), expected_revision, unknown);
    });
  }
  /// Puts a cell and runs `then` in the same transaction. `then` does not run when the revision is another one.
  /// \throws ...  what put() and `then` throw
  bool put_with(std::string_view key, std::string_view bytes, std::uint64_t expected_revision, const callback& then) {
    const auto call = prepared_put(key, bytes, expected_revision);
    return backend_.run("put", true, [&](auto& connection, auto deadline, bool unknown) {
      detail::postgres::pg_transaction open(connection, deadline);
      const auto answer = open.begin({put_sql_, &call});
      const bool fresh = answer.is_null(0, 1);  // and not what an earlier attempt has put
      const bool done = was_put(answer, expected_revision, unknown);
      if (done && fresh) {
        open.lend([&](PGconn* handle) { lend(then, handle); });
        open.commit();
      }
      return done;
    });
  }
  /// Removes a cell whose revision is the expected one, and says whether it did. \see CellRemovalStorage
  /// \throws bad_input  when `key` is not 1 to 512 bytes of UTF-8 without NUL
  bool remove(std::string_view key, std::uint64_t expected_revision) {
    kit::check_name("key", key);
    detail::postgres::pg_parameters which;
    which.add(key);
    which.add(static_cast<std::int64_t>(expected_revision));
    return backend_.run("remove", true, [&](auto& connection, auto deadline, bool unknown) {
      return connection.call({remove_sql_, &which}, deadline).rows() > 0 || unknown;
    });
  }
  /// Returns the keys of the cells that start with a prefix, sorted bytewise.
  [[nodiscard]] std::vector<std::string> list(std::string_view prefix) {
    std::vector<std::string> keys;
    auto whole = prefix;  // The server takes no half of a character.
    while (prefix.size() - whole.size() < 4 && !detail::text::is_utf8(whole)) whole.remove_suffix(1);
    if (prefix.find('\0') != prefix.npos || !detail::text::is_utf8(whole)) return keys;
    detail::postgres::pg_parameters start;
    start.add(whole);
    const auto found = ask("list", list_sql_, start);
    for (int i = 0; i < found.rows(); ++i)
      if (const auto key = found.text(i, 0); key.starts_with(prefix)) keys.emplace_back(key);
    return keys;
  }

  /// Waits until the head is at `until` or beyond, and says whether it is. The first wait starts a thread with a
  /// connection of its own, which serves all that wait. \see WaitableStorage
  bool wait_for(position until, duration timeout, const std::stop_token& stop = {}) {
    try {
      return listener_->wait(until, timeout, stop, [&] { return head(); });
    } catch (const detail::postgres::pg_failure& failure) {
      raise(failure.why);
    }
  }
  /// Returns whether notifications wake the threads that wait. Otherwise they poll: `notify` is off, the connection is
  /// lost, there is a pooler in transaction mode, the server is a standby, or no thread has waited yet.
  [[nodiscard]] bool is_notified() const noexcept { return listener_->listening(); }

 private:
  static constexpr std::size_t most_bytes = std::size_t{512} << 20U;

  void check(std::span<const event> events, const append_condition& condition) const {
    kit::check_append(events, condition, options_.limits);
    if (const auto bytes = kit::size_of_append<payload>(events).bytes; bytes > most_bytes)
      kit::refuse_input("events", "take " + std::to_string(bytes) + " bytes, with their names and tags; " +
                                      std::to_string(most_bytes) + " are allowed in one append");
  }
  static void lend(const callback& then, PGconn* handle) {
    transaction given{handle};
    then(given);
  }
  append_result seen(append_result done) {
    if (done) listener_->saw(done->last);
    return done;
  }
  detail::postgres::pg_result ask(const char* operation, const std::string& sql,
                                  const detail::postgres::pg_parameters& parameters) {
    return backend_.run(operation, false, [&](auto& connection, auto deadline, bool) {
      return connection.call({sql, &parameters, true}, deadline);
    });
  }
  [[nodiscard]] static detail::postgres::pg_parameters prepared_put(std::string_view key, std::string_view bytes,
                                                                    std::uint64_t expected) {
    kit::check_name("key", key);
    if (bytes.size() > most_bytes) kit::refuse_input("bytes", "are more than 512 MiB");
    detail::postgres::pg_parameters call;
    call.add(key);
    call.add(detail::postgres::pg_clamp(std::min<std::uint64_t>(expected, INT64_MAX - 1)));  // The server adds 1.
    call.add_bytes(bytes);
    auto& random = detail::random_source::of_this_thread();
    std::string token;
    detail::postgres::put_big_endian(token, random());
    detail::postgres::put_big_endian(token, random());
    call.add_bytes(token);
    return call;
  }
  static bool was_put(const detail::postgres::pg_result& answer, std::uint64_t expected, bool unknown) {
    const bool done = answer.text(0, 0) == std::string_view("\1", 1);
    if (!done && unknown && answer.number(0, 1) < expected) throw detail::postgres::pg_unsettled{};
    if (!done && unknown && answer.number(0, 1) > expected + 1)
      raise({.code = error_code::outcome_unknown,
             .message = "it is not known whether the put was stored: the cell was put again since",
             .operation = "put",
             .retryable = false});
    return done;
  }

  postgres_options options_;
  must::origin origin_;
  detail::postgres::pg_backend backend_;
  detail::postgres::pg_store_row row_{};
  detail::postgres::pg_appender appender_{backend_, row_, options_, origin_};
  const std::string put_sql_ = backend_.in_schema(detail::postgres::pg_select_from("put_cell", 4));
  const std::string head_sql_ =
      backend_.in_schema("SELECT coalesce((SELECT position FROM {s}.event ORDER BY position DESC LIMIT 1), 0)");
  const std::string version_sql_ = backend_.in_schema(
      "SELECT coalesce((SELECT version FROM {s}.event WHERE stream = $1 ORDER BY version DESC LIMIT 1), 0)");
  const std::string find_sql_ = backend_.in_schema(detail::postgres::pg_select::columns(true) +
                                                   " FROM {s}.event e WHERE e.source = $1 AND e.id = $2");
  const std::string get_sql_ = backend_.in_schema("SELECT bytes, revision FROM {s}.cell WHERE key = $1");
  const std::string remove_sql_ =
      backend_.in_schema("DELETE FROM {s}.cell WHERE key = $1 AND revision = $2 RETURNING 1");
  const std::string list_sql_ =
      backend_.in_schema("SELECT key FROM {s}.cell WHERE key >= $1 AND starts_with(key, $1) ORDER BY key");
  std::unique_ptr<detail::postgres::pg_listener> listener_{};
};

static_assert(CellStorage<postgres_store> && BatchStorage<postgres_store> && WaitableStorage<postgres_store> &&
              TransactionalStorage<postgres_store> && HistoryStorage<postgres_store> && LimitedStorage<postgres_store>);

}  // namespace must
