// SPDX-License-Identifier: MIT
// Cells in memory: small values under keys, with compare-and-set by revision.
#pragma once

#include "must/storage.hpp"
#include "must/storage/kit/validate.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace must::detail::memory {

class memory_cells {
 public:
  [[nodiscard]] std::optional<cell> get(std::string_view key) const {
    kit::check_name("key", key);
    const std::lock_guard lock(mutex_);
    const auto found = cells_.find(key);
    return found == cells_.end() ? std::nullopt : std::optional(found->second);
  }
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected) {
    kit::check_name("key", key);
    const std::lock_guard lock(mutex_);
    const auto found = cells_.find(key);
    if ((found == cells_.end() ? 0 : found->second.revision) != expected) return false;
    if (found == cells_.end()) return cells_.emplace(std::string(key), cell{std::string(bytes), 1}).second;
    found->second = cell{std::string(bytes), expected + 1};
    return true;
  }
  bool remove(std::string_view key, std::uint64_t expected) {
    kit::check_name("key", key);
    const std::lock_guard lock(mutex_);
    const auto found = cells_.find(key);
    if (found == cells_.end() || found->second.revision != expected) return false;
    cells_.erase(found);
    return true;
  }
  [[nodiscard]] std::vector<std::string> list(std::string_view prefix) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> keys;
    for (auto at = cells_.lower_bound(prefix); at != cells_.end() && at->first.starts_with(prefix); ++at)
      keys.push_back(at->first);
    return keys;
  }

 private:
  mutable std::mutex mutex_{};
  std::map<std::string, cell, std::less<>> cells_{};  // NOLINT(misc-include-cleaner): <functional> is heavy
};

}  // namespace must::detail::memory
