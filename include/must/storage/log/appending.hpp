// SPDX-License-Identifier: MIT
// How appends come into a log: judged, put at the next position, and judged again when another store was faster.
#pragma once

#include "must/detail/current_error.hpp"
#include "must/detail/rest.hpp"
#include "must/detail/wait.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/result.hpp"
#include "must/storage/kit/turn_queue.hpp"
#include "must/storage/log/commit.hpp"
#include "must/storage/log/commit_log.hpp"
#include "must/storage/log/draft.hpp"
#include "must/storage/log/followed_log.hpp"
#include "must/storage/log/options.hpp"
#include "must/timestamp.hpp"
#include "must/uuid.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace must::detail::log {

[[nodiscard]] inline std::string new_id() { return uuid7_ids::instance().next(must::system_clock::instance().now()); }

// Threads take turns in the order in which they come.
template <typename L>
class appending {
 public:
  appending(followed_log<L>& into, const log_store_options& options, must::clock& clock)
      : into_(into),
        writer_(options.writer.empty() ? new_id() : options.writer),
        timeout_(bounded(options.timeout)),
        clock_(clock) {}

  // Appends items that are good input, in one commit, and returns one result for each.
  [[nodiscard]] std::vector<result<append_result>> append(std::span<const append_item> items) {
    kit::turn_queue::turn mine(turns_);
    mine.wait();
    const auto deadline = steady::now() + timeout_;
    bool is_sure = false;  // Whether the log was read after this append had begun.
    exclusive_turn alone;
    for (unsigned attempt = 0;;) {
      draft<L> made(into_);
      auto results = into_.at_rest([&] { return made.judge(items, clock_.now()); });
      if (!is_sure && refuses_any(results)) {  // Others may have appended what makes it hold.
        into_.catch_up();
        is_sure = true;
        continue;
      }
      if (made.empty()) return results;
      if (attempt > 0 && steady::now() >= deadline) raise_busy(attempt);
      if (put(made.made(), deadline)) {
        keep(made.release());
        return results;
      }
      is_sure = true;
      be_alone(alone, attempt++);
    }
  }

 private:
  using steady = std::chrono::steady_clock;

  // What keeps other stores from appending, where the log has that.
  static auto exclusive_of(L& log) {
    if constexpr (ExclusiveLog<L>)
      return log.exclusive();
    else
      return std::monostate();
  }
  using exclusive_turn = std::optional<decltype(exclusive_of(std::declval<L&>()))>;

  // Makes it likely that the next attempt is not too late again.
  void be_alone(exclusive_turn& alone, unsigned attempt) {
    if constexpr (ExclusiveLog<L>) {
      if (!alone) alone.emplace(exclusive_of(into_.log()));
      into_.catch_up();
    } else {
      back_off(attempt);
    }
  }
  [[nodiscard]] static bool refuses_any(std::span<const result<append_result>> results) {
    return std::any_of(results.begin(), results.end(), [](const auto& one) { return !one || !one->stored(); });
  }

  // Puts a commit until it is known whose commit is at its position. Returns whether it is this one.
  [[nodiscard]] bool put(commit& made, steady::time_point deadline) {
    made.id = new_id();
    made.writer = writer_;
    made.crc = crc_of(made);
    bool was_put = false;
    try {
      for (unsigned attempt = 0;; ++attempt) {
        const auto outcome = into_.log().try_put(made);
        if (outcome == put_outcome::won) return true;
        was_put = true;
        into_.catch_up();
        if (into_.known().head() >= made.first) return into_.body_at(made.first)->id == made.id;
        if (steady::now() >= deadline) raise_unknown("no commit is there, past the deadline");
        back_off(attempt);
      }
    } catch (const outcome_unknown&) {
      throw;
    } catch (...) {
      if (!was_put) throw;  // The log says that the commit is not stored.
      raise_unknown(current_error("append").message);
    }
  }
  // Adds a commit that is stored. It may be known already. Where memory lacks for it, the next look at the log reads
  // it.
  void keep(commit made) noexcept {
    try {
      into_.keep(std::make_shared<const commit>(std::move(made)));
    } catch (...) {}
  }
  [[noreturn]] static void raise_busy(unsigned attempts) {
    raise({.code = error_code::storage_error,
           .message =
               "append: others were faster at each of " + std::to_string(attempts) + " attempts, past the deadline",
           .operation = "append",
           .retryable = true});
  }
  [[noreturn]] static void raise_unknown(std::string_view why) {
    raise({.code = error_code::outcome_unknown,
           .message = "append: the log does not say whether the commit is stored: " + std::string(why),
           .operation = "append"});
  }

  followed_log<L>& into_;
  std::string writer_;
  std::chrono::microseconds timeout_;
  must::clock& clock_;
  kit::turn_queue turns_{};
};

}  // namespace must::detail::log
