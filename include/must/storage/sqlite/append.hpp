// SPDX-License-Identifier: MIT
// An append to a SQLite file: what is checked and written inside one transaction.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage/kit/identity.hpp"
#include "must/storage/kit/judge.hpp"
#include "must/storage/kit/schema_versions.hpp"
#include "must/storage/sqlite/connection.hpp"
#include "must/storage/sqlite/error.hpp"
#include "must/storage/sqlite/indexing.hpp"
#include "must/storage/sqlite/postings.hpp"
#include "must/storage/sqlite/recent.hpp"
#include "must/storage/sqlite/rows.hpp"
#include "must/storage/sqlite/snapshot.hpp"
#include "must/storage/sqlite/sql.hpp"
#include "must/storage/sqlite/statement.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace must::detail::sqlite {

// A transaction that begins as a writer, since SQLite refuses a reader that becomes one again and again. It rolls back
// unless it is committed. It refuses a file that a newer `must` has written.
class sqlite_write {
 public:
  sqlite_write(sqlite_connection& on, sqlite_recent& recent, sqlite_waiting_tags& waiting)
      : on_(on), recent_(recent), waiting_(waiting) {
    try {
      on.run(sql::begin);  // The transaction may have begun where this fails.
      on.check_log_in_place();
      read_state();
    } catch (...) {
      on.rollback();
      throw;
    }
  }
  sqlite_write(const sqlite_write&) = delete;
  sqlite_write& operator=(const sqlite_write&) = delete;
  ~sqlite_write() { on_.rollback(); }

  void commit(const sqlite_waiting_limits& may_wait) {
    if (!on_.in_transaction())
      raise({.code = error_code::storage_error,
             .message = std::string(on_.context().operation) + ": the callback ended the transaction that it runs in",
             .operation = on_.context().operation});
    auto after = seen_;
    after.head = head;
    std::uint64_t indexed = 0;
    const auto waiting = waiting_.bytes(on_, seen_) + staged_.tag_bytes();
    if (head - seen_.indexed >= sqlite_unindexed_events(may_wait.events, seen_.indexed) || waiting > may_wait.tag_bytes)
      indexed = sqlite_index_tags(on_, after.indexed, head, may_wait.at_once + staged_.size());
    sqlite_connection::lease end(on_, sql::commit);
    const int code = end->try_step();
    // A progress handler of a callback may interrupt what is committed already.
    const bool is_done = code == SQLITE_DONE || (code == SQLITE_INTERRUPT && !on_.in_transaction());
    if (!is_done) end->fail(code);
    recent_.committed(seen_, after, staged_);
    waiting_.committed(after, staged_.tag_bytes(), indexed);
  }
  void add(const cloud_event& one, position at, std::size_t tag_bytes) { staged_.add(one, at, tag_bytes); }
  [[nodiscard]] sqlite_moment now() noexcept { return {on_, recent_, seen_, &staged_}; }
  [[nodiscard]] sqlite_connection& connection() noexcept { return on_; }

  position head = 0;
  std::int64_t recorded_at = 0;  // The time of the event at the head.

 private:
  void read_state() {
    sqlite_connection::lease state(on_, sql::state);
    if (!state->step()) on_.fail(SQLITE_CORRUPT);
    check_usable(on_.context(), kit::schema_use::write, state->integer(0));
    head = state->count(1);
    seen_ = {head, state->count(3), state->count(4)};
    check_indexed(on_.context(), seen_);
    recorded_at = state->integer_or_null(2).value_or(INT64_MIN);
  }
  sqlite_connection& on_;
  sqlite_recent& recent_;
  sqlite_waiting_tags& waiting_;
  sqlite_recent::view seen_{};
  sqlite_staged staged_{};
};

// What an append brings, checked and packed before it takes its turn.
struct sqlite_pending {
  std::span<const cloud_event> events;
  const append_condition* condition;
  std::vector<packed_event> packed;
};

// One append within a transaction, which may hold several.
class sqlite_append {
 public:
  sqlite_append(sqlite_write& in, const sqlite_pending& one)
      : in_(in), on_(in.connection()), events_(one.events), packed_(one.packed), condition_(*one.condition) {}

  // Ids are looked up first when `look_first`. Otherwise the unique index finds known ones while events are written.
  // Then there is no result, and the transaction is to be rolled back and tried again with `look_first`.
  std::optional<append_result> run(clock& clock, bool look_first) {
    const auto look = look_first ? kit::id_lookup::always : kit::id_lookup::if_refused;
    if (auto answer = kit::judge(*this, events_, condition_, look)) return answer;
    return write(clock, look_first);
  }

  // These members answer judge().
  [[nodiscard]] position head() const noexcept { return in_.head; }
  [[nodiscard]] kit::known_event known(std::size_t i) {
    sqlite_connection::lease look(on_, sql::known);
    if (!look->text(1, events_[i].id).text(2, events_[i].source).step()) return {};
    digest_ = look->bytes(3).substr(0, packed_[i].digest.size());
    return {look->count(0), look->count(1), look->count(2)};
  }
  // Judges the event that was looked up last.
  [[nodiscard]] bool same_content(std::size_t i, position) const { return digest_ == view_of(packed_[i].digest); }
  [[nodiscard]] bool has(const seen_event& seen) {
    sqlite_connection::lease look(on_, sql::known);
    return look->text(1, seen.id).text(2, seen.source).step() && look->count(0) == seen.position;
  }
  [[nodiscard]] must::version version(std::string_view stream) { return version_of(stream); }
  [[nodiscard]] position last_match(const query& which, position after) {
    return sqlite_last_match(in_.now(), which, after, in_.head);
  }
  // Returns whether run() has written events. Otherwise it has found them.
  [[nodiscard]] bool has_written() const noexcept { return written_; }

 private:
  must::version& version_of(std::string_view stream) {
    const auto [found, is_new] = versions_.try_emplace(stream, 0);
    if (is_new) {
      sqlite_connection::lease last(on_, sql::version);
      if (last->text(1, stream).step()) found->second = must::version(last->count(0));
    }
    return found->second;
  }
  std::optional<append_result> write(clock& clock, bool looked) {
    const auto now = std::max(clock.now().microseconds, in_.recorded_at);
    sqlite_connection::lease insert(on_, sql::insert_event);
    for (std::size_t i = 0; i < events_.size(); ++i) {
      const auto& one = events_[i];
      const auto version = one.subject.empty() ? must::version{0} : ++version_of(one.subject);
      const int code = insert_event(*insert, one, packed_[i], {in_.head + 1 + i, version, now, i, events_.size()});
      if (code != SQLITE_OK && looked) on_.fail(code);
      if (code != SQLITE_OK) return std::nullopt;
      in_.add(one, in_.head + 1 + i, packed_[i].tags.size());
    }
    const appended done{in_.head + 1, in_.head + events_.size()};
    in_.head = done.last;
    in_.recorded_at = now;
    written_ = true;
    return done;
  }

  sqlite_write& in_;
  sqlite_connection& on_;
  std::span<const cloud_event> events_;
  std::span<const packed_event> packed_;
  const append_condition& condition_;
  std::string digest_{};
  std::unordered_map<std::string_view, must::version> versions_{};
  bool written_ = false;
};

}  // namespace must::detail::sqlite
