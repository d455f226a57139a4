// SPDX-License-Identifier: MIT
// deduplicator: recognises an event that was received before.
#pragma once

#include "must/error.hpp"
#include "must/record.hpp"

#include <cstddef>
#include <iterator>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace must {

/// Remembers the last events that were received, by source and id, in memory. Any number of threads may use it.
///
/// A repeat is not recognised when more than `capacity` other events came in between, or after a restart. An event
/// counts as received before it is handled. When handling it fails, call forget().
/// must::inbox recognises every repeat, in the transaction of the work of the receiver. \see CloudEvents 1.0.2, "id"
class deduplicator {
 public:
  /// Makes a deduplicator that has received nothing.
  /// \param capacity  the number of events that are remembered, 1 or more
  /// \throws bad_input  when the capacity is 0
  explicit deduplicator(std::size_t capacity = 100'000) : capacity_(capacity) {
    if (capacity == 0) raise({.code = error_code::bad_input, .message = "capacity is 0", .field = "capacity"});
  }

  /// Returns whether the event is new, and remembers it. It takes amortised constant time.
  bool accept(std::string_view source, std::string_view id) {
    std::string key;
    key.reserve(source.size() + id.size() + 1);
    ((key += source) += '\0') += id;
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(key);
    if (found != known_.end()) {
      order_.splice(order_.end(), order_, found->second);
      return false;
    }
    if (known_.size() == capacity_) {
      known_.erase(order_.front());
      order_.pop_front();
    }
    order_.push_back(key);
    known_.emplace(std::move(key), std::prev(order_.end()));
    return true;
  }
  /// Returns whether the event is new, and remembers it.
  template <typename Data>
  bool accept(const basic_event<Data>& event) {
    return accept(event.source, event.id);
  }
  /// Forgets an event whose handling failed, so that it is accepted the next time.
  void forget(std::string_view source, std::string_view id) {
    const auto key = std::string(source) + '\0' + std::string(id);
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(key);
    if (found == known_.end()) return;
    order_.erase(found->second);
    known_.erase(found);
  }

 private:
  std::size_t capacity_;
  std::mutex mutex_{};
  std::list<std::string> order_{};  // The event that is forgotten next comes first.
  std::unordered_map<std::string, std::list<std::string>::iterator> known_{};
};

}  // namespace must
