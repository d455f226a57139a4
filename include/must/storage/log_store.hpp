// SPDX-License-Identifier: MIT
// log_store: a whole store over a log in which, at each position, the first commit wins.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/limits.hpp"
#include "must/origin.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/result.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/batch.hpp"
#include "must/storage/kit/read_window.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/storage/log/appending.hpp"
#include "must/storage/log/commit.hpp"  // IWYU pragma: export
#include "must/storage/log/commit_log.hpp"
#include "must/storage/log/followed_log.hpp"
#include "must/storage/log/options.hpp"
#include "must/storage/log/reading.hpp"
#include "must/stream_version.hpp"
#include "must/timestamp.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must {

/// A store of CloudEvents over a log of commits, for systems that have no transactions.
///
/// It is a Storage, BatchStorage, WaitableStorage and LimitedStorage, and a CellStorage, CellRemovalStorage and
/// HistoryStorage when its log is. Any number of stores may use one log, in any number of processes: what an append has
/// stored is readable by each of them when it returns. An append is judged by an index in memory, and put at the next
/// position; when another store was faster, it is judged again. One append costs one put, and so does one batch:
/// group_commit in front of this store is what makes it fast for many threads. The index takes memory for each event.
/// The events themselves are read back by commits, through a bounded cache. The page "A log of commits as a store" says
/// how a log is written. \see CommitLog
template <CommitLog Log>
class log_store {
 public:
  /// The type of the data of an event.
  using data_type = payload;
  /// The type of an event that is appended.
  using event = cloud_event;

  /// Opens a store on a log, and reads the whole log once.
  /// \throws bad_input  when the source is no name
  /// \throws storage_error  when the log cannot be read, or is damaged; the error names the position
  explicit log_store(Log log, log_store_options options = {}, must::origin origin = {})
      : log_store(std::move(log), std::move(options), std::move(origin), [](position) {}) {}
  /// Opens a store on a log. `on_open(position)` is told how far the log is read: about every 65,536 events, and at the
  /// end. What it throws ends the opening.
  template <typename OnOpen>
  log_store(Log log, log_store_options options, must::origin origin, OnOpen&& on_open)
      : options_(std::move(options)),
        origin_(std::move(origin)),
        limits_(log.limits()),
        log_(std::move(log), options_.cache_bytes),
        appending_(log_, options_, *origin_.clock) {
    kit::check_name("source", origin_.source);
    log_.open(on_open);
    log_.save_if_due(options_.checkpoint_events);
  }
  log_store(const log_store&) = delete;
  log_store& operator=(const log_store&) = delete;
  ~log_store() { log_.save_at_end(options_.checkpoint_events); }

  /// Appends events under a condition, in one commit. \see Storage
  /// \throws bad_input  for input beyond the limits
  /// \throws duplicate_id  when an id is stored with other content
  /// \throws position_ahead  for a condition on a position beyond the head
  /// \throws outcome_unknown  when the log does not say whether the events are stored. The same append again does.
  /// \throws storage_error  when the log fails, and, retryable, when others were faster until the timeout. Nothing is
  ///                        stored
  append_result append(std::span<event> events, const append_condition& condition) {
    kit::check_append(std::span<const event>(events), condition, limits_);
    const batch_item<payload> item{events, condition};
    const auto* const one = &item;
    auto done = appending_.append({&one, 1});
    log_.save_if_due(options_.checkpoint_events);
    if (!done.front()) raise(std::move(done.front().error()));
    return *std::move(done.front());
  }

  /// Appends many at once, in one commit. \see BatchStorage
  /// \throws outcome_unknown  when the log does not say whether the commit is stored
  /// \throws storage_error  as append() does
  std::vector<result<append_result>> append_batch(std::span<batch_item<payload>> items) {
    return kit::append_good(
        std::span<const batch_item<payload>>(items),
        [&](const auto& item) { kit::check_append(std::span<const event>(item.events), item.condition, limits_); },
        [&](const auto& good) {
          auto done = appending_.append(good);
          log_.save_if_due(options_.checkpoint_events);
          return done;
        });
  }

  /// Reads events, those of other stores on the log among them. A record lives as long as the call of the visitor.
  /// \see Storage
  /// \throws bad_input  for a query or options that cannot be
  /// \throws storage_error  when the log cannot be read, or is damaged
  template <typename Visitor>
  read_result read(const query& which, const read_options& options, Visitor&& visitor) {
    kit::check_read(which, options, limits_.name_bytes);
    const position head = this->head();
    kit::read_window window(options, head);
    if (options.with_last_event && head != 0) {
      const auto last = log_.body_at(head);
      window.note_last(last->events.back().source, last->events.back().id);
    }
    if (window.is_over()) return window.result();
    detail::log::matching_positions positions(log_.known().index(), which, options, window.bounds());
    detail::log::page_reader<Log>(log_, options_.page_bytes).read(positions, window, visitor);
    return window.result();
  }

  /// Returns the last position, 0 when the log is empty. \throws storage_error  when the log cannot be read
  [[nodiscard]] position head() {
    log_.catch_up();
    return log_.known().head();
  }
  /// Returns the version of a stream, 0 when there is none.
  /// \throws bad_input  for a stream that is no name
  /// \throws storage_error  when the log cannot be read
  [[nodiscard]] must::version version(std::string_view stream) {
    kit::check_name("stream", stream, limits_.name_bytes);
    const position head = this->head();
    return log_.known().index().version_of(stream, head);
  }
  /// Returns the event of that source and id, if there is one. \throws storage_error  when the log cannot be read
  [[nodiscard]] std::optional<recorded<payload>> find(std::string_view source, std::string_view id) {
    const position head = this->head();
    const auto at = log_.known().find(source, id, head, [&](position one) { return log_.is_event(one, source, id); });
    if (at == 0) return std::nullopt;
    const auto body = log_.body_at(at);
    return body->events[at - body->first];
  }
  /// Returns the source, the clock and the ids of new events.
  [[nodiscard]] const must::origin& origin() const noexcept { return origin_; }
  /// Returns the limits that the log had when the store was opened.
  [[nodiscard]] const must::limits& limits() const noexcept { return limits_; }
  /// Returns which log this is, and which incarnation of it. \see HistoryStorage
  [[nodiscard]] std::string history() const
    requires HistoryLog<Log>
  {
    return log_.log().history();
  }

  /// Returns why the checkpoint of the index could not be saved or loaded the last time, if it could not. That costs
  /// the next opening time, and nothing else. \see IndexCheckpointLog
  [[nodiscard]] std::optional<error> checkpoint_error() const
    requires IndexCheckpointLog<Log>
  {
    return log_.checkpoint_error();
  }

  /// Returns the cell under a key, if there is one. \see CellStorage \throws bad_input  for a key that is no name
  [[nodiscard]] std::optional<cell> get(std::string_view key)
    requires CellLog<Log>
  {
    kit::check_name("key", key);
    return log_.log().get(key);
  }
  /// Puts a cell whose revision is the expected one, and says whether it did. \see CellStorage
  /// \throws bad_input  for a key that is no name
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected_revision)
    requires CellLog<Log>
  {
    kit::check_name("key", key);
    return log_.log().put(key, bytes, expected_revision);
  }
  /// Removes a cell whose revision is the expected one, and says whether it did. \see CellRemovalStorage
  /// \throws bad_input  for a key that is no name
  bool remove(std::string_view key, std::uint64_t expected_revision)
    requires CellRemovalLog<Log>
  {
    kit::check_name("key", key);
    return log_.log().remove(key, expected_revision);
  }
  /// Returns the keys of the cells that start with a prefix, sorted bytewise.
  [[nodiscard]] std::vector<std::string> list(std::string_view prefix)
    requires CellLog<Log>
  {
    return log_.log().list(prefix);
  }

  /// Waits until the head is at `until` or beyond, and says whether it is. Other stores on the log are looked at every
  /// `poll_interval`. \see WaitableStorage
  /// \throws storage_error  when the log cannot be read
  bool wait_for(position until, duration timeout, const std::stop_token& stop = {}) {
    return log_.wakes().wait(until, timeout, options_.poll_interval, stop, [&] { return head(); });
  }

 private:
  log_store_options options_;
  must::origin origin_;
  must::limits limits_;
  detail::log::followed_log<Log> log_;
  detail::log::appending<Log> appending_;
};

}  // namespace must
