// SPDX-License-Identifier: MIT
// A log in a storage of objects, as log_store wants it: a handle, whose copies are the same log.
#pragma once

#include "must/fwd.hpp"
#include "must/limits.hpp"
#include "must/storage.hpp"
#include "must/storage/durable/compaction.hpp"
#include "must/storage/durable/object_cells.hpp"
#include "must/storage/durable/opened_log.hpp"
#include "must/storage/durable/options.hpp"
#include "must/storage/kit/wake_up.hpp"
#include "must/storage/log/appending.hpp"
#include "must/storage/log/commit.hpp"
#include "must/storage/objects.hpp"
#include "must/timestamp.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must::detail::durable {

template <ObjectStorage O>
class object_log {
 public:
  object_log(O objects, durable_options options)
      : all_(std::make_shared<all_of_it>(std::move(objects), std::move(options))) {}

  [[nodiscard]] put_outcome try_put(commit& made) {
    made.place = made.first;
    const auto outcome = all_->log.try_put(made);
    if (outcome == put_outcome::won) all_->wakes.publish(all_->won.fetch_add(1) + 1);
    return outcome;
  }
  template <typename Visitor>
  void read(position after, Visitor&& visitor) const {
    all_->log.read(after, visitor);
  }
  [[nodiscard]] const must::limits& limits() const { return all_->log.options().limits; }
  [[nodiscard]] std::string history() const {
    const auto known = all_->log.known().get();
    return known->content.store + "." + known->content.incarnation;
  }
  [[nodiscard]] std::optional<cell> get(std::string_view key) { return all_->cells.get(key); }
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected) {
    return all_->cells.put(key, bytes, expected);
  }
  bool remove(std::string_view key, std::uint64_t expected) { return all_->cells.remove(key, expected); }
  [[nodiscard]] std::vector<std::string> list(std::string_view prefix) { return all_->cells.list(prefix); }

  // The number of commits that this log has won.
  [[nodiscard]] std::uint64_t won() const { return all_->won.load(); }
  // Waits until the log has won so many commits. Returns false when a stop was requested before.
  [[nodiscard]] bool wait_for(std::uint64_t won, const std::stop_token& stop) const {
    constexpr duration forever(longest_span);
    return all_->wakes.wait(won, forever, forever, stop, [&] { return this->won(); });
  }
  [[nodiscard]] compaction_result compact(const std::stop_token& stop) const {
    const std::lock_guard one_at_a_time(all_->compacting);
    return compaction<O>(all_->log).run(stop);
  }
  void mark_restored() const {
    auto tries = all_->log.new_attempts();
    for (;; tries.pause()) {
      all_->log.look_again(tries);
      const auto known = all_->log.known().get();
      auto next = known->content;
      next.incarnation = log::new_id();
      if (all_->log.replace_manifest(known, std::move(next), tries)) return;
    }
  }

 private:
  struct all_of_it {
    all_of_it(O objects, durable_options options)
        : log(std::move(objects), std::move(options)), cells(log.objects(), log.options().log.timeout) {}
    opened_log<O> log;
    object_cells<O> cells;
    std::atomic<std::uint64_t> won{0};
    kit::wake_up wakes{};
    std::mutex compacting{};
  };
  std::shared_ptr<all_of_it> all_;
};

}  // namespace must::detail::durable
