// SPDX-License-Identifier: MIT
// Owners that lose their lease while they are stopped: S3, S7.
#pragma once

#include "must/storage.hpp"
#include "must/storage/kit/decorator.hpp"
#include "must/subscription.hpp"

#include "cases/crash.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace must_test {

// Stops its process between two writes: in the middle of one it would hold SQLite's lock, and stop every other, too.
template <must::CellStorage S>
class stoppable_store : public must::kit::decorator<S> {
 public:
  explicit stoppable_store(S& storage) : must::kit::decorator<S>(storage) {}
  must::append_result append(std::span<typename must::kit::decorator<S>::event> events,
                             const must::append_condition& condition) {
    const std::lock_guard lock(mutex_);
    return this->storage().append(events, condition);
  }
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected_revision) {
    const std::lock_guard lock(mutex_);
    return this->storage().put(key, bytes, expected_revision);
  }
  void stop_process() {
    const std::lock_guard lock(mutex_);
    ::raise(SIGSTOP);
  }

 private:
  std::mutex mutex_{};
};

// An owner that was stopped for longer than its lease finds, when it goes on, that it is none any more: whatever it
// wants to write then (the checkpoint, an attempt, a parked event) changes nothing, and the next event is not begun.
template <typename P>
void a_paused_owner_writes_nothing() {
  enum then { returns, retries, parks };
  for (const auto what : {returns, retries, parks}) {
    const P place;
    fill(place, 20);
    const auto follow = [&](const char* who, std::vector<must::position>& handled) {
      auto store = place.open();
      stoppable_store stoppable(store);
      auto how = impatient();
      how.save_every = 1;
      how.owner = who;
      how.on_failure = {.attempts = what == retries ? 2U : 1U, .then = must::failure_action::park_loose};
      must::subscription follows(
          stoppable, "one", must::query::all(),
          [&](const auto& event) {
            handled.push_back(event.position);
            if (event.position != 5 || *who != 'a') return;
            stoppable.stop_process();
            if (what != returns) throw std::runtime_error("too late");
          },
          how);
      follows.run_once();
    };
    const auto cells = [&] {
      std::map<std::string, std::string> all;
      auto store = place.open();
      for (const auto& key : store.list("must/subscription/one")) all[key] = store.get(key)->bytes;
      return all;
    };
    INFO("the handler " << (what == returns ? "returns" : what == retries ? "is tried again" : "fails"));
    const auto paused = ::fork();
    REQUIRE(paused >= 0);
    if (paused == 0) {
      std::vector<must::position> handled;
      int code = 1;
      try {
        follow("ann", handled);
      } catch (const must::not_owner&) {
        code = handled == std::vector<must::position>{1, 2, 3, 4, 5} ? 0 : 2;
      } catch (const std::exception& why) {
        std::fprintf(stderr, "child: %s\n", why.what());
      }
      ::_exit(code);
    }
    int status = 0;
    REQUIRE(::waitpid(paused, &status, WUNTRACED) == paused);
    REQUIRE(WIFSTOPPED(status));
    std::vector<must::position> handled;
    follow("bob", handled);
    CHECK(handled.front() == 5);
    CHECK(handled.size() == 16);
    const auto before = cells();
    ::kill(paused, SIGCONT);
    REQUIRE(::waitpid(paused, &status, 0) == paused);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    CHECK(cells() == before);
  }
}

// Owners that are stopped one after another until the next has taken the lease, go on beside that, and are killed.
template <typename P>
void killed_when_the_lease_is_lost() {
  enum end { while_stopped, in_hand, after_some, soon, by_itself, ends };
  constexpr int count = 150, batch = 8, chain = 3 * ends;
  const P place;
  fill(place, count);
  const auto journal = place.folder.file("journal");
  const auto lines = [&] {
    std::vector<std::pair<int, int>> all;  // a run, and the position that it handled, or 0 where it goes on again
    std::ifstream from(journal);
    for (int run = 0, position = 0; from >> run >> position;) all.emplace_back(run, position);
    return all;
  };
  const auto follow = [&](int run) {
    const int file = ::open(journal.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    auto store = place.open();
    stoppable_store stoppable(store);
    const auto note = [&](must::position at) {
      const auto line = std::to_string(run) + " " + std::to_string(at) + "\n";
      if (::write(file, line.data(), line.size()) < 0) die();
    };
    int calls = 0, stopped_at = run < chain ? 3 + run : count + 1;
    must::subscription follows(
        stoppable, "one", must::query::all(),
        [&](const auto& event) {
          if (++calls == stopped_at) {
            stoppable.stop_process();
            note(0);
            if (run % ends == in_hand) die();
          }
          note(event.position);
          if (run % ends == after_some && calls == stopped_at + run / ends) die();
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        },
        impatient());
    try {
      follows.run_once();
    } catch (const must::not_owner&) {
      if (calls < stopped_at) throw;
    }
  };
  std::optional<::pid_t> former;
  for (int run = 0; run <= chain; ++run) {
    const auto child = start_process([&] { follow(run); });
    if (former) {
      const auto is_taken = [&] {
        const auto all = lines();
        return std::any_of(all.begin(), all.end(), [&](const auto& line) { return line.first == run; });
      };
      const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
      while (!is_taken() && std::chrono::steady_clock::now() < patience)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      CHECK(is_taken());
      const auto how = (run - 1) % ends;
      if (how != while_stopped) ::kill(*former, SIGCONT);
      if (how == soon) std::this_thread::sleep_for(std::chrono::milliseconds(2 * (run / ends)));
      if (how == while_stopped || how == soon) ::kill(*former, SIGKILL);
      const int status = wait_for_process(*former);
      INFO("run " << run - 1);
      if (how == while_stopped || how == in_hand) CHECK(WIFSIGNALED(status));
      if (how == by_itself) CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
    }
    former = child;
    const int status = wait_for_process(child, WUNTRACED);
    INFO("run " << run);
    if (run < chain)
      REQUIRE(WIFSTOPPED(status));
    else
      CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  }

  std::vector<int> first_calls;
  std::map<int, int> last_of, repeats;  // of each run: its last position, what it handled when it was none any more
  int highest = 0;
  for (const auto& [run, position] : lines()) {
    INFO("run " << run << ", position " << position);
    if (position == 0) {
      repeats[run] = 0;
      continue;
    }
    const auto [last, is_first] = last_of.try_emplace(run, position);
    if (is_first) {
      CHECK(position + batch > highest);
    } else {
      CHECK(position == last->second + 1);
      last->second = position;
    }
    if (repeats.contains(run)) CHECK(++repeats[run] <= batch);
    if (position > highest) first_calls.push_back(highest = position);
  }
  std::vector<int> all;
  for (int i = 1; i <= count; ++i) all.push_back(i);
  CHECK(first_calls == all);
}

}  // namespace must_test
