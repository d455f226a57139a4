// SPDX-License-Identifier: MIT
// sqlite_store: events and cells in one SQLite file.
#pragma once

#include "must/fwd.hpp"
#include "must/origin.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/result.hpp"
#include "must/storage.hpp"
#include "must/storage/abilities.hpp"
#include "must/storage/kit/batch.hpp"
#include "must/storage/kit/read_window.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/storage/kit/wake_up.hpp"
#include "must/storage/sqlite/append.hpp"
#include "must/storage/sqlite/appender.hpp"
#include "must/storage/sqlite/connection.hpp"
#include "must/storage/sqlite/error.hpp"
#include "must/storage/sqlite/file.hpp"
#include "must/storage/sqlite/health.hpp"
#include "must/storage/sqlite/options.hpp"
#include "must/storage/sqlite/pages.hpp"
#include "must/storage/sqlite/rows.hpp"
#include "must/storage/sqlite/snapshot.hpp"
#include "must/storage/sqlite/sql.hpp"
#include "must/storage/sqlite/statement.hpp"
#include "must/storage/sqlite/verify.hpp"
#include "must/storage/transactional.hpp"
#include "must/storage/waitable.hpp"
#include "must/timestamp.hpp"

#include <sqlite3.h>

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

/// The open transaction of an append or a put, in which a callback runs statements of the program. A callback neither
/// ends the transaction nor changes the settings of the connection.
struct sqlite_transaction {
  /// The connection of SQLite, in an open transaction.
  ::sqlite3* handle = nullptr;
};

/// A store in one SQLite file, which any number of processes may use at once. The page "Storage" says more.
///
/// It is a CellStorage, BatchStorage, WaitableStorage, TransactionalStorage, HistoryStorage and LimitedStorage.
/// A write-ahead log lies beside the file, and both are on a local disk. A forked process opens the store anew.
/// Tables and indexes whose names start with "must_" belong to the store, and all others to the program. The table
/// must_tag may not yet contain the tags of the newest events: see sqlite_options::unindexed_events.
/// SQLite detects damage to the structure of its pages. This store detects a missing position or version, verify() and
/// `verify_reads` also an event that was changed, and verify() alone what an index has lost.
/// A SQLite older than 3.51.3 (3.50.7, 3.44.6) may lose pages when another program runs a checkpoint of the file, so
/// none may do so.
class sqlite_store {
 public:
  using data_type = payload;               ///< The type of the data of an event.
  using event = cloud_event;               ///< The type of an event that is appended.
  using transaction = sqlite_transaction;  ///< The type of what a callback gets.

  /// Opens a file, or makes it. A file of an older `must` is brought up to date in one transaction.
  /// \throws storage_error  when the file cannot be opened, is no database, or is of a newer `must`
  /// \throws storage_error  when the file is of an older `must`, and is opened to be read only
  /// \throws bad_input  when the path is empty, has a zero byte or is ":memory:"
  /// \throws bad_input  when the source is not 1 to 512 bytes of UTF-8 without NUL
  /// \throws bad_input  when the limits allow a payload that SQLite does not keep in a row
  explicit sqlite_store(const sqlite_options& options, must::origin origin = {})
      : origin_(std::move(origin)),
        file_(options),
        pages_(SIZE_MAX, options.idle_readers),
        appender_(file_, origin_, wake_up_) {
    kit::check_name("source", origin_.source);
  }

  /// Appends events under a condition, and leaves `events` as they are. Threads that append at the same time share a
  /// commit. Conditions are checked in the order of arrival. \see Storage, kit::shared_commit
  /// \throws bad_input  for input beyond the limits
  /// \throws duplicate_id  when an id is stored with other content, or stands twice in the append
  /// \throws position_ahead  for a condition on a position beyond the head
  /// \throws storage_error  when SQLite fails, also when another process holds the file for longer than `timeout`
  /// \throws storage_error  when the file was moved, removed or replaced since it was opened. Nothing is stored then.
  append_result append(std::span<event> events, const append_condition& condition) {
    auto mine = pack(events, condition);
    file_.check_writable("append");
    return appender_.append(mine);
  }
  /// Appends events and runs `work` in the same transaction. \see TransactionalStorage
  ///
  /// `work` does not append to this store. When the store is in memory, `work` does not read from it either.
  /// \throws ...  what append() and `work` throw
  append_result append_with(std::span<event> events, const append_condition& condition,
                            const std::function<void(transaction&)>& work) {
    const auto mine = pack(events, condition);
    file_.check_writable("append");
    return appender_.append_with(mine, [&](detail::sqlite::sqlite_connection& on) { call(work, on); });
  }
  /// Appends many in one transaction. \see BatchStorage
  /// \throws storage_error  when SQLite fails. Nothing of the batch is stored then.
  std::vector<result<append_result>> append_batch(std::span<batch_item<payload>> items) {
    file_.check_writable("append");
    std::vector<pending> packed;
    packed.reserve(items.size());
    return kit::append_good<payload>(
        items, [&](const auto& item) { packed.push_back(pack(item.events, item.condition)); },
        [&](const auto& good) {
          std::vector<pending*> all;
          all.reserve(good.size());
          for (auto& one : packed) all.push_back(&one);
          return appender_.append_batch(all);
        });
  }

  /// Reads events in pages, each in a transaction of its own. Nothing is held while the visitor runs. \see Storage
  /// \throws bad_input  when the query or an option is out of range
  /// \throws storage_error  when SQLite fails, or the file is damaged
  template <typename Visitor>
  read_result read(const query& which, const read_options& options, Visitor&& visitor) const {
    kit::check_read(which, options, limits().name_bytes);
    const auto taken = pages_.take([] { return std::make_unique<detail::sqlite::sqlite_page>(); });
    auto& page = *taken;
    auto [window, more] = start(which, options, page);
    while (!window.is_over()) {
      for (const auto& record : page.rows())
        if (!window.visit(visitor, record)) return window.result();
      if (!more) break;
      detail::sqlite::move_beyond(window.bounds(), which, page.rows().back());
      start_page(page, window.left(), file_.options().page_events);
      const detail::sqlite::sqlite_file::reader on(file_, "read");
      const detail::sqlite::sqlite_snapshot now(*on, file_.recent());
      more = fill(now.moment(), which, window.bounds(), page);
    }
    return window.result();
  }

  /// Returns the last position, 0 when the store is empty.
  /// \throws storage_error  when SQLite fails, or the file was moved, removed or replaced since it was opened
  [[nodiscard]] position head() const {
    const detail::sqlite::sqlite_file::reader on(file_, "head");
    on->check_in_place();
    return detail::sqlite::sqlite_snapshot(*on, file_.recent()).head();
  }
  /// Returns the version of a stream, 0 when there is none.
  /// \throws bad_input  when `stream` is no name: UTF-8 without NUL, not empty, and within limits()
  /// \throws storage_error  when SQLite fails
  [[nodiscard]] must::version version(std::string_view stream) const {
    kit::check_name("stream", stream, limits().name_bytes);
    const detail::sqlite::sqlite_file::reader on(file_, "version");
    detail::sqlite::sqlite_connection::lease last(*on, detail::sqlite::sql::version);
    return must::version(last->text(1, stream).step() ? last->count(0) : 0);
  }
  /// Returns the event of that source and id, if there is one.
  /// \throws storage_error  when SQLite fails, or the file is damaged
  [[nodiscard]] std::optional<recorded<payload>> find(std::string_view source, std::string_view id) const {
    const detail::sqlite::sqlite_file::reader on(file_, "find");
    detail::sqlite::sqlite_connection::lease row(*on, detail::sqlite::sql::event_of_id);
    if (!row->text(1, id).text(2, source).step()) return std::nullopt;
    recorded<payload> found;
    detail::sqlite::read_row(*row, found);
    if (file_.options().verify_reads) detail::sqlite::check_seal(*on, file_.key(), found);
    return found;
  }
  /// Returns the source, the clock and the ids of new events.
  [[nodiscard]] const must::origin& origin() const noexcept { return origin_; }
  /// Returns the limits that the store was opened with.
  [[nodiscard]] const must::limits& limits() const noexcept { return file_.options().limits; }

  /// Returns "<uuid>.<incarnation>". The incarnation of a new store is 1. A backup has the uuid of the store that it
  /// was made from, and an incarnation of its own.
  [[nodiscard]] std::string history() const { return file_.uuid() + "." + std::to_string(file_.incarnation()); }

  /// Returns the cell under a key, if there is one. \see CellStorage
  /// \throws bad_input  when `key` is not 1 to 512 bytes of UTF-8 without NUL
  /// \throws storage_error  when SQLite fails
  [[nodiscard]] std::optional<cell> get(std::string_view key) const {
    kit::check_name("key", key);
    const detail::sqlite::sqlite_file::reader on(file_, "get");
    detail::sqlite::sqlite_connection::lease row(*on, detail::sqlite::sql::cell);
    if (!row->text(1, key).step()) return std::nullopt;
    return cell{std::string(row->bytes(1)), row->count(0)};
  }
  /// Puts a cell whose revision is the expected one, and says whether it did. \see CellStorage
  /// \throws bad_input  when `key` is not 1 to 512 bytes of UTF-8 without NUL
  /// \throws bad_input  when there are more bytes than SQLite keeps in a row
  /// \throws storage_error  when SQLite fails
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected_revision) {
    return put_and(key, bytes, expected_revision, [](auto&) {});
  }
  /// Puts a cell and runs `work` in the same transaction. `work` does not run when the revision is another one.
  /// \throws ...  what put() and `work` throw
  bool put_with(std::string_view key, std::string_view bytes, std::uint64_t expected_revision,
                const std::function<void(transaction&)>& work) {
    return put_and(key, bytes, expected_revision, [&](detail::sqlite::sqlite_connection& on) { call(work, on); });
  }
  /// Removes a cell whose revision is the expected one, and says whether it did. \see CellRemovalStorage
  /// \throws bad_input  when `key` is not 1 to 512 bytes of UTF-8 without NUL
  /// \throws storage_error  when SQLite fails
  bool remove(std::string_view key, std::uint64_t expected_revision) {
    kit::check_name("key", key);
    file_.check_writable("remove");
    const detail::sqlite::sqlite_file::writer on(file_, "remove");
    detail::sqlite::sqlite_write within(*on, file_.recent(), file_.waiting());
    {
      detail::sqlite::sqlite_connection::lease removal(*on, detail::sqlite::sql::remove_cell);
      removal->text(1, key).bind(2, expected_revision);
      removal->run();
    }
    if (::sqlite3_changes((*on).handle()) == 0) return false;
    appender_.commit(within);
    return true;
  }
  /// Runs `work` in a transaction of its own, and commits it. What `work` throws rolls everything back and passes
  /// through.
  /// \throws storage_error  when SQLite fails
  void with_transaction(const std::function<void(transaction&)>& work) {
    file_.check_writable("with_transaction");
    const writer on(file_, "with_transaction");
    detail::sqlite::sqlite_write within(*on, file_.recent(), file_.waiting());
    call(work, *on);
    appender_.commit(within);
  }
  /// Returns the keys of the cells that start with a prefix, sorted bytewise.
  /// \throws storage_error  when SQLite fails
  [[nodiscard]] std::vector<std::string> list(std::string_view prefix) const {
    const detail::sqlite::sqlite_file::reader on(file_, "list");
    detail::sqlite::sqlite_connection::lease row(*on, detail::sqlite::sql::list_cells);
    const auto end = std::string(prefix) + '\xFF';  // no UTF-8 has that byte
    std::vector<std::string> keys;
    for (row->text(1, prefix).text(2, end); row->step();) keys.emplace_back(row->bytes(0));
    return keys;
  }

  /// Waits until the head is at `until` or beyond, and says whether it is. What other processes append is seen within
  /// `poll_interval`. \see WaitableStorage
  /// \throws storage_error  when SQLite fails
  bool wait_for(position until, duration timeout, const std::stop_token& stop = {}) {
    return wake_up_.wait(until, timeout, file_.options().poll_interval, stop, [&] { return head(); });
  }

  /// Copies the store, as it is at one position, into a new file, while others append. The copy has another history(),
  /// so that subscriptions and views which go on there throw history_changed. A backup that fails leaves no file
  /// behind.
  /// \throws storage_error  when SQLite fails
  /// \throws storage_error  when the file is there already
  void backup(const std::string& path) { file_.copy_to(path); }
  /// Gives the store a new incarnation, and so another history(). A program calls it after it has put back a file that
  /// backup() did not make, or the same copy once more, since nothing in the file tells that. Until then, stores that
  /// were open meanwhile may use the tags of events that are lost.
  /// \throws storage_error  when SQLite fails, or the file is not at its path any more: the store is opened anew first
  void mark_restored() {
    file_.check_writable("mark_restored");
    file_.begin_incarnation();
  }
  /// Verifies the whole file: integrity_check of SQLite, and the digest and the tags of every event. Others may append
  /// meanwhile. A damaged cell is detected only where SQLite detects it.
  /// \throws storage_error  when something is damaged. Its backend_code is SQLITE_CORRUPT, and the message names it.
  void verify() const {
    const detail::sqlite::sqlite_file::reader on(file_, "verify");
    detail::sqlite::verify(*on, file_.recent(), file_.key());
  }
  /// Returns the statements that make the tables (`from_version` 0), or that bring those of an older version up to
  /// date, for programs that run migrations by hand. The statements are to run in one transaction.
  /// \throws bad_input  for a version that has no statements
  [[nodiscard]] static std::string schema(std::int64_t from_version = 0) {
    if (from_version == 0) return std::string(detail::sqlite::sqlite_schema);
    if (from_version == 1) return std::string(detail::sqlite::sqlite_schema_from_1);
    kit::refuse_input("from_version", "is " + std::to_string(from_version) + "; there are statements from 0 and 1");
  }
  /// Returns the state of the write-ahead log: its size, whether and since when a reader pins it, and why the last
  /// checkpoint failed. A store that is read only, or that has not written, knows the size alone.
  ///
  /// When the last checkpoint found the log pinned, this takes its turn among those that write, and tries again.
  /// \throws storage_error  when a callback calls it for the store whose transaction it runs in
  [[nodiscard]] sqlite_health health() { return appender_.health(); }

 private:
  using pending = detail::sqlite::sqlite_pending;
  using writer = detail::sqlite::sqlite_file::writer;

  static void call(const std::function<void(transaction&)>& work, detail::sqlite::sqlite_connection& on) {
    transaction own{on.handle()};
    work(own);
  }
  template <typename Work>
  bool put_and(std::string_view key, std::string_view bytes, std::uint64_t expected, Work&& work) {
    kit::check_name("key", key);
    if (bytes.size() + 4'096 > file_.most_bytes()) kit::refuse_input("bytes", "are more than SQLite keeps in a row");
    file_.check_writable("put");
    const writer on(file_, "put");
    detail::sqlite::sqlite_write within(*on, file_.recent(), file_.waiting());
    {
      detail::sqlite::sqlite_connection::lease put(
          *on, expected == 0 ? detail::sqlite::sql::insert_cell : detail::sqlite::sql::update_cell);
      put->text(1, key).blob(2, bytes);
      if (expected != 0) put->bind(3, expected);
      put->run();
    }
    if (::sqlite3_changes((*on).handle()) == 0) return false;
    work(*on);
    appender_.commit(within);
    return true;
  }
  pending pack(std::span<const event> events, const append_condition& condition) const {
    kit::check_append(events, condition, limits());
    return {events, &condition, detail::sqlite::pack_events(events, file_.key(), file_.most_bytes())};
  }
  void start_page(detail::sqlite::sqlite_page& page, std::uint64_t left, std::size_t most) const {
    page.start(std::min<std::uint64_t>(std::max<std::size_t>(most, 1), left), file_.options().page_bytes);
  }
  // The head and the first page, which is a short one, as of one moment. Says whether there may be more.
  std::pair<kit::read_window, bool> start(const query& which, const read_options& options,
                                          detail::sqlite::sqlite_page& page) const {
    constexpr std::size_t first_rows = 64;
    const detail::sqlite::sqlite_file::reader on(file_, "read");
    detail::sqlite::sqlite_snapshot now(*on, file_.recent());
    kit::read_window window(options, now.head());
    now.tell_last(window);
    if (window.is_over()) return {std::move(window), false};
    start_page(page, window.left(), std::min(file_.options().page_events, first_rows));
    const bool more = fill(now.moment(), which, window.bounds(), page);
    return {std::move(window), more};
  }
  bool fill(const detail::sqlite::sqlite_moment& as_of, const query& which, const kit::read_bounds& window,
            detail::sqlite::sqlite_page& page) const {
    const bool more = detail::sqlite::fill(as_of, which, window, page);
    if (file_.options().verify_reads)
      for (const auto& one : page.rows()) detail::sqlite::check_seal(as_of.on, file_.key(), one);
    return more;
  }

  must::origin origin_;
  mutable detail::sqlite::sqlite_file file_;
  mutable detail::sqlite::sqlite_page_pool pages_;
  mutable kit::wake_up wake_up_{};
  detail::sqlite::sqlite_appender appender_;
};

static_assert(CellStorage<sqlite_store> && BatchStorage<sqlite_store> && WaitableStorage<sqlite_store> &&
              TransactionalStorage<sqlite_store> && HistoryStorage<sqlite_store> && LimitedStorage<sqlite_store>);

}  // namespace must
