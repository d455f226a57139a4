// SPDX-License-Identifier: MIT
// Fixtures made of others: their store as a context, as a context beside a busy one, or cached.
#pragma once

#include "must/storage/cached.hpp"
#include "must/storage/context.hpp"
#include "must/testing/storage_suite.hpp"

#include "support/temporary_folder.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace must_test {

// Make: `Make::in(place, store)` decorates a store of fixture F.
template <typename F, template <typename> typename Decorator, typename Make>
class decorated_fixture {
 public:
  using decorated = F;
  using inner = must::testing::suite::store_of<F>;
  static constexpr must::testing::capabilities capabilities = F::capabilities;
  static std::string name() { return Make::name() + " of " + F::name(); }
  static std::string tags() { return F::tags(); }
  static bool is_available() { return F::is_available(); }

  static auto data(std::uint64_t n) { return must::testing::suite::data<F>(n); }
  Decorator<inner>& store() {
    if (!store_) Make::in(store_, fixture_.store());
    return *store_;
  }
  Decorator<inner>& other() {
    if (!other_) Make::in(other_, fixture_.other());
    return *other_;
  }
  void reopen() {
    drop();
    fixture_.reopen();
    Make::in(store_, fixture_.store());
  }

 protected:
  void drop() {
    store_.reset();
    other_.reset();
  }
  F fixture_{};

 private:
  std::optional<Decorator<inner>> store_{}, other_{};
};

struct made_context {
  static std::string name() { return "context"; }
  template <typename C>
  static void in(std::optional<C>& place, auto& storage) {
    place.emplace(storage, "mine");
  }
};
struct made_cached {
  static std::string name() { return "cached"; }
  template <typename C>
  static void in(std::optional<C>& place, auto& storage) {
    place.emplace(storage, 3);
  }
};

template <typename F>
struct cached_store : decorated_fixture<F, must::cached, made_cached> {};
template <typename F>
struct context_alone : decorated_fixture<F, must::context, made_context> {};

// A context of a durable store, for the list of stores.
template <typename F>
class context_of : public context_alone<F> {
  using base = context_alone<F>;
  struct opened {
    explicit opened(const F& fixture) : inner(fixture.open()) {}
    typename base::inner inner;
  };

 public:
  // Opens its store itself.
  class opened_context : private opened, public must::context<typename base::inner> {
   public:
    explicit opened_context(const context_of& of)
        : opened(of.fixture_), must::context<typename base::inner>(this->inner, "mine") {}
  };
  struct counts : F::counts {
    explicit counts(const context_of& of) : F::counts(of.fixture_) {}
  };

  [[nodiscard]] opened_context open() const { return opened_context(*this); }
  void close() {
    this->drop();
    this->fixture_.close();
  }
  temporary_folder& folder = this->fixture_.folder;
};

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

}  // namespace must_test
