// SPDX-License-Identifier: MIT
// group_commit: threads that append at the same time share one commit.
#pragma once

#include "must/query.hpp"
#include "must/storage.hpp"
#include "must/storage/abilities.hpp"
#include "must/storage/kit/decorator.hpp"
#include "must/storage/kit/shared_commit.hpp"
#include "must/storage/kit/turn_queue.hpp"
#include "must/storage/kit/validate.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace must {

/// The bounds of one commit. An append that is larger by itself is committed alone, so 0 counts as 1.
struct group_commit_options {
  std::size_t events = 10'000;                 ///< The highest number of events of all appends of one commit.
  std::size_t bytes = std::size_t{16} << 20U;  ///< The highest number of bytes, as kit::event_bytes counts them.
};

/// Lets threads that append at the same time share one commit of a BatchStorage, which it does not own.
///
/// sqlite_store and postgres_store share commits by themselves: this is for a store of one's own. The first thread that
/// comes commits once for all that wait, so that there is no thread in the background. Each append keeps its condition,
/// its result and its error, and none returns before its commit. Conditions are checked in the order of arrival. A
/// thread that is alone appends at once. append_with and put_with share their transactions with nobody.
/// \see kit::shared_commit
template <BatchStorage S>
class group_commit : public kit::decorator<S> {
  using base = kit::decorator<S>;

 public:
  using typename base::data_type;
  using typename base::event;

  /// Lets threads share the commits of a store. The store outlives this object.
  explicit group_commit(S& storage, group_commit_options options = {})
      : base(storage), commits_(turns_, {options.events, options.bytes}) {}
  group_commit(const group_commit&) = delete;
  group_commit& operator=(const group_commit&) = delete;

  /// Appends events in a commit that other threads may share. \see Storage
  /// \throws ...  what the append of the store throws. A commit that fails as a whole fails for all that share it.
  /// \throws std::bad_alloc  when there is no memory for the error of such a commit
  append_result append(std::span<event> events, const append_condition& condition) {
    if constexpr (LimitedStorage<S>) kit::check_append(std::span<const event>(events), condition, this->limits());
    pending mine{events, &condition};
    return commits_.append(
        mine, [events] { return kit::size_of_append<data_type>(events); },
        [this](pending& one) { return this->storage().append(one.events, *one.condition); },
        [this](std::span<pending* const> all) {
          std::vector<batch_item<data_type>> items;
          items.reserve(all.size());
          for (const auto* one : all) items.push_back({one->events, *one->condition});
          return this->storage().append_batch(items);
        });
  }

  /// Returns the number of appends that wait for a commit that has not begun.
  [[nodiscard]] std::size_t waiting() const noexcept { return commits_.waiting(); }

 private:
  struct pending {
    std::span<event> events;
    const append_condition* condition;
  };

  kit::turn_queue turns_{};
  kit::shared_commit<pending> commits_;
};

}  // namespace must
