// SPDX-License-Identifier: MIT
// A log and what is known of it: it is read on when others have appended, and commits are read back by their numbers.
#pragma once

#include "must/detail/current_error.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/storage/kit/row.hpp"
#include "must/storage/kit/wake_up.hpp"
#include "must/storage/log/catalog.hpp"
#include "must/storage/log/checkpoint.hpp"
#include "must/storage/log/commit.hpp"
#include "must/storage/log/commit_cache.hpp"
#include "must/storage/log/commit_log.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace must::detail::log {

// A commit that a reader shares with the cache.
using shared_body = std::shared_ptr<const commit>;

// Any number of threads may use one.
template <CommitLog L>
class followed_log {
 public:
  followed_log(L log, std::size_t cache_bytes) : log_(std::move(log)), cache_(cache_bytes) {}

  [[nodiscard]] L& log() noexcept { return log_; }
  [[nodiscard]] const L& log() const noexcept { return log_; }
  [[nodiscard]] const catalog& known() const noexcept { return *known_; }
  [[nodiscard]] kit::wake_up& wakes() noexcept { return wakes_; }

  // Reads the log from its begin to its end, or from where a checkpoint of it ends, and tells `progress(head)` now and
  // then, and at the end.
  template <typename Progress>
  void open(Progress&& progress) {
    constexpr position step = 65'536;
    position told = 0;
    const auto use = [&](commit& read) {
      add(read);
      if (read.last() < told + step) return;
      told = read.last();
      progress(told);
    };
    if constexpr (IndexCheckpointLog<L>) {
      if (open_from_checkpoint(use)) saved_ = covered_;
    }
    if (saved_ == 0) read_on(use);
    if (told == 0 || told != known_->head()) progress(known_->head());
  }
  // Saves the index when `every` events have come since the last time, and a fourth of all. It throws nothing.
  void save_if_due(std::size_t every) noexcept {
    if constexpr (IndexCheckpointLog<L>) {
      const auto head = known_->head();
      if (every != 0 && head - saved_ >= std::max<position>(every, head / 4)) save();
    }
  }
  // Saves the index for the next time that a store is opened, unless few events have come since the last time.
  void save_at_end(std::size_t every) noexcept {
    constexpr position few = 1'024;
    if constexpr (IndexCheckpointLog<L>) {
      if (every != 0 && known_->head() - saved_ >= few) save();
    }
  }
  // Returns why the index could not be saved or loaded the last time, if it could not.
  [[nodiscard]] std::optional<error> checkpoint_error() const {
    const std::lock_guard lock(saving_);
    return checkpoint_error_;
  }

  // Reads what others have appended. All that was stored when it was called is known when it returns.
  void catch_up() {
    const auto arrived = begun_.load();
    const std::lock_guard lock(reading_);
    if (finished_ > arrived) return;  // Another thread has begun and finished meanwhile.
    const auto mine = ++begun_;
    read_on([&](commit& read) { keep(std::make_shared<const commit>(std::move(read))); });
    finished_ = mine;
  }
  // Adds a commit that is stored in the log, and keeps its body. The commit is one of others, or has won.
  void keep(const shared_body& body) {
    if (!add(*body)) return;
    const auto number = known_->commit_of(body->first);
    cache_.keep(number, body, (*known_)[number].bytes);
  }
  // Calls `use()` while nothing is added.
  template <typename Use>
  decltype(auto) at_rest(Use&& use) {
    const std::lock_guard lock(adding_);
    return use();
  }

  // Returns the commit that holds a position up to the head.
  [[nodiscard]] shared_body body_at(position at) {
    const auto number = known_->commit_of(at);
    shared_body body;
    load({&number, 1}, {&body, 1});
    return body;
  }
  // Returns whether the event at a position up to the head has this source and id.
  [[nodiscard]] bool is_event(position at, std::string_view source, std::string_view id) {
    const auto body = body_at(at);
    const auto& one = body->events[at - body->first];
    return one.id == id && one.source == source;
  }
  // Reads commits, whose numbers rise, from the cache, and in runs from the log.
  void load(std::span<const std::size_t> numbers, std::span<shared_body> into) {
    for (std::size_t i = 0; i < numbers.size(); ++i) into[i] = cache_.find(numbers[i]);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (into[i] != nullptr) continue;
      std::size_t count = 1;
      while (i + count < numbers.size() && into[i + count] == nullptr && numbers[i + count] == numbers[i] + count)
        ++count;
      fetch(numbers[i], into.subspan(i, count));
    }
  }

 private:
  // Returns false when there is no checkpoint that fits the log. Then nothing is known.
  template <typename Use>
  bool open_from_checkpoint(Use& use) {
    try {
      const auto bytes = log_.load_index();
      const auto saved = bytes ? read_checkpoint(*bytes) : std::nullopt;
      if (!saved) return false;
      bool fits = false;
      log_.resume(saved->last.first, saved->last.place, [&](commit&& read) {
        check(read);
        if (fits) {
          use(read);
          return true;
        }
        if (read.first != saved->last.first || read.crc != saved->last.crc) return false;
        kit::row_reader from(saved->catalog);
        known_->read(from);
        covered_ = known_->head();
        fits = covered_ == read.last();
        if (fits) wakes_.publish(covered_);
        return fits;
      });
      if (fits) return true;
    } catch (const exception& thrown) {  // Reading the whole log says whether it is damaged.
      const std::lock_guard lock(saving_);
      checkpoint_error_ = thrown.error();
    }
    known_ = std::make_unique<catalog>();
    return false;
  }
  void save() noexcept {
    const std::unique_lock lock(saving_, std::try_to_lock);
    if (!lock) return;
    try {
      const auto bytes = at_rest([&] {
        saved_ = known_->head();
        return write_checkpoint(*known_);
      });
      log_.save_index(bytes);
      checkpoint_error_.reset();
    } catch (...) {
      try {
        checkpoint_error_ = current_error("save_index");
      } catch (...) {  // There is no memory for the words.
        checkpoint_error_ = error{.code = error_code::storage_error};
      }
    }
  }
  template <typename Use>
  void read_on(Use&& use) {
    log_.read(known_->head(), [&](commit&& read) {
      check(read);
      use(read);
      return true;
    });
  }
  static void check(commit& read) {
    check_commit(read, requires { requires L::is_checked; });
  }
  // Returns false for a commit that is known already, since an append and one that catches up may both bring it.
  bool add(const commit& made) {
    {
      const std::lock_guard lock(adding_);
      if (made.first <= known_->head()) return false;
      if (made.first != known_->head() + 1) raise_damaged(made.first, "the one before it is not there");
      known_->add(made);
    }
    wakes_.publish(made.last());
    return true;
  }
  // Reads a run of commits from the log, from the number `next` on.
  void fetch(std::size_t next, std::span<shared_body> into) {
    const auto first = next;
    const auto visit = [&](commit&& read) {
      const auto entry = (*known_)[next];
      check(read);
      if (read.first != entry.first || read.crc != entry.crc || read.last() != known_->last_of(next))
        raise_damaged(entry.first, "another commit is in its place");
      into[next - first] = std::make_shared<const commit>(std::move(read));
      cache_.keep(next, into[next - first], entry.bytes);
      return ++next - first < into.size();
    };
    if constexpr (FetchingLog<L>)
      log_.fetch((*known_)[next].place, visit);
    else
      log_.read((*known_)[next].first - 1, visit);
    if (next - first < into.size()) raise_damaged((*known_)[next].first, "it is not there any more");
  }

  L log_;
  std::unique_ptr<catalog> known_ = std::make_unique<catalog>();
  commit_cache cache_;
  kit::wake_up wakes_{};
  std::mutex adding_{};   // This protects the writer of the catalog.
  std::mutex reading_{};  // One thread at a time catches up.
  std::atomic<std::uint64_t> begun_{0};
  std::uint64_t finished_ = 0;
  mutable std::mutex saving_{};     // One thread at a time saves the index.
  std::atomic<position> saved_{0};  // The head of the index that was saved last.
  position covered_ = 0;            // The head of the index that was loaded.
  std::optional<error> checkpoint_error_{};
};

}  // namespace must::detail::log
