// SPDX-License-Identifier: MIT
// Tests that a subscription whose lease is lost says so, wherever it is lost, and that a lack of threads is told.
#include "must/storage/memory.hpp"
#include "must/subscription.hpp"

#include "cases/subscription.hpp"
#include "stores/all.hpp"
#include "support/child_process.hpp"
#include "support/error_of.hpp"
#include "support/soon.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>

// Sanitizers need all addresses.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MUST_TESTS_NEED_ALL_ADDRESSES
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MUST_TESTS_NEED_ALL_ADDRESSES
#endif
#endif

namespace {

// Makes another process the owner of a subscription, as if the lease had been over.
template <typename S>
void take_lease(S& store, const std::string& name) {
  const auto key = must::stored_names::subscription(name).now;
  for (;;) {
    const auto seen = store.get(key).value();
    auto content = must::detail::following::owned_fields::of(seen.bytes);
    content.by.owner = "another";
    ++content.by.epoch;
    if (store.put(key, content.bytes(), seen.revision)) return;
  }
}

}  // namespace

EACH_STORE_TEST_CASE(with_cells, "subscription: a lease on each store that is lost at the last event is told",
                     "[subscription]") {
  using cases = must_test::subscription_cases<Store>;
  Store fixture;
  auto& store = fixture.store();
  cases::add(store, 4, "wanted", "a");
  for (const unsigned lanes : {1U, 2U}) {
    const auto name = "of " + std::to_string(lanes);
    auto how = cases::quick(lanes);
    how.save_every = how.window = 100;
    how.save_interval = how.lease = must::duration(60'000'000);
    must::subscription follows(
        store, name, cases::wanted(),
        [&](const typename cases::record& event) {
          if (event.position == 4) take_lease(store, name);
        },
        how);
    CHECK(must_test::error_of<must::not_owner>([&] { follows.run_once(); }).message ==
          "subscription \"" + name + "\" is followed by \"another\"");
  }
}
EACH_STORE_TEST_CASE(with_cells,
                     "subscription: a lease on each store that is lost while all lanes have come to the end of the "
                     "window is told",
                     "[subscription][race]") {
  using cases = must_test::subscription_cases<Store>;
  Store fixture;
  auto& store = fixture.store();
  cases::add(store, 9);
  auto how = cases::quick(2);
  how.window = 4;
  how.lease = must::duration(60'000'000);
  std::atomic<int> handled{0};
  must::subscription follows(
      store, "lost", cases::wanted(),
      [&](const typename cases::record&) {
        if (++handled == 4) take_lease(store, "lost");
      },
      how);
  std::atomic<bool> is_told{false}, ended{false};
  std::jthread runs([&](const std::stop_token& stop) {
    try {
      follows.run_once(stop);
    } catch (const must::not_owner&) {
      is_told = true;
    }
    ended = true;
  });
  CHECK(must_test::soon([&] { return ended.load(); }));
  runs.request_stop();
  runs.join();
  CHECK(is_told);
}
TEST_CASE("subscription: a wait of any span lasts that long, or a century", "[subscription][race]") {
  using cases = must_test::subscription_cases<must_test::memory_fixture>;
  must_test::memory_fixture fixture;
  auto& store = fixture.store();
  must::subscription follows(store, "waited for", cases::wanted(), [](const cases::record&) {}, cases::quick());
  std::jthread runs([&](const std::stop_token& stop) { follows.run(stop); });
  CHECK_FALSE(follows.wait_until(1, must::duration(std::numeric_limits<std::int64_t>::min())));
  std::jthread appends([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    cases::add(store, 1);
  });
  CHECK(follows.wait_until(1, must::duration(std::numeric_limits<std::int64_t>::max())));
}
#ifndef MUST_TESTS_NEED_ALL_ADDRESSES
TEST_CASE("subscription: lanes for which the machine has no threads are told, and leave the lease", "[subscription]") {
  using cases = must_test::subscription_cases<must_test::memory_fixture>;
  const auto child = must_test::start_process([] {
    must_test::memory_fixture fixture;
    auto& store = fixture.store();
    const ::rlimit limit{std::size_t{1'500} << 20U, std::size_t{1'500} << 20U};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) throw std::runtime_error("no limit");
    const auto run = [&](unsigned lanes) {
      auto how = cases::quick(lanes);
      how.lease = must::duration(3'600'000'000);
      must::subscription(store, "many", cases::wanted(), [](const cases::record&) {}, how).run_once();
    };
    bool is_told = false;
    try {
      run(1'000);
    } catch (const std::system_error&) {
      is_told = true;
    }
    run(1);
    if (!is_told) throw std::runtime_error("nothing was told");
  });
  const int status = must_test::wait_for_process(child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
#endif
