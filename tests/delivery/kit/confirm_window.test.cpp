// SPDX-License-Identifier: MIT
// Messages in flight, and what becomes of them.
#include "must/delivery/kit/confirm_window.hpp"
#include "must/delivery.hpp"
#include "must/error.hpp"
#include "support/catch.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using must::delivery_answer;
using must::delivery_outcome;
using must::kit::confirm_window;

namespace {

std::string outcomes(const std::vector<delivery_answer>& answers) {
  std::string all;
  for (const auto& one : answers) all += "orpuf"[static_cast<std::size_t>(one.outcome)];
  return all;
}

struct sending {
  explicit sending(std::size_t count, std::size_t most = 100) : window(most), answers(count), batch(window, answers) {
    for (std::size_t i = 0; i < count; ++i) CHECK(window.send(batch, i, i + 1));
  }
  confirm_window window;
  std::vector<delivery_answer> answers;
  confirm_window::batch batch;
};

}  // namespace

TEST_CASE("confirm_window: the prefix ends before the first message that is not answered", "[delivery]") {
  sending sent(5);
  sent.window.confirm(2);
  sent.window.confirm(3);
  CHECK(sent.window.answered_up_to() == 0);
  sent.window.confirm(1);
  CHECK(sent.window.answered_up_to() == 3);
  CHECK(sent.window.in_flight() == 2);
  CHECK_FALSE(sent.window.is_answered(sent.batch));
  sent.window.refuse(5, {delivery_outcome::poison, "too large"});
  CHECK(sent.window.answered_up_to() == 3);
  sent.window.confirm(4);
  CHECK(sent.window.answered_up_to() == 5);
  CHECK(sent.window.is_answered(sent.batch));
  CHECK(outcomes(sent.answers) == "oooop");
  CHECK(sent.answers[4].reason == "too large");
}

TEST_CASE("confirm_window: one answer may be for many messages", "[delivery]") {
  sending sent(6);
  sent.window.confirm(2, true);
  CHECK(sent.window.answered_up_to() == 2);
  sent.window.confirm(4);
  sent.window.refuse(5, {delivery_outcome::retriable, "nack"}, true);
  CHECK(outcomes(sent.answers) == "oororo");
  CHECK(sent.window.in_flight() == 1);
  sent.window.confirm(0, true);
  CHECK(sent.window.in_flight() == 0);
}

TEST_CASE("confirm_window: a message that reached no queue is not ok when it is confirmed", "[delivery]") {
  sending sent(2);
  sent.window.mark(1, {delivery_outcome::poison, "no queue"});
  CHECK(sent.window.in_flight() == 2);
  sent.window.confirm(2, true);
  CHECK(outcomes(sent.answers) == "po");
}

TEST_CASE("confirm_window: a lost connection leaves what is in flight unknown", "[delivery]") {
  sending sent(4);
  sent.window.confirm(2);
  sent.window.lose("the broker hung up");
  CHECK(outcomes(sent.answers) == "uouu");
  CHECK(sent.answers[0].reason == "the broker hung up");
  CHECK(sent.window.is_answered(sent.batch));

  std::vector<delivery_answer> again(1);
  confirm_window::batch next(sent.window, again);
  CHECK(sent.window.send(next, 0, 1));  // the tags of a new connection begin at 1
  sent.window.confirm(3);               // nothing of that number was sent
  CHECK(sent.window.in_flight() == 1);
  sent.window.confirm(1);
  CHECK(outcomes(again) == "o");
}

TEST_CASE("confirm_window: answers that nobody waits for touch nothing", "[delivery]") {
  confirm_window window(4);
  std::vector<delivery_answer> answers(2);
  {
    confirm_window::batch given_up(window, answers);
    CHECK(window.send(given_up, 0, 7));
    CHECK(window.send(given_up, 1, 9));
    window.confirm(9);
  }
  CHECK(outcomes(answers) == "uo");
  answers.clear();
  answers.shrink_to_fit();
  window.confirm(7);
  window.refuse(9, {delivery_outcome::poison, ""}, true);
  CHECK(window.in_flight() == 0);
  CHECK(window.answered_up_to() == 9);
}

TEST_CASE("confirm_window: no more than `most` are between the oldest in flight and the newest", "[delivery]") {
  sending sent(3, 3);
  std::vector<delivery_answer> answers(2);
  confirm_window::batch more(sent.window, answers);
  CHECK_FALSE(sent.window.has_room());
  CHECK_FALSE(sent.window.send(more, 0, 4));
  sent.window.confirm(3);
  CHECK_FALSE(sent.window.wait_room(1us));
  sent.window.confirm(1);
  CHECK(sent.window.wait_room(1us));
  CHECK(sent.window.send(more, 0, 4));
  CHECK_FALSE(sent.window.wait_answered(more, 1us));
}

TEST_CASE("confirm_window: a stop ends a wait", "[delivery]") {
  sending sent(1, 1);
  std::stop_source stop;
  bool is_answered = true, has_room = true;
  std::thread waiting([&] {
    is_answered = sent.window.wait_answered(sent.batch, 1h, stop.get_token());
    has_room = sent.window.wait_room(1h, stop.get_token());
  });
  stop.request_stop();
  waiting.join();
  CHECK_FALSE(is_answered);
  CHECK_FALSE(has_room);
}

TEST_CASE("confirm_window: what is not a tag, an index or a size is refused", "[delivery]") {
  CHECK_THROWS_AS(confirm_window(0), must::bad_input);
  CHECK_THROWS_AS(confirm_window(1'000'001), must::bad_input);
  sending sent(2);
  CHECK_THROWS_AS(sent.window.send(sent.batch, 0, 2), must::bad_input);
  CHECK_THROWS_AS(sent.window.send(sent.batch, 2, 3), must::bad_input);
  confirm_window fresh(1);
  std::vector<delivery_answer> answers(1);
  confirm_window::batch first(fresh, answers);
  CHECK_THROWS_AS(fresh.send(first, 0, 0), must::bad_input);
}

TEST_CASE("confirm_window: random answers end as a table of tags says", "[delivery]") {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    confirm_window window(1 + random() % 8);
    std::vector<delivery_answer> answers(40);
    std::map<std::uint64_t, std::size_t> flying;  // the oracle
    std::string expected(answers.size(), 'o');
    std::uint64_t tag = 0;
    auto batch = std::make_unique<confirm_window::batch>(window, answers);
    for (std::size_t next = 0; next < answers.size() || !flying.empty();) {
      const auto which = tag == 0 ? 1 : 1 + random() % tag;
      const auto end = [&](bool multiple, char as) {
        for (auto at = flying.begin(); at != flying.end();) {
          const bool hit = multiple ? at->first <= which : at->first == which;
          if (hit) expected[at->second] = as;
          at = hit ? flying.erase(at) : std::next(at);
        }
      };
      switch (random() % 8) {
        case 0: window.confirm(which, true), end(true, 'o'); break;
        case 1: window.refuse(which, {delivery_outcome::retriable, ""}, true), end(true, 'r'); break;
        case 2: window.refuse(which, {delivery_outcome::poison, ""}), end(false, 'p'); break;
        case 3:
          if (random() % 8 != 0) break;
          window.lose("cut");
          for (const auto& [lost, index] : flying) expected[index] = 'u';
          flying.clear();
          tag = 0;
          break;
        case 4: window.confirm(which), end(false, 'o'); break;
        default: {
          const bool room = window.has_room();
          if (next == answers.size()) break;
          const auto made = tag + 1 + random() % 2;
          REQUIRE(window.send(*batch, next, made) == room);
          if (!room) break;
          tag = made;
          flying[tag] = next++;
        }
      }
      REQUIRE(window.in_flight() == flying.size());
      REQUIRE(window.is_answered(*batch) == flying.empty());
      if (!flying.empty()) REQUIRE(window.answered_up_to() < flying.begin()->first);
      if (flying.empty()) REQUIRE(window.answered_up_to() == tag);
    }
    CHECK(outcomes(answers) == expected);
  }
}

TEST_CASE("confirm_window: many senders and a broker agree about every message", "[delivery][race]") {
  constexpr std::size_t senders = 4, rounds = 50, messages = 20;
  confirm_window window(16);
  std::mutex broker;
  std::vector<std::pair<std::uint64_t, char>> sent;  // what the broker has not answered: the tag and the verdict
  std::uint64_t tag = 0;
  std::atomic<std::size_t> finished{0};
  std::atomic<int> wrong{0};

  std::vector<std::jthread> threads;
  for (std::size_t s = 0; s < senders; ++s)
    threads.emplace_back([&, s] {
      std::mt19937 random(static_cast<std::uint32_t>(s));
      for (std::size_t round = 0; round < rounds; ++round) {
        std::vector<delivery_answer> answers(messages);
        std::string expected;
        {
          confirm_window::batch batch(window, answers);
          for (std::size_t i = 0; i < messages;) {
            std::unique_lock lock(broker);
            if (!window.send(batch, i, tag + 1)) {
              lock.unlock();
              window.wait_room(1s);
              continue;
            }
            expected += "oorp"[random() % 4];
            sent.emplace_back(++tag, expected.back());
            ++i;
          }
          if (!window.wait_answered(batch, 60s)) ++wrong;
        }
        if (outcomes(answers) != expected) ++wrong;
      }
      ++finished;
    });
  std::mt19937 random(99);
  while (finished < senders) {
    const std::lock_guard lock(broker);
    if (sent.empty()) continue;
    const auto which = sent.begin() + static_cast<std::ptrdiff_t>(random() % sent.size());
    const auto [answered, verdict] = *which;
    sent.erase(which);
    if (verdict == 'o')
      window.confirm(answered);
    else
      window.refuse(answered, {verdict == 'r' ? delivery_outcome::retriable : delivery_outcome::poison, ""});
  }
  threads.clear();
  CHECK(wrong == 0);
  CHECK(window.in_flight() == 0);
  CHECK(window.answered_up_to() == senders * rounds * messages);
}
