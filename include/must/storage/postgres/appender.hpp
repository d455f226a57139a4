// SPDX-License-Identifier: MIT
// How a PostgreSQL store appends: alone, as a batch, and in a commit that the threads of a process share.
#pragma once

#include "must/detail/current_error.hpp"
#include "must/error.hpp"
#include "must/origin.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/result.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/shared_commit.hpp"
#include "must/storage/kit/turn_queue.hpp"
#include "must/storage/postgres/appending.hpp"
#include "must/storage/postgres/backend.hpp"
#include "must/storage/postgres/batch.hpp"
#include "must/storage/postgres/connection.hpp"
#include "must/storage/postgres/failure.hpp"
#include "must/storage/postgres/options.hpp"
#include "must/storage/postgres/transaction.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace must::detail::postgres {

// Appends what is good input. Threads that append at the same time share a commit, and take turns within the process.
// The lock of the server orders these commits among those of append_with, of batches and of other processes.
class pg_appender {
 public:
  using item = batch_item<payload>;
  using items = std::vector<const item*>;

  // What is given outlives this. `row` is filled before the first append.
  pg_appender(pg_backend& backend, const pg_store_row& row, const postgres_options& options, const origin& from)
      : backend_(backend), row_(row), options_(options), origin_(from) {}

  append_result append(std::span<cloud_event> events, const append_condition& condition) {
    pending mine{events, &condition, backend_.deadline()};
    return commits_.append(
        mine, [events] { return kit::size_of_append<payload>(events); },
        [this](pending& one) { return alone(one.events, *one.condition, one.deadline); },
        [this](std::span<pending* const> all) { return shared(all); });
  }
  std::vector<result<append_result>> append_batch(const items& all) {
    const auto deadline = [this] { return backend_.deadline(); };
    return all.size() == 1 ? one_by_one(all, deadline) : together(all, deadline);
  }
  [[nodiscard]] std::size_t waiting() const noexcept { return commits_.waiting(); }
  // Returns the call that appends events.
  [[nodiscard]] pg_append_call prepared(std::span<const cloud_event> events, const append_condition& condition) const {
    return {events, condition, row_.digest_key, origin_.clock->now(), channel()};
  }
  [[nodiscard]] const std::string& sql() const noexcept { return append_sql_; }

 private:
  // An append that waits for a commit, until its own deadline.
  struct pending {
    std::span<cloud_event> events;
    const append_condition* condition;
    pg_clock::time_point deadline;
  };
  // More in one commit would keep other processes waiting for too long at the lock.
  static constexpr kit::commit_size most_shared{.events = 1'000, .bytes = std::size_t{1} << 20U};

  [[nodiscard]] std::string channel() const { return options_.notify ? row_.channel : std::string(); }

  append_result alone(std::span<const cloud_event> events, const append_condition& condition,
                      pg_clock::time_point until) {
    const auto call = prepared(events, condition);
    return backend_.run("append", true, until, [&](auto& connection, auto deadline, bool unknown) {
      const pg_call first{append_sql_, &call.parameters()};
      const bool begins = backend_.begins() || connection.pooled();
      return call.verdict(
          begins ? pg_transaction::whole(connection, first, deadline) : connection.call(first, deadline), unknown);
    });
  }
  // The first has come before the others, so that it has the least time left.
  std::vector<result<append_result>> shared(std::span<pending* const> waiting) {
    std::vector<item> each;
    items all;
    each.reserve(waiting.size());
    for (const auto* one : waiting) all.push_back(&each.emplace_back(item{one->events, *one->condition}));
    return together(all, [&] { return waiting.front()->deadline; });
  }
  // A storage_error is the item's own here: the items share nothing.
  template <typename Deadline>
  result<append_result> one_result(const item& one, Deadline& deadline) {
    try {
      return alone(one.events, one.condition, deadline());
    } catch (...) {
      return unexpected<error>(detail::current_error("append"));
    }
  }
  template <typename Deadline>
  std::vector<result<append_result>> one_by_one(const items& all, Deadline&& deadline) {
    std::vector<result<append_result>> results;
    results.reserve(all.size());
    for (const auto* one : all) results.push_back(one_result(*one, deadline));
    return results;
  }
  template <typename Deadline>
  std::vector<result<append_result>> together(const items& all, Deadline&& deadline) {
    std::size_t bytes = 0;
    for (const auto* one : all) bytes += kit::size_of_append<payload>(one->events).bytes;
    if (bytes > options_.limits.append_bytes) return one_by_one(all, deadline);
    try {
      return backend_.run("append", true, deadline(), [&](auto& connection, auto until, bool) {
        pg_batch batch(all, row_.digest_key);
        pg_transaction open(connection, until);
        batch.judge(open.begin({look_sql_, &batch.look()}));
        if (batch.accepted.size() == 0) return std::move(batch.results);
        const auto events = batch.put(origin_.clock->now(), channel());
        open.end({put_events_sql_, &events});
        return std::move(batch.results);
      });
    } catch (const storage_error& why) {
      if (why.error().retryable) throw;
      return one_by_one(all, deadline);  // what the server refuses of one item is that item's error
    }
  }

  pg_backend& backend_;
  const pg_store_row& row_;
  const postgres_options& options_;
  const origin& origin_;
  const std::string append_sql_ = backend_.in_schema(pg_select_from("append", pg_append_call::parameter_count));
  const std::string look_sql_ = backend_.in_schema(pg_select_from("look", 12));
  const std::string put_events_sql_ = backend_.in_schema(pg_select_from("put_events", 22));
  kit::turn_queue turns_{};
  kit::shared_commit<pending> commits_{turns_, most_shared};
};

}  // namespace must::detail::postgres
