// SPDX-License-Identifier: MIT
// A connection to a SQLite file. It waits for others with a deadline, keeps its statements, and checkpoints or does
// not.
#pragma once

#include "must/detail/wait.hpp"
#include "must/storage/sqlite/error.hpp"
#include "must/storage/sqlite/sql.hpp"
#include "must/storage/sqlite/statement.hpp"

#include <sqlite3.h>

#include <sys/stat.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace must::detail::sqlite {

// Returns whether this SQLite may lose pages when one connection checkpoints while another commits.
// \see sqlite.org/wal.html, "The WAL-Reset Bug"
inline bool has_wal_reset_bug() {
  const int is = ::sqlite3_libversion_number();
  const bool mended_before = (is >= 3'050'007 && is < 3'051'000) || (is >= 3'044'006 && is < 3'045'000);
  return is < 3'051'003 && !mended_before;
}

// A connection, which one thread uses at a time.
class sqlite_connection {
 public:
  // A statement that goes back to its connection, reset.
  class lease {
   public:
    lease(sqlite_connection& from, sql which) : from_(&from), which_(which), statement_(from.take(which)) {}
    lease(const lease&) = delete;
    lease& operator=(const lease&) = delete;
    ~lease() {
      statement_.reset();
      from_->give_back(which_, std::move(statement_));
    }
    sqlite_statement* operator->() noexcept { return &statement_; }
    sqlite_statement& operator*() noexcept { return statement_; }

   private:
    sqlite_connection* from_;
    sql which_;
    sqlite_statement statement_;
  };

  // `flags` are those of SQLite. `busy` is the time to wait for another connection, in microseconds.
  sqlite_connection(const std::string& path, int flags, std::int64_t busy, const char* operation = "open")
      : busy_(busy) {
    context_.path = path;
    context_.operation = operation;
    const int code = ::sqlite3_open_v2(path.c_str(), &context_.handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
    if (code != SQLITE_OK) close_and_fail(code);
    ::sqlite3_extended_result_codes(context_.handle, 1);
    ::sqlite3_busy_handler(context_.handle, &wait_for_others, this);
  }
  sqlite_connection(const sqlite_connection&) = delete;
  sqlite_connection& operator=(const sqlite_connection&) = delete;
  ~sqlite_connection() {
    for (auto& kept : kept_) kept.clear();
    ::sqlite3_close_v2(context_.handle);
  }

  [[nodiscard]] ::sqlite3* handle() const noexcept { return context_.handle; }
  [[nodiscard]] const sqlite_context& context() const noexcept { return context_; }
  void begins(const char* operation) noexcept { context_.operation = operation; }
  [[noreturn]] void fail(int code) const { context_.fail(code); }

  void execute(const std::string& text) {
    const int code = ::sqlite3_exec(handle(), text.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) fail(code);
  }
  // Tries again and again where SQLite does not call the busy handler, which is at the change to WAL.
  void execute_until_deadline(const std::string& text) {
    const auto start = coarse_microseconds();
    for (;;) {
      const int code = ::sqlite3_exec(handle(), text.c_str(), nullptr, nullptr, nullptr);
      if (code == SQLITE_OK) return;
      if ((code & 0xFF) != SQLITE_BUSY || coarse_microseconds() - start > busy_) fail(code);
      pause_for(step_of_waiting);
    }
  }
  void run(sql which) { lease(*this, which)->run(); }

  // Rolls back an open transaction. It never throws, since it runs while something else is thrown.
  void rollback() noexcept {
    if (::sqlite3_get_autocommit(handle()) == 0) ::sqlite3_exec(handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
  [[nodiscard]] bool in_transaction() const noexcept { return ::sqlite3_get_autocommit(handle()) == 0; }

  [[noreturn]] void refuse_moved(const char* what) const {
    raise_sqlite(SQLITE_READONLY_DBMOVED, context_.operation, context_.path,
                 std::string(what) + " that is open is not there any more: it was moved, removed or replaced");
  }
  // Refuses to go on where the path of the open file names no file, or another one: what is written would be lost to
  // everybody who opens that path. It costs a look at the folder.
  void check_in_place() const {
    if (has_moved().value_or(false)) refuse_moved("the file");
  }
  // Refuses to write where the file or its log is not in its place.
  void check_log_in_place() const {
    const auto moved = has_moved();
    if (!moved) return;
    if (*moved) refuse_moved("the file");
    const char* const path = ::sqlite3_db_filename(handle(), "main");
    if (path == nullptr || *path == '\0') return;
    struct ::stat is{};
    if (::stat(::sqlite3_filename_wal(path), &is) != 0 && errno == ENOENT) refuse_moved("the write-ahead log");
  }

  // Checkpoints neither while the connection works nor when it closes.
  void never_checkpoint() {
    ::sqlite3_wal_autocheckpoint(handle(), 0);
    ::sqlite3_db_config(handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  }
  // Counts the pages of the log instead of checkpointing. \see checkpoint_when
  void count_wal_pages() {
    ::sqlite3_wal_hook(
        handle(),
        [](void* self, ::sqlite3*, const char*, int pages) {
          auto& counting = *static_cast<sqlite_connection*>(self);
          if (pages < counting.wal_pages_) counting.checkpointed_pages_ = 0;  // The log has begun anew.
          counting.wal_pages_ = pages;
          return SQLITE_OK;
        },
        this);
  }
  // What has come of a checkpoint, and how many pages it has left in the log, since a reader pins them.
  struct checkpointed {
    int code = SQLITE_OK;
    std::uint64_t left = 0;
  };
  // Returns whether the log has so many more pages than at the last checkpoint.
  [[nodiscard]] bool has_logged(int pages) const noexcept { return wal_pages_ - checkpointed_pages_ >= pages; }
  void was_checkpointed() noexcept { checkpointed_pages_ = wal_pages_; }
  // Moves the log into the file, as far as readers let it. It waits for nobody.
  [[nodiscard]] checkpointed checkpoint() {
    int pages = 0, moved = 0;
    const int code = ::sqlite3_wal_checkpoint_v2(handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved);
    if (code == SQLITE_OK && pages < 0) return {.code = SQLITE_BUSY};
    return {code, static_cast<std::uint64_t>(std::max(pages - moved, 0))};
  }
  // Returns the size of the log in bytes, 0 when there is none.
  [[nodiscard]] std::uint64_t log_bytes() const {
    const char* const path = ::sqlite3_db_filename(handle(), "main");
    struct ::stat is{};
    if (path == nullptr || *path == '\0' || ::stat(::sqlite3_filename_wal(path), &is) != 0) return 0;
    return static_cast<std::uint64_t>(is.st_size);
  }

 private:
  // The handler takes short steps. That of SQLite sleeps for long, and starves a thread that waits among many.
  static constexpr std::int64_t step_of_waiting = 40;
  static constexpr std::size_t most_kept = 8;

  static int wait_for_others(void* self, int times) {
    auto& waiting = *static_cast<sqlite_connection*>(self);
    const auto now = coarse_microseconds();
    if (times == 0) waiting.since_ = now;
    if (now - waiting.since_ >= waiting.busy_) return 0;
    pause_for(step_of_waiting);
    return 1;
  }
  // Returns nothing where SQLite cannot say, as of a store in memory.
  [[nodiscard]] std::optional<bool> has_moved() const {
    int moved = 0;
    if (::sqlite3_file_control(handle(), "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK) return std::nullopt;
    return moved != 0;
  }
  [[noreturn]] void close_and_fail(int code) {
    const auto handle = std::exchange(context_.handle, nullptr);
    const std::string what = handle != nullptr ? ::sqlite3_errmsg(handle) : ::sqlite3_errstr(code);
    ::sqlite3_close_v2(handle);
    raise_sqlite(code, context_.operation, context_.path, what);
  }
  sqlite_statement take(sql which) {
    auto& kept = kept_[static_cast<std::size_t>(which)];
    kept.reserve(most_kept);  // The reserve keeps giving back from failing.
    if (kept.empty()) return {context_, text_of(which)};
    auto taken = std::move(kept.back());
    kept.pop_back();
    return taken;
  }
  void give_back(sql which, sqlite_statement statement) {
    auto& kept = kept_[static_cast<std::size_t>(which)];
    if (kept.size() < most_kept) kept.push_back(std::move(statement));
  }

  sqlite_context context_{};
  std::int64_t busy_;
  std::int64_t since_ = 0;
  int wal_pages_ = 0, checkpointed_pages_ = 0;
  std::array<std::vector<sqlite_statement>, static_cast<std::size_t>(sql::count)> kept_{};
};

}  // namespace must::detail::sqlite
