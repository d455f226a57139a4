// SPDX-License-Identifier: MIT
// Tests what a handler in transactions counts when a commit got no answer, and a stop comes before one does.
#include "must/error.hpp"
#include "must/query.hpp"
#include "must/storage/kit/decorator.hpp"
#include "must/subscription.hpp"

#include "cases/crash.hpp"
#include "cases/subscription.hpp"
#include "stores/all.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace {

// Commits, and gives no answer to one of the transactions.
template <typename S>
class silent_store : public must::kit::decorator<S> {
 public:
  using typename must::kit::decorator<S>::event;

  explicit silent_store(S& storage) : must::kit::decorator<S>(storage) {}

  must::append_result append(std::span<event> events, const must::append_condition& condition) {
    return this->storage().append(events, condition);
  }

  // Is called after the n-th put with work, from 1, whose answer is lost.
  void lose_answer(int n, std::function<void()> then) {
    left_ = n;
    then_ = std::move(then);
  }
  // One transaction is taken back, and nothing tells so.
  void lose_next() { is_next_lost_ = true; }
  [[nodiscard]] bool has_lost() const { return has_lost_; }
  bool put_with(std::string_view key, std::string_view bytes, std::uint64_t expected_revision, const auto& work) {
    if (is_next_lost_.exchange(false)) {
      this->storage().put_with(key, bytes, expected_revision, [&](auto& in) {
        work(in);
        has_lost_ = true;
        must::raise({.code = must::error_code::outcome_unknown, .message = "the answer is lost", .operation = "put"});
      });
    }
    const bool done = this->storage().put_with(key, bytes, expected_revision, work);
    if (--left_ != 0) return done;
    then_();
    must::raise({.code = must::error_code::outcome_unknown, .message = "the answer is lost", .operation = "put"});
  }

 private:
  int left_ = 0;
  std::atomic<bool> is_next_lost_{false}, has_lost_{false};
  std::function<void()> then_{};
};

}  // namespace

EACH_STORE_TEST_CASE(with_transactions,
                     "subscription: events of each store whose commit got no answer before a stop count once",
                     "[subscription]") {
  using cases = must_test::subscription_cases<Store>;
  using store_type = must::testing::suite::store_of<Store>;
  Store fixture;
  auto& store = fixture.store();
  const typename Store::counts counts(fixture);
  const auto handler = [&](typename store_type::transaction& in, const typename cases::record& event) {
    counts.add(in, std::to_string(event.position));
  };
  cases::add(store, 8, "wanted", "a");
  auto how = cases::quick();
  how.save_every = 3;  // So many events are in one transaction.
  how.lease = must::duration(5'000'000);
  for (int lost = 1; lost <= 2; ++lost) {
    std::stop_source stop;
    silent_store<store_type> silent(store);
    silent.lose_answer(1, [&] { stop.request_stop(); });
    must::subscription(silent, "counted", cases::wanted(), handler, how).run_once(stop.get_token());
  }
  CHECK(must::subscription(store, "counted", cases::wanted(), handler, how).run_once() == 8);
  CHECK(counts.all() == must_test::each_once(8));
}

EACH_STORE_TEST_CASE(
    with_transactions,
    "subscription: a replay on each store whose commit got no answer ends the run, and the next counts it",
    "[subscription][race]") {
  using cases = must_test::subscription_cases<Store>;
  using store_type = must::testing::suite::store_of<Store>;
  Store fixture;
  auto& store = fixture.store();
  const typename Store::counts counts(fixture);
  silent_store<store_type> silent(store);
  std::atomic<bool> fails{true};
  const auto handler = [&](typename store_type::transaction& in, const typename cases::record& event) {
    if (fails || silent.has_lost()) throw std::runtime_error("not now");
    counts.add(in, std::to_string(event.position));
  };
  cases::add(store, 1, "wanted", "a");
  auto how = cases::quick();
  how.on_failure.then = must::failure_action::park_loose;
  must::subscription follows(silent, "counted", cases::wanted(), handler, how);
  follows.run_once();
  REQUIRE(follows.parked().size() == 1);
  fails = false;
  follows.replay_parked();
  silent.lose_next();
  std::atomic<bool> has_ended{false}, is_told{false};
  {
    std::jthread runs([&](const std::stop_token& stop) {
      try {
        follows.run(stop);
      } catch (const must::outcome_unknown&) {
        is_told = true;
      }
      has_ended = true;
    });
    CHECK(must_test::soon([&] { return has_ended.load(); }));
  }
  CHECK(silent.has_lost());
  CHECK(is_told);
  CHECK(counts.all().empty());
  const auto mended = [&](typename store_type::transaction& in, const typename cases::record& event) {
    counts.add(in, std::to_string(event.position));
  };
  must::subscription next(store, "counted", cases::wanted(), mended, how);
  next.replay_parked();
  next.run_once();
  CHECK(next.parked().empty());
  CHECK(counts.all() == must_test::each_once(1));
}
