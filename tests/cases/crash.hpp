// SPDX-License-Identifier: MIT
// Subscriptions in processes that are killed: S3, S4, S9.
#pragma once

#include "must/subscription.hpp"
#include "must/testing/crashing_store.hpp"
#include "must/testing/suite/expect.hpp"

#include "support/catch.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fstream>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace must_test {

// P: a store of the list that other processes may open. None is open when a process is started.
template <typename P>
void fill(const P& place, int count) {
  auto store = place.open();
  for (int i = 0; i < count; ++i) {
    must::cloud_event one{
        .id = std::to_string(i) + "-" + std::to_string(store.head()), .source = "/test", .type = "noted"};
    one.subject = "s" + std::to_string(i % 5);
    store.append(std::span(&one, 1), {}).value();
  }
}
// Runs `work` in a process of its own; says whether it was killed. While the last request of the one killed before is
// still on its way in the server, its lease may be renewed once more: then `work` begins again.
template <typename Work>
bool is_killed(Work&& work, std::chrono::milliseconds after = {}) {
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    for (;;) {
      try {
        work();
        ::_exit(0);
      } catch (const must::not_owner&) {
      } catch (const std::exception& why) {
        std::fprintf(stderr, "child: %s\n", why.what());
        ::_exit(1);
      }
    }
  }
  if (after.count() > 0) {
    std::this_thread::sleep_for(after);
    ::kill(child, SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE((WIFSIGNALED(status) || WEXITSTATUS(status) == 0));
  return WIFSIGNALED(status);
}
[[noreturn]] inline void die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}
inline must::subscription_options impatient() {
  return {.window = 8, .save_every = 8, .save_interval = must::duration(60'000'000), .lease = must::duration(50'000)};
}

// Each handler call writes its position to a file that outlives the process.
template <typename P>
void killed_at_six_points() {
  enum point { before_handler, within_handler, before_save, after_save, while_parking, at_any_time };
  for (const auto where : {before_handler, within_handler, before_save, after_save, while_parking, at_any_time}) {
    const P place;
    constexpr int count = 60;
    fill(place, count);
    const auto journal = place.folder.file("journal");
    int run = 0;
    const auto work = [&] {
      const int file = ::open(journal.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      auto store = place.open();
      must::testing::crashing_store watched(store);
      int calls = 0;
      const bool dies = run <= 8 && where != at_any_time;
      auto how = impatient();
      if (where == while_parking) how.on_failure = {.then = must::failure_action::park_loose};
      how.observer = [&](const auto&) {
        if (dies && where == after_save) die();
      };
      must::subscription follows(
          watched, "one", must::query::all(),
          [&](const auto& event) {
            ++calls;
            if (dies && where == before_handler && calls == 5 + run) die();
            if (where == while_parking && event.position == 7) {
              if (dies) watched.crash_at(1, run % 2 == 0);
              throw std::runtime_error("park it");
            }
            const auto line = std::to_string(event.position) + "\n";
            if (::write(file, line.data(), line.size()) < 0) die();
            if (dies && where == within_handler && calls == 5 + run) die();
            if (dies && where == before_save && calls % 8 == 0) watched.crash_at(1, run % 2 == 0);
            if (where == at_any_time) std::this_thread::sleep_for(std::chrono::milliseconds(1));
          },
          how);
      try {
        follows.run_once();
      } catch (const must::testing::crashed&) {
        die();
      }
    };
    while (is_killed(work, std::chrono::milliseconds(where == at_any_time ? 20 + 10 * run : 0))) REQUIRE(++run < 100);
    INFO("point " << where << ", killed " << run << " times");
    CHECK(run > 0);
    std::vector<int> calls;
    std::ifstream lines(journal);
    for (int position = 0; lines >> position;) calls.push_back(position);
    std::vector<int> first_calls;
    int highest = 0;
    for (const int position : calls) {
      if (position > highest) {
        first_calls.push_back(position);
        highest = position;
      }
      CHECK(position + 8 > highest);  // what is repeated is of the last batch
    }
    std::vector<int> all;
    for (int i = 1; i <= count; ++i)
      if (where != while_parking || i != 7) all.push_back(i);
    CHECK(first_calls == all);
    auto store = place.open();
    if (where == while_parking) {
      must::subscription looks(store, "one", must::query::all(), [](const auto&) {});
      REQUIRE(looks.parked().size() == 1);
      CHECK(looks.parked()[0].position == 7);
    }
  }
}

// The positions from 1 to `count`, counted once each.
inline std::map<std::string, int> each_once(int count) {
  std::map<std::string, int> all;
  for (int i = 1; i <= count; ++i) all[std::to_string(i)] = 1;
  return all;
}

// The table has each position once, whatever was killed and however many lanes there were.
template <typename P>
void killed_views_count_once() {
  using store_type = must::testing::suite::store_of<P>;
  const P place;
  constexpr int count = 400;
  fill(place, count);
  const typename P::counts counts(place);
  int run = 0;
  const auto work = [&] {
    auto store = place.open();
    auto how = impatient();
    how.lanes = 1 + static_cast<unsigned>(run) % 3;  // postgres_store has 4 connections
    must::subscription follows(
        store, "view", must::query::all(),
        [&](typename store_type::transaction& in, const must::recorded<must::payload>& event) {
          counts.add(in, std::to_string(event.position));
        },
        how);
    follows.run_once();
  };
  while (is_killed(work, std::chrono::milliseconds(60 + 10 * run))) REQUIRE(++run < 200);
  CHECK(counts.all() == each_once(count));
}

template <typename P>
void a_killer_is_given_up() {
  const P place;
  fill(place, 5);
  int run = 0;
  const auto work = [&] {
    auto store = place.open();
    auto how = impatient();
    how.on_failure = {.then = must::failure_action::park_loose, .crashes = 3};
    must::subscription follows(
        store, "one", must::query::all(),
        [](const auto& event) {
          if (event.position == 3) die();
        },
        how);
    follows.run_once();
  };
  while (is_killed(work)) REQUIRE(++run < 20);
  CHECK(run == 4);  // the first, which was not counted, and three that were
  auto store = place.open();
  must::subscription looks(store, "one", must::query::all(), [](const auto&) {});
  REQUIRE(looks.parked().size() == 1);
  CHECK(looks.parked()[0].position == 3);
  CHECK(looks.parked()[0].attempts == 3);
  CHECK(looks.health().lag == 5);
  CHECK(looks.run_once() == 5);
}

// In lanes, too: of the events that were in hand when the process ended, the one that ends it is given up, and no
// other.
template <typename P>
void a_killer_in_lanes_is_given_up(unsigned lanes_before, unsigned lanes_after) {
  const P place;
  fill(place, 20);
  int run = 0;
  const auto work = [&] {
    auto store = place.open();
    auto how = impatient();
    how.lanes = run == 0 ? lanes_before : lanes_after;
    how.on_failure = {.then = must::failure_action::park_loose, .crashes = 3};
    must::subscription follows(
        store, "one", must::query::all(),
        [](const auto& event) {
          std::this_thread::sleep_for(std::chrono::milliseconds(event.position == 11 ? 2 : 1));
          if (event.position == 11) die();
        },
        how);
    follows.run_once();
  };
  while (is_killed(work)) REQUIRE(++run < 20);
  CHECK(run == 4);
  auto store = place.open();
  must::subscription looks(store, "one", must::query::all(), [](const auto&) {});
  REQUIRE(looks.parked().size() == 1);
  CHECK(looks.parked()[0].position == 11);
  CHECK(looks.run_once() == 20);
}

}  // namespace must_test
