// SPDX-License-Identifier: MIT
// The file of a SQLite store. It is opened and checked, one connection writes, several read, and it can be copied.
#pragma once

#include "must/detail/at_exit.hpp"
#include "must/detail/siphash.hpp"
#include "must/error.hpp"
#include "must/storage/kit/lease_pool.hpp"
#include "must/storage/kit/schema_versions.hpp"
#include "must/storage/kit/turn_queue.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/storage/sqlite/connection.hpp"
#include "must/storage/sqlite/error.hpp"
#include "must/storage/sqlite/indexing.hpp"
#include "must/storage/sqlite/options.hpp"
#include "must/storage/sqlite/recent.hpp"
#include "must/storage/sqlite/sql.hpp"
#include "must/storage/sqlite/statement.hpp"
#include "must/text/quoted.hpp"
#include "must/uuid.hpp"

#include <sqlite3.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace must::detail::sqlite {

class sqlite_file {
 public:
  // The writer, which one thread uses at a time. Threads get it in the order in which they come.
  class writer {
   public:
    struct in_turn {};

    // Waits for its turn.
    writer(sqlite_file& of, const char* operation) : of_(of) {
      of.check_outside(operation);
      turn_.emplace(of.turns_).wait();
      begin(operation);
    }
    // Writes in the turn that the thread has.
    writer(sqlite_file& of, const char* operation, in_turn) : of_(of) { begin(operation); }
    writer(const writer&) = delete;
    writer& operator=(const writer&) = delete;
    ~writer() { of_.owner_.store({}, std::memory_order_relaxed); }
    sqlite_connection& operator*() const noexcept { return *of_.writer_; }

   private:
    void begin(const char* operation) {
      of_.owner_.store(std::this_thread::get_id(), std::memory_order_relaxed);
      of_.writer_->begins(operation);
    }
    sqlite_file& of_;
    std::optional<kit::turn_queue::turn> turn_{};
  };
  // A connection that reads. A store in memory has one connection for everything.
  class reader {
   public:
    reader(sqlite_file& of, const char* operation) {
      if (of.options_.mode == sqlite_mode::in_memory) {
        shared_.emplace(of, operation);
      } else {
        own_.emplace(of.readers_.take([&] { return of.make_reader(operation); }));
        (*own_)->begins(operation);
      }
    }
    sqlite_connection& operator*() const noexcept { return own_ ? **own_ : **shared_; }
    sqlite_connection* operator->() const noexcept { return &**this; }

   private:
    std::optional<writer> shared_{};
    std::optional<kit::lease_pool<sqlite_connection>::lease> own_{};
  };

  explicit sqlite_file(const sqlite_options& options) : options_(options), readers_(SIZE_MAX, options.idle_readers) {
    const bool in_memory = options.mode == sqlite_mode::in_memory;
    if (in_memory) {
      options_.path = ":memory:";
    } else {
      check_path(options_.path);
      check_size();
    }
    const int writing = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    const int flags = options.mode == sqlite_mode::read_only ? SQLITE_OPEN_READONLY : writing;
    writer_ = std::make_unique<sqlite_connection>(options_.path, flags, busy());
    if (::sqlite3_threadsafe() == 0)
      raise_sqlite(SQLITE_MISUSE, "open", options_.path, "this SQLite is built for programs of one thread");
    most_bytes_ = static_cast<std::size_t>(::sqlite3_limit(writer_->handle(), SQLITE_LIMIT_LENGTH, -1));
    if (options_.limits.payload_bytes > most_bytes_ - 65'536)
      kit::refuse_input("payload_bytes", "is " + std::to_string(options_.limits.payload_bytes) +
                                             "; SQLite keeps rows of " + std::to_string(most_bytes_) + " bytes");
    open();
    if (!in_memory) note_place();
  }

  [[nodiscard]] const sqlite_options& options() const noexcept { return options_; }
  [[nodiscard]] const siphash_key& key() const noexcept { return key_; }
  [[nodiscard]] const std::string& uuid() const noexcept { return uuid_; }
  [[nodiscard]] std::uint64_t incarnation() const noexcept { return incarnation_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t most_bytes() const noexcept { return most_bytes_; }
  [[nodiscard]] sqlite_recent& recent() noexcept { return recent_; }
  // The tags that wait, for the thread that has the writer.
  [[nodiscard]] sqlite_waiting_tags& waiting() noexcept { return waiting_; }

  // Throws when the file is read only. Every operation that writes calls it first.
  void check_writable(const char* operation) const {
    if (options_.mode == sqlite_mode::read_only)
      raise_sqlite(SQLITE_READONLY, operation, options_.path, "it is opened to be read only");
  }
  // Throws when a callback calls the store whose transaction it runs in, since it would wait for itself.
  void check_outside(const char* operation) const {
    if (owner_.load(std::memory_order_relaxed) == std::this_thread::get_id())
      raise({.code = error_code::storage_error,
             .message = std::string(operation) + ": a callback calls the store whose transaction it runs in",
             .operation = operation});
  }
  [[nodiscard]] std::uint64_t log_bytes() const { return writer_->log_bytes(); }
  [[nodiscard]] kit::turn_queue& turns() noexcept { return turns_; }
  // Moves the log into the file, for the thread that has the writer. When SQLite has the bug, the writer holds back all
  // others that write, so that none commits while another connection moves the log.
  sqlite_connection::checkpointed checkpoint(sqlite_connection& writing) {
    writing.was_checkpointed();
    if (!has_wal_reset_bug()) return writing.checkpoint();
    const at_exit end([&] { writing.rollback(); });
    try {
      writing.run(sql::begin);
      const reader moving(*this, "checkpoint");
      moving->execute("SELECT 1 FROM must_store");  // A connection that has read nothing does not know of a log.
      return moving->checkpoint();
    } catch (const storage_error& why) {
      if (!why.error().retryable) throw;
      return {.code = SQLITE_BUSY};
    }
  }
  // Gives the store another incarnation.
  void begin_incarnation() {
    const writer on(*this, "mark_restored");
    (*on).check_in_place();
    incarnation_.store(set_incarnation(*on), std::memory_order_relaxed);
  }
  // Copies the store as it is now into a file that is not there yet, as another incarnation.
  void copy_to(const std::string& path) {
    check_path(path);
    reader from(*this, "backup");
    create_copy(path, *from);
    try {
      sqlite_connection to(path, SQLITE_OPEN_READWRITE, busy(), "backup");
      auto* const copy = ::sqlite3_backup_init(to.handle(), "main", from->handle(), "main");
      if (copy == nullptr) to.fail(::sqlite3_errcode(to.handle()));
      const int code = ::sqlite3_backup_step(copy, -1);
      if (const int end = ::sqlite3_backup_finish(copy); code != SQLITE_DONE)
        raise_sqlite(end == SQLITE_OK ? code : end, "backup", path, ::sqlite3_errmsg(to.handle()));
      set_incarnation(to);
    } catch (...) {
      for (const char* end : {"", "-wal", "-shm", "-journal"}) ::unlink((path + end).c_str());
      throw;
    }
  }

 private:
  [[nodiscard]] std::int64_t busy() const noexcept { return options_.timeout.microseconds; }

  static void check_path(const std::string& path) {
    if (path.empty()) kit::refuse_input("path", "is empty");
    if (path.find('\0') != std::string::npos) kit::refuse_input("path", text::in_quotes(path) + " contains NUL");
    if (path == ":memory:") kit::refuse_input("path", "is \":memory:\": that is sqlite_mode::in_memory");
  }
  // Refuses a file of a few bytes, which SQLite takes for an empty one.
  void check_size() const {
    struct ::stat is{};
    if (::stat(options_.path.c_str(), &is) == 0 && S_ISREG(is.st_mode) && is.st_size > 0 && is.st_size < 512)
      raise_sqlite(SQLITE_NOTADB, "open", options_.path, "it has " + std::to_string(is.st_size) + " bytes");
  }
  // Makes an empty file that never has more permissions than the file of the store. Of two that make one file, one
  // fails, and so does one that finds a link. SQLite opens the file when this has closed it, since to close a file ends
  // the locks that the process has on it.
  static void create_copy(const std::string& path, const sqlite_connection& of) {
    struct ::stat is{};
    const char* const store = ::sqlite3_db_filename(of.handle(), "main");
    const bool has_file = store != nullptr && ::stat(store, &is) == 0;
    const ::mode_t mode = has_file ? is.st_mode & 0777U : S_IRUSR | S_IWUSR;
    const int made = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (made < 0) {
      const int why = errno;
      raise_sqlite(SQLITE_CANTOPEN, "backup", path,
                   why == EEXIST ? "the file is there already" : std::generic_category().message(why));
    }
    const bool has_mode = ::fchmod(made, mode) == 0;
    const int why = errno;
    ::close(made);
    if (has_mode) return;
    ::unlink(path.c_str());
    raise_sqlite(SQLITE_CANTOPEN, "backup", path, std::generic_category().message(why));
  }
  void open() {
    auto& on = *writer_;
    on.execute("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8000; PRAGMA cell_size_check = 1");
    on.never_checkpoint();
    const bool known = has_store(on);
    check_encoding(on);
    // Checks the version before anything is changed, since the file may be of a newer release.
    const auto version = known ? read_store(on) : sqlite_schema_version;
    if (options_.mode == sqlite_mode::read_only) {
      if (!known) raise_sqlite(SQLITE_ERROR, "open", options_.path, "it holds no store of must");
      if (version < sqlite_schema_version)
        raise_sqlite(SQLITE_READONLY, "open", options_.path,
                     "its schema has version " + std::to_string(version) + ": open it once to write");
      return;
    }
    use_wal(on);
    const bool full = options_.durability == sqlite_durability::full;
    on.execute(full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    if (options_.max_pages > 0) on.execute("PRAGMA max_page_count = " + std::to_string(options_.max_pages));
    ::sqlite3_db_config(on.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
    on.count_wal_pages();
    if (!known || version < sqlite_schema_version) create_or_migrate(on);
    read_store(on);
  }
  void use_wal(sqlite_connection& on) const {
    if (options_.mode == sqlite_mode::in_memory) return;
    on.execute_until_deadline("PRAGMA journal_mode = WAL");
    sqlite_statement mode(on.context(), "PRAGMA journal_mode");
    if (!mode.step() || mode.bytes(0) != "wal")
      raise_sqlite(SQLITE_CANTOPEN, "open", options_.path, "its file system allows no write-ahead log");
  }
  // Compares texts bytewise, as the file holds them.
  void check_encoding(sqlite_connection& on) const {
    sqlite_statement encoding(on.context(), "PRAGMA encoding");
    if (!encoding.step() || encoding.bytes(0) != "UTF-8")
      raise_sqlite(SQLITE_FORMAT, "open", options_.path, "its texts are not in UTF-8");
  }
  static bool has_store(sqlite_connection& on) {
    sqlite_statement look(on.context(), "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'must_store'");
    return look.step();
  }
  // Makes the tables. Of two processes that come at once, the second finds what the first has made.
  void create_or_migrate(sqlite_connection& on) {
    try {
      on.run(sql::begin);
      if (has_store(on)) {
        if (read_store(on) < sqlite_schema_version) on.execute(std::string(sqlite_schema_from_1));
      } else {
        on.execute(std::string(sqlite_schema));
        auto& random = random_source::of_this_thread();
        const auto uuid = format_uuid(random(), random(), 4);
        const std::uint64_t key[2] = {random(), random()};
        sqlite_statement insert(on.context(), "INSERT INTO must_store VALUES (1, ?1, ?1, ?1, ?2, 1, ?3, 0)");
        insert.bind(1, sqlite_schema_version).text(2, uuid);
        insert.blob(3, {reinterpret_cast<const char*>(key), sizeof key}).run();
      }
      on.run(sql::commit);
    } catch (...) {
      on.rollback();
      throw;
    }
  }
  // Returns an incarnation that no other copy has. The first is 1.
  static std::uint64_t set_incarnation(sqlite_connection& on) {
    const auto made = (random_source::of_this_thread()() >> 2U) + 2;
    sqlite_statement update(on.context(), "UPDATE must_store SET incarnation = ?1");
    update.bind(1, made).run();
    return made;
  }
  // Writes the version of the schema.
  std::int64_t read_store(sqlite_connection& on) {
    sqlite_connection::lease row(on, sql::store);
    if (!row->step() || row->bytes(4).size() != key_.size())
      raise_sqlite(SQLITE_CORRUPT, "open", options_.path, "its table must_store is damaged");
    check_usable(on.context(), kit::schema_use::read, row->integer(0));
    uuid_ = row->bytes(2);
    incarnation_ = row->count(3);
    std::memcpy(key_.data(), row->bytes(4).data(), key_.size());
    sqlite_connection::lease heads(on, sql::head_by_type);
    if (!heads->step() || heads->count(0) != heads->count(1))
      raise_damaged(on.context(), std::max(heads->count(0), heads->count(1)), "its newest events are not there");
    return row->integer(1);
  }
  // Notes which file is open. A program may go to another folder, and another file may come to stand at the path.
  void note_place() {
    const char* const full = ::sqlite3_db_filename(writer_->handle(), "main");
    path_ = full == nullptr ? options_.path : full;
    struct ::stat is{};
    if (::stat(path_.c_str(), &is) != 0) return;
    place_.emplace(is.st_dev, is.st_ino);
    writer_->check_in_place();
  }
  // A connection that reads another file than the writer writes would mix two histories.
  void check_same_file(const sqlite_connection& made) const {
    struct ::stat is{};
    if (!place_ || (::stat(path_.c_str(), &is) == 0 && std::pair(is.st_dev, is.st_ino) == *place_)) return;
    made.refuse_moved("the file");
  }
  [[nodiscard]] std::unique_ptr<sqlite_connection> make_reader(const char* operation) const {
    const int flags = options_.mode == sqlite_mode::read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    auto made = std::make_unique<sqlite_connection>(path_, flags, busy(), operation);
    check_same_file(*made);
    made->never_checkpoint();
    made->execute("PRAGMA query_only = 1; PRAGMA temp_store = MEMORY");
    if (options_.verify_reads) made->execute("PRAGMA cell_size_check = 1");
    return made;
  }

  sqlite_options options_;
  std::string path_{};                                  // The path, also after the program has gone to another folder.
  std::optional<std::pair<::dev_t, ::ino_t>> place_{};  // What tells the open file from every other.
  std::unique_ptr<sqlite_connection> writer_{};
  kit::turn_queue turns_{};  // Who has the turn has the writer.
  std::atomic<std::thread::id> owner_{};
  kit::lease_pool<sqlite_connection> readers_;
  sqlite_recent recent_{};
  sqlite_waiting_tags waiting_{};
  siphash_key key_{};
  std::string uuid_{};
  std::atomic<std::uint64_t> incarnation_{0};
  std::size_t most_bytes_ = 0;
};

}  // namespace must::detail::sqlite
