// SPDX-License-Identifier: MIT
// The storage suite: a store whose positions have gaps, with its events counted 1, 2, 3 ..., so that every case fits.
#pragma once

#include "must/detail/rest.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/result.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/decorator.hpp"
#include "must/storage/transactional.hpp"
#include "must/storage/waitable.hpp"
#include "must/testing/suite/expect.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must::testing::suite {

// Shows the n-th event of a store at position n, and asks for positions that lie in its gaps. Proves meanwhile that
// positions increase strictly, that none below a head which was read comes later, and that an append has no gap within.
template <Storage S>
class dense_positions : public must::kit::decorator<S> {
  using base = must::kit::decorator<S>;

 public:
  using typename base::data_type;
  using typename base::event;

  explicit dense_positions(S& storage) : base(storage) {}

  append_result append(std::span<event> events, const append_condition& condition) {
    const auto count = events.size();
    return shown(this->storage().append(events, asked(condition)), condition, count);
  }
  append_result append_with(std::span<event> events, const append_condition& condition, const auto& work)
    requires TransactionalStorage<S>
  {
    const auto count = events.size();
    return shown(this->storage().append_with(events, asked(condition), work), condition, count);
  }
  std::vector<result<append_result>> append_batch(std::span<batch_item<data_type>> items)
    requires BatchStorage<S>
  {
    std::vector<batch_item<data_type>> wanted;
    for (const auto& item : items) wanted.push_back({item.events, asked(item.condition)});
    auto answers = this->storage().append_batch(wanted);
    for (std::size_t i = 0; i < answers.size(); ++i)
      if (answers[i]) answers[i] = shown(*std::move(answers[i]), items[i].condition, items[i].events.size());
    return answers;
  }

  template <typename Visitor>
  read_result read(const query& which, const read_options& options, Visitor&& visitor) {
    auto wanted = options;
    wanted.after = before_next(options.after);
    wanted.until = options.until > count() ? read_options{}.until : before_next(options.until);
    auto done = this->storage().read(which, wanted, [&](const recorded<data_type>& record) {
      auto counted = record;
      counted.position = number_of(record.position);
      return visitor(std::as_const(counted));
    });
    done.scanned = done.scanned == wanted.after ? options.after : count_at(done.scanned);
    done.head = count_at(done.head);
    if (done.last_event && done.last_event->position != 0)
      done.last_event->position = number_of(done.last_event->position);
    return done;
  }
  [[nodiscard]] position head() { return count_at(this->storage().head()); }
  [[nodiscard]] std::optional<recorded<data_type>> find(std::string_view source, std::string_view id) {
    auto found = this->storage().find(source, id);
    if (found) found->position = number_of(found->position);
    return found;
  }
  // Whatever else wakes the store, only its own events count.
  bool wait_for(position until, duration timeout, const std::stop_token& stop = {})
    requires WaitableStorage<S>
  {
    using clock = std::chrono::steady_clock;
    const auto end = clock::now() + must::detail::bounded(timeout);
    for (;;) {
      const auto seen = this->storage().head();
      if (count_at(seen) >= until) return true;
      const auto left = std::chrono::duration_cast<std::chrono::microseconds>(end - clock::now());
      if (left.count() <= 0 || stop.stop_requested()) return false;
      static_cast<void>(this->storage().wait_for(seen + 1, duration(left.count()), stop));
    }
  }

 private:
  static constexpr position beyond_every_head = position{1} << 62U;

  // Returns the largest position below that of the event after the n-th.
  position before_next(position n) {
    const std::lock_guard lock(mutex_);
    look();
    if (n > at_.size()) return beyond_every_head;
    return n == at_.size() ? seen_ : at_[n] - 1;
  }
  // Returns how many events there are, and how many at or below a position.
  position count() {
    const std::lock_guard lock(mutex_);
    look();
    return at_.size();
  }
  position count_at(position at) {
    const std::lock_guard lock(mutex_);
    if (at > seen_) look();
    return static_cast<position>(std::upper_bound(at_.begin(), at_.end(), at) - at_.begin());
  }
  position number_of(position at) {
    const auto number = count_at(at);
    const std::lock_guard lock(mutex_);
    expect(number > 0 && at_[number - 1] == at,
           "an event at position " + std::to_string(at) + " is there when a read has come to its head");
    return number;
  }
  // The caller holds the mutex.
  void look() {
    const auto done = this->storage().read(query::all(), {.after = seen_}, [&](const recorded<data_type>& record) {
      expect(record.position > (at_.empty() ? seen_ : std::max(seen_, at_.back())), "positions increase strictly");
      at_.push_back(record.position);
    });
    expect(done.complete && done.scanned == done.head, "a read of everything comes to its head");
    seen_ = done.head;
  }

  append_condition asked(append_condition condition) {
    condition.after = before_next(condition.after);
    for (auto& seen : condition.seen) seen.position = at(seen.position);
    return condition;
  }
  // Returns the position of the n-th event.
  position at(position n) {
    const std::lock_guard lock(mutex_);
    look();
    return n == 0 ? 0 : n > at_.size() ? beyond_every_head : at_[n - 1];
  }
  append_result shown(const append_result& done, const append_condition& condition, std::size_t events) {
    if (done) {
      expect_equal(done->last - done->first + 1, position{events}, "the positions of one append");
      return appended{number_of(done->first), number_of(done->last)};
    }
    auto why = done.why();
    if (why.failed == conflict::part::query) {
      why.actual = number_of(why.actual);
      why.after = condition.after;
    }
    if (why.failed == conflict::part::history) {
      why.actual = count_at(why.actual);
      for (const auto& seen : condition.seen)
        if (at(seen.position) == why.after) {
          why.after = seen.position;
          break;
        }
    }
    return why;
  }

  std::mutex mutex_{};
  std::vector<position> at_{};  // The positions of the events, up to seen_.
  position seen_ = 0;
};

// A fixture of such a store as one of a store without gaps.
template <typename F>
class dense_fixture {
 public:
  static constexpr auto capabilities = F::capabilities;
  using dense_store = dense_positions<store_of<F>>;

  static auto data(std::uint64_t n) { return suite::data<F>(n); }
  dense_store& store() { return *store_; }
  dense_store& other() {
    if (!other_) other_.emplace(fixture_.other());
    return *other_;
  }
  void reopen() {
    fixture_.reopen();
    store_.emplace(fixture_.store());
  }

 private:
  F fixture_{};
  std::optional<dense_store> store_{std::in_place, fixture_.store()}, other_{};
};

}  // namespace must::testing::suite
