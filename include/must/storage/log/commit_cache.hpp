// SPDX-License-Identifier: MIT
// The commits that were used last, up to a number of bytes.
#pragma once

#include "must/storage/log/commit.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace must::detail::log {

// Commits are kept in two halves. When the younger one is full, it becomes the older one, and what was not used since
// the last time is forgotten. Any number of threads may use a cache.
class commit_cache {
 public:
  explicit commit_cache(std::size_t bytes) : half_bytes_(bytes / 2) {}

  // Returns the commit of that number, or nothing.
  [[nodiscard]] std::shared_ptr<const commit> find(std::size_t number) {
    const std::lock_guard lock(mutex_);
    if (const auto found = young_.commits.find(number); found != young_.commits.end()) return found->second.body;
    const auto found = old_.find(number);
    if (found == old_.end()) return nullptr;
    auto used = std::move(found->second);
    old_.erase(found);
    auto body = used.body;
    add(number, std::move(used));
    return body;
  }
  // Keeps a commit, unless it is larger than a half.
  void keep(std::size_t number, std::shared_ptr<const commit> body, std::size_t bytes) {
    if (bytes > half_bytes_) return;
    const std::lock_guard lock(mutex_);
    if (!young_.commits.contains(number)) add(number, {std::move(body), bytes});
  }

 private:
  struct kept {
    std::shared_ptr<const commit> body;
    std::size_t bytes;
  };
  using by_number = std::unordered_map<std::size_t, kept>;
  struct half {
    by_number commits{};
    std::size_t bytes = 0;
  };

  void add(std::size_t number, kept one) {
    if (young_.bytes + one.bytes > half_bytes_) {
      old_ = std::move(young_.commits);
      young_ = {};
    }
    young_.bytes += one.bytes;
    young_.commits.insert_or_assign(number, std::move(one));
  }

  std::size_t half_bytes_;
  std::mutex mutex_{};
  half young_{};
  by_number old_{};
};

}  // namespace must::detail::log
