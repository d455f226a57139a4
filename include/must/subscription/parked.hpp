// SPDX-License-Identifier: MIT
// Events that a subscription has set aside: kept unchanged in the store, listed here with the reason.
#pragma once

#include "must/fwd.hpp"
#include "must/storage.hpp"
#include "must/subscription/fenced_cell.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must {

/// An event that its subscription gave up. The event itself stands in the store, unchanged.
struct parked_event {
  must::position position = 0;  ///< of the event
  std::string key{};            ///< its partition key, else its stream
  std::string reason{};         ///< what the handler threw, at most 500 bytes of it
  unsigned attempts = 0;        ///< of the event, so far
  bool strict = false;          ///< whether the later events of `key` wait behind it
  timestamp when{};             ///< it was parked

  friend bool operator==(const parked_event&, const parked_event&) = default;
};

namespace detail::following {

inline std::string parked_key(const std::string& name) { return "must/subscription/" + name + "/parked"; }
// Each put of this cell asks for a replay.
inline std::string replay_key(const std::string& name) { return "must/subscription/" + name + "/replay"; }

// After the number of the last replay, six fields an event.
inline std::vector<parked_event> read_parked(const std::vector<std::string>& fields) {
  std::vector<parked_event> all;
  for (std::size_t at = 1; at + 6 <= fields.size(); at += 6)
    all.push_back({read_count(fields, at), fields[at + 1], fields[at + 2], read_count<unsigned>(fields, at + 3),
                   fields[at + 4] == "1", timestamp{read_count<std::int64_t>(fields, at + 5)}});
  return all;
}
inline std::vector<std::string> write_parked(std::uint64_t replayed, const std::vector<parked_event>& all) {
  std::vector<std::string> fields{std::to_string(replayed)};
  for (const auto& one : all) {
    const std::vector<std::string> next{std::to_string(one.position), one.key,
                                        cell_text(one.reason),        std::to_string(one.attempts),
                                        one.strict ? "1" : "0",       std::to_string(one.when.microseconds)};
    fields.insert(fields.end(), next.begin(), next.end());
  }
  return fields;
}

// The parked events of one owner; any number of threads.
template <CellStorage S>
class parked_list {
 public:
  parked_list(S& storage, const std::string& name, const ownership& by) : cell_(storage, parked_key(name)) {
    cell_.take(by);
    replayed_ = read_count(cell_.fields(), 0);
    all_ = read_parked(cell_.fields());
    count();
  }

  [[nodiscard]] std::size_t size() const { return size_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::vector<parked_event> all() const {
    const std::lock_guard lock(mutex_);
    return all_;
  }
  // Whether an event of this key has to wait. Costs a load while nothing is parked.
  [[nodiscard]] bool blocks(std::string_view key) const {
    if (size() == 0) return false;
    const std::lock_guard lock(mutex_);
    return std::any_of(all_.begin(), all_.end(), [&](const auto& one) { return one.strict && one.key == key; });
  }
  // Puts events in the place of one, if it is there; false when the lease is lost.
  bool replace(const parked_event& one, const std::vector<parked_event>& by) {
    return change(one, by, [this](std::vector<std::string> fields) { return cell_.write(std::move(fields)); });
  }
  // The same, with the caller's work in the transaction.
  template <typename Work>
  bool replace_with(const parked_event& one, const std::vector<parked_event>& by, Work&& work) {
    return change(one, by, [&](std::vector<std::string> fields) { return cell_.write_with(std::move(fields), work); });
  }
  // The last replay that was asked for and done.
  [[nodiscard]] std::uint64_t replayed() const { return replayed_; }
  bool set_replayed(std::uint64_t asked) {
    const std::lock_guard lock(mutex_);
    replayed_ = asked;
    return cell_.write(write_parked(replayed_, all_));
  }

 private:
  template <typename Write>
  bool change(const parked_event& one, const std::vector<parked_event>& by, Write&& write) {
    const std::lock_guard lock(mutex_);
    auto next = all_;
    // What is left of an event that is replayed may stand at the position of another one's, of another key.
    const auto same = [&](const parked_event& other) { return other.position == one.position && other.key == one.key; };
    const auto at = next.erase(std::remove_if(next.begin(), next.end(), same), next.end());
    next.insert(at, by.begin(), by.end());
    if (!write(write_parked(replayed_, next))) return false;
    all_ = std::move(next);
    count();
    return true;
  }
  void count() { size_.store(all_.size(), std::memory_order_relaxed); }

  mutable std::mutex mutex_{};
  fenced_cell<S> cell_;
  std::vector<parked_event> all_{};
  std::uint64_t replayed_ = 0;
  std::atomic<std::size_t> size_{0};
};

}  // namespace detail::following
}  // namespace must
