// SPDX-License-Identifier: MIT
// Subscriptions that have nothing to do: how often they ask SQLite, counted by statements.
#include "must/must.hpp"
#include "must/storage/sqlite.hpp"
#include "must/subscription.hpp"

#include "stores/sqlite.hpp"
#include "stores/sqlite_statements.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <thread>
#include <vector>

using namespace must_test;

TEST_CASE("subscription: a hundred that are idle on one SQLite store ask it hardly more often than one",
          "[subscription][race]") {
  const temporary_folder folder;
  const sqlite_statements statements("");  // These are all statements.
  auto options = on(folder.file());
  options.poll_interval = must::duration(5'000);
  must::sqlite_store store(options);
  append(store, event("first")).value();
  constexpr int followers = 100;
  const auto take = [](const must::recorded<must::payload>&) {};
  using follower = must::subscription<must::sqlite_store, decltype(take)>;
  std::deque<follower> all;
  for (int i = 0; i < followers; ++i) all.emplace_back(store, "f" + std::to_string(i), must::query::all(), take);
  std::vector<std::jthread> running;
  for (auto& one : all) running.emplace_back([&](const std::stop_token& stop) { one.run(stop); });
  for (auto& one : all) REQUIRE(one.wait_until(1, must::duration(60'000'000)));
  std::this_thread::sleep_for(std::chrono::milliseconds(1'200));  // Each has saved what it did.

  const auto before = statements.count();
  const auto begin = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const auto asked = statements.count() - before;
  INFO(asked << " statements in " << took.count() << " s");
  // One of them looks every 5 ms for all. Each wakes once in a while to see whether there is something to save.
  const double looks = took.count() / 0.005, wakings = followers * (took.count() + 1);
  CHECK(static_cast<double>(asked) <= looks + 6 * wakings);

  append(store, event("second")).value();
  for (auto& one : all) CHECK(one.wait_until(2, must::duration(60'000'000)));
}
