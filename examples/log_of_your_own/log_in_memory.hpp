// SPDX-License-Identifier: MIT
// A log of your own in a page: commits under their positions, where the first one wins.
#pragma once

#include <must/must.hpp>
#include <must/storage/log_store.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// A handle of a log in memory. Every copy of it is the same log, as every path of a file is the same file.
class log_in_memory {
 public:
  must::put_outcome try_put(must::commit& made) {
    const std::lock_guard lock(kept_->mutex);
    return kept_->commits.try_emplace(made.first, made).second ? must::put_outcome::won : must::put_outcome::lost;
  }
  void read(must::position after, auto&& visitor) const {
    while (auto next = first_after(after)) {
      after = next->first;
      if (!visitor(std::move(*next))) return;  // without the lock
    }
  }
  const must::limits& limits() const { return kept_->limits; }

  // What follows is optional. A log that tells its history lets followers notice that it was replaced.
  std::string history() const { return kept_->history; }
  // A log that keeps cells makes the store a CellStorage, and so subscriptions, models and deliveries possible.
  std::optional<must::cell> get(std::string_view key) const {
    const std::lock_guard lock(kept_->mutex);
    const auto found = kept_->cells.find(key);
    return found == kept_->cells.end() ? std::nullopt : std::optional(found->second);
  }
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected) {
    const std::lock_guard lock(kept_->mutex);
    const auto found = kept_->cells.find(key);
    if ((found == kept_->cells.end() ? 0 : found->second.revision) != expected) return false;
    kept_->cells.insert_or_assign(std::string(key), must::cell{std::string(bytes), expected + 1});
    return true;
  }
  bool remove(std::string_view key, std::uint64_t expected) {
    const std::lock_guard lock(kept_->mutex);
    const auto found = kept_->cells.find(key);
    if (found == kept_->cells.end() || found->second.revision != expected) return false;
    kept_->cells.erase(found);
    return true;
  }
  std::vector<std::string> list(std::string_view prefix) const {
    const std::lock_guard lock(kept_->mutex);
    std::vector<std::string> keys;
    for (auto at = kept_->cells.lower_bound(prefix); at != kept_->cells.end() && at->first.starts_with(prefix); ++at)
      keys.push_back(at->first);
    return keys;
  }

 private:
  std::optional<must::commit> first_after(must::position after) const {
    const std::lock_guard lock(kept_->mutex);
    const auto next = kept_->commits.upper_bound(after);
    return next == kept_->commits.end() ? std::nullopt : std::optional(next->second);
  }
  struct kept {
    std::mutex mutex;
    std::map<must::position, must::commit> commits;
    std::map<std::string, must::cell, std::less<>> cells;
    std::string history = must::uuid7_ids::instance().next(must::system_clock::instance().now());
    must::limits limits;
  };
  std::shared_ptr<kept> kept_ = std::make_shared<kept>();
};
static_assert(must::CellRemovalLog<log_in_memory> && must::HistoryLog<log_in_memory>);
