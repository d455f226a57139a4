// SPDX-License-Identifier: MIT
// Fixtures of the storage suite: a store of another fixture as a context, as a context beside a busy one, or cached.
#pragma once

#include "must/storage/cached.hpp"
#include "must/storage/context.hpp"
#include "must/testing/storage_suite.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace must_test {

// Make: `Make::of(store)` decorates a store of fixture F.
template <typename F, template <typename> typename Decorator, typename Make>
class decorated_fixture {
 public:
  using inner = must::testing::suite::store_of<F>;
  static constexpr must::testing::capabilities capabilities = F::capabilities;

  static auto data(std::uint64_t n) { return must::testing::suite::data<F>(n); }
  Decorator<inner>& store() { return store_.value(); }
  Decorator<inner>& other() {
    if (!other_) Make::in(other_, fixture_.other());
    return *other_;
  }
  void reopen() {
    fixture_.reopen();
    Make::in(store_, fixture_.store());
  }

 protected:
  decorated_fixture() { Make::in(store_, fixture_.store()); }
  F fixture_{};

 private:
  std::optional<Decorator<inner>> store_{}, other_{};
};

struct made_context {
  template <typename C>
  static void in(std::optional<C>& place, auto& storage) {
    place.emplace(storage, "mine");
  }
};
struct made_cached {
  template <typename C>
  static void in(std::optional<C>& place, auto& storage) {
    place.emplace(storage, 3);
  }
};

template <typename F>
struct context_alone : decorated_fixture<F, must::context, made_context> {};
template <typename F>
struct cached_store : decorated_fixture<F, must::cached, made_cached> {};

// Another context has events before, between and after those of this one, at all times.
template <typename F>
class context_beside_another : public decorated_fixture<F, must::context, made_context> {
  using base = decorated_fixture<F, must::context, made_context>;

 public:
  static constexpr must::testing::capabilities capabilities = [] {
    auto declared = F::capabilities;
    declared.gapless = false;
    return declared;
  }();

  context_beside_another() { start(); }
  void reopen() {
    rival_ = {};
    base::reopen();
    start();
  }

 private:
  void start() {
    must::context rival(this->fixture_.store(), "theirs");
    store_one(rival);
    rival_ = std::jthread([this](const std::stop_token& stop) {
      must::context own(this->fixture_.store(), "theirs");
      while (!stop.stop_requested()) {
        store_one(own);
        std::this_thread::sleep_for(std::chrono::microseconds(20));
      }
    });
  }
  // Of the names that the cases use.
  static void store_one(auto& rival) {
    must::testing::suite::append<rival_fixture>(
        rival, must::testing::suite::event<rival_fixture>("a", "s", {"t", "shared", "x"}))
        .value();
    static_cast<void>(rival.put("k", "theirs", 0));
  }
  struct rival_fixture {
    static auto data(std::uint64_t n) { return must::testing::suite::data<F>(n); }
    must::context<typename base::inner>& store();
  };

  std::jthread rival_{};
};

template <typename Fixture>
void run_storage_cases(bool races) {
  for (const auto& one : must::testing::storage_cases<Fixture>()) {
    if (one.is_race != races) continue;
    INFO(one.id << " " << one.says);
    CHECK_NOTHROW(one.run());
  }
}

}  // namespace must_test
