// SPDX-License-Identifier: MIT
// memory_store: every promise of a Storage in one process, for tests, tools and caches.
#pragma once

#include "must/event.hpp"
#include "must/fwd.hpp"
#include "must/limits.hpp"
#include "must/one_of.hpp"
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
#include "must/storage/memory/cells.hpp"
#include "must/storage/memory/log.hpp"
#include "must/storage/waitable.hpp"
#include "must/timestamp.hpp"

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace must {

namespace detail::memory {

template <typename... Event>
struct memory_data {
  static_assert(names_are_told_apart(events<Event...>{}),
                "must: two events of a memory_store share a name, and neither is a previous version of the other");
  static_assert((std::is_copy_constructible_v<Event> && ...), "must: the events of a memory_store are copyable");
  using type = one_of<Event...>;
};
template <>
struct memory_data<> {
  using type = payload;
};

}  // namespace detail::memory

/// A store in memory. memory_store<E...> keeps structs of the types E as they are, and memory_store<> any CloudEvents.
///
/// It is a Storage, CellStorage, BatchStorage, WaitableStorage and LimitedStorage. It has no history(), since its cells
/// end with its events. Appends take turns. Readers never wait, and see a batch whole or not at all. A read hands out
/// references into the log, which are good as long as the store. The cost of an append is that of what it stores and of
/// what its condition matches. The cost of a read is that of what it matches.
template <typename... E>
class memory_store {
 public:
  /// The type of the data of an event.
  using data_type = typename detail::memory::memory_data<E...>::type;
  /// The type of an event that is appended.
  using event = basic_event<data_type>;

  /// Makes an empty store.
  /// \throws bad_input  when the source is not 1 to 512 bytes of UTF-8 without NUL
  explicit memory_store(must::origin origin = {}, must::limits limits = {})
      : origin_(std::move(origin)), limits_(limits) {
    kit::check_name("source", origin_.source);
  }

  /// Appends events under a condition. Events that may throw when they are moved are copied. \see Storage
  /// \throws bad_input  for input beyond the limits
  /// \throws duplicate_id  when an id is stored with other content, or stands twice in the append
  /// \throws position_ahead  for a condition on a position beyond the head
  /// \throws ...  what copying an event throws
  append_result append(std::span<event> events, const append_condition& condition) {
    const auto plan = log_.make_plan(events);
    kit::check_append(std::span<const event>(events), condition, limits_);
    const turn of_writer(*this);
    return log_.append(events, plan, condition, *origin_.clock);
  }

  /// Appends many at once. A reader sees the whole batch or nothing of it. \see BatchStorage
  std::vector<result<append_result>> append_batch(std::span<batch_item<data_type>> items) {
    std::vector<result<append_result>> done;
    done.reserve(items.size());
    const turn of_writer(*this);
    for (const auto& item : items) done.push_back(append_item(item));
    return done;
  }

  /// Reads events, and waits for nobody. \see Storage
  /// \throws bad_input  when the query or an option is out of range
  template <typename Visitor>
  read_result read(const query& which, const read_options& options, Visitor&& visitor) const {
    kit::check_read(which, options, limits_.name_bytes);
    const position head = log_.head();
    kit::read_window window(options, head);
    if (options.with_last_event && head != 0) window.note_last(log_.at(head).source, log_.at(head).id);
    if (!window.is_over())
      log_.for_matches(which, options, window.bounds().high,
                       [&](const recorded<data_type>& record) { return window.visit(visitor, record); });
    return window.result();
  }

  /// Returns the last position, 0 when the store is empty.
  [[nodiscard]] position head() const noexcept { return log_.head(); }
  /// Returns the version of a stream, 0 when there is none.
  /// \throws bad_input  when `stream` is no name: UTF-8 without NUL, not empty, and within limits()
  [[nodiscard]] must::version version(std::string_view stream) const {
    kit::check_name("stream", stream, limits().name_bytes);
    return log_.version_of(stream);
  }
  /// Returns the event of that source and id, if there is one.
  [[nodiscard]] std::optional<recorded<data_type>> find(std::string_view source, std::string_view id) const {
    const auto at = log_.find(source, id);
    if (at == 0) return std::nullopt;
    return log_.at(at);
  }
  /// Returns the source, the clock and the ids of new events.
  [[nodiscard]] const must::origin& origin() const noexcept { return origin_; }
  /// Returns the limits that the store was made with.
  [[nodiscard]] const must::limits& limits() const noexcept { return limits_; }

  /// Returns the cell under a key, if there is one. \see CellStorage
  /// \throws bad_input  when `key` is not 1 to 512 bytes of UTF-8 without NUL
  [[nodiscard]] std::optional<cell> get(std::string_view key) const { return cells_.get(key); }
  /// Puts a cell whose revision is the expected one, and says whether it did. \see CellStorage
  /// \throws bad_input  when `key` is not 1 to 512 bytes of UTF-8 without NUL
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected_revision) {
    return cells_.put(key, bytes, expected_revision);
  }
  /// Removes a cell whose revision is the expected one, and says whether it did. \see CellRemovalStorage
  /// \throws bad_input  when `key` is not 1 to 512 bytes of UTF-8 without NUL
  bool remove(std::string_view key, std::uint64_t expected_revision) { return cells_.remove(key, expected_revision); }
  /// Returns the keys of the cells that start with a prefix, sorted bytewise.
  [[nodiscard]] std::vector<std::string> list(std::string_view prefix) const { return cells_.list(prefix); }

  /// Waits until the head is at `until` or beyond, and says whether it is. \see WaitableStorage
  bool wait_for(position until, duration timeout, const std::stop_token& stop = {}) {
    return wake_up_.wait(until, timeout, duration(detail::longest_span), stop, [&] { return head(); });
  }

 private:
  // The turn of a writer. At its end, however that comes, what it appended is published. Threads that wait are told
  // after the lock is free, so that they need not wait for that, too.
  class turn {
   public:
    explicit turn(memory_store& store) : store_(store), lock_(store.mutex_) {}
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    ~turn() {
      store_.log_.publish();
      lock_.unlock();
      store_.wake_up_.publish(store_.head());
    }

   private:
    memory_store& store_;
    std::unique_lock<std::mutex> lock_;
  };
  result<append_result> append_item(const batch_item<data_type>& item) {
    return kit::item_result([&] {
      kit::check_append(std::span<const event>(item.events), item.condition, limits_);
      return log_.append(item.events, log_.make_plan(item.events), item.condition, *origin_.clock);
    });
  }

  must::origin origin_;
  must::limits limits_;
  detail::memory::memory_log<data_type> log_{};
  detail::memory::memory_cells cells_{};
  std::mutex mutex_{};  // This protects the writer.
  kit::wake_up wake_up_{};
};

static_assert(CellStorage<memory_store<>> && BatchStorage<memory_store<>> && WaitableStorage<memory_store<>> &&
              LimitedStorage<memory_store<>>);

}  // namespace must
