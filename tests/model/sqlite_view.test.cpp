// SPDX-License-Identifier: MIT
#include "must/codec/json.hpp"
#include "must/model/projection.hpp"
#include "must/model/view.hpp"
#include "must/storage/inline_projection.hpp"

#include "stores/sqlite.hpp"

#include <sys/types.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

using namespace must_test;

namespace {

struct Deposited {
  static constexpr auto type = "deposited";
  std::string account;
  int amount;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Deposited, account, amount)

struct Sums {
  using events = must::events<Deposited>;
  std::map<std::string, int> of{};
  void apply(const Deposited& event) { of[event.account] += event.amount; }
};

// Adds an event to the table of sums: not idempotent, so that an event which counts twice shows.
struct add_to {
  std::string table;
  void operator()(must::sqlite_transaction& in, const must::cloud_event& event) const {
    const auto deposit = must::codec<Deposited>::decode(event.data);
    const auto sql = "CREATE TABLE IF NOT EXISTS " + table + "(account TEXT PRIMARY KEY, sum INTEGER);INSERT INTO " +
                     table + " VALUES('" + deposit.account + "', " + std::to_string(deposit.amount) +
                     ") ON CONFLICT(account) DO UPDATE SET sum = sum + excluded.sum";
    if (::sqlite3_exec(in.handle, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
      throw std::runtime_error(::sqlite3_errmsg(in.handle));
  }
};
std::map<std::string, int> sums_in(const std::string& path, const std::string& table) {
  const auto accounts = texts(path, "SELECT account FROM " + table + " ORDER BY account");
  const auto sums = texts(path, "SELECT sum FROM " + table + " ORDER BY account");
  std::map<std::string, int> all;
  for (std::size_t i = 0; i < accounts.size(); ++i) all[accounts[i]] = std::stoi(sums[i]);
  return all;
}
void deposit(must::sqlite_store& store, int count, int first = 0) {
  for (int i = first; i < first + count; ++i) must::append(store, Deposited{i % 3 == 0 ? "a" : "b", i});
}

must::subscription_options quick(std::size_t save_every = 7) {
  return {.save_every = save_every, .lease = must::duration(300'000)};
}
constexpr std::chrono::seconds long_enough(60);

}  // namespace

TEST_CASE("view: inline, in the checkpoint's transaction, and live come to one result", "[model]") {
  const temporary_folder folder;
  must::sqlite_store store(on(folder.file()));
  must::inline_projection with_view(store, add_to{"inline_sums"});
  for (int i = 0; i < 30; ++i) must::append(with_view, Deposited{i % 3 == 0 ? "a" : "b", i});

  must::subscription follows(store, "sums", must::query::all(), add_to{"followed_sums"}, quick());
  CHECK(follows.run_once() == 30);
  auto live = must::projection<Sums>(store, "sums");
  live.run_once();

  CHECK(sums_in(folder.file(), "inline_sums") == live.state().of);
  CHECK(sums_in(folder.file(), "followed_sums") == live.state().of);
}

TEST_CASE("view: a rebuild tells how far it is, and is done once", "[model]") {
  const temporary_folder folder;
  must::sqlite_store store(on(folder.file()));
  deposit(store, 200);
  std::vector<must::rebuild_progress> told;
  const auto tell = [&](const must::rebuild_progress& now) { told.push_back(now); };
  must::view sums(store, {"sums", 1}, must::query::all(), add_to{"sums_1"}, quick());
  CHECK(sums.active_version() == 0);
  sums.rebuild(tell);
  CHECK(sums.active_version() == 1);
  REQUIRE_FALSE(told.empty());
  CHECK(told.back().done == 200);
  CHECK(told.back().total == 200);
  CHECK(told.back().left == must::duration(0));

  told.clear();
  sums.rebuild(tell);
  CHECK(told.empty());

  // The user's own observer is called too.
  std::vector<must::position> saved;
  auto options = quick();
  options.window = 10;
  options.observer = [&](const must::subscription_health& now) { saved.push_back(now.saved); };
  must::view again(store, {"sums", 2}, must::query::all(), add_to{"sums_2"}, std::move(options));
  again.rebuild(tell);
  CHECK(saved.size() > 1);
  CHECK(std::is_sorted(saved.begin(), saved.end()));
  CHECK(told.back().done == 200);
  auto live = must::projection<Sums>(store, "sums");
  live.run_once();
  CHECK(sums_in(folder.file(), "sums_1") == live.state().of);
}

TEST_CASE("view: a rebuild that is killed again and again comes to the same, while others write", "[model][process]") {
  const temporary_folder folder;
  const auto path = folder.file();
  {
    must::sqlite_store store(on(path));
    deposit(store, 3'000);
  }
  const auto writer = start_process([&] {
    must::sqlite_store store(on(path));
    deposit(store, 500, 3'000);
  });
  int kills = 0;
  for (int pause = 20;; pause += 20) {
    const auto child = start_process([&] {
      must::sqlite_store store(on(path));
      must::view sums(store, {"sums", 1}, must::query::all(), add_to{"sums_1"}, quick());
      sums.rebuild();
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(pause));
    ::kill(child, SIGKILL);
    if (!WIFSIGNALED(wait_for_process(child))) break;
    ++kills;
    REQUIRE(kills < 200);
  }
  CHECK(kills > 0);
  CHECK(wait_for_process(writer) == 0);

  must::sqlite_store store(on(path));
  must::view sums(store, {"sums", 1}, must::query::all(), add_to{"sums_1"}, quick());
  CHECK(sums.active_version() == 1);
  std::jthread follows([&](const std::stop_token& stop) { sums.run(stop); });
  REQUIRE(sums.wait_until(store.head(), long_enough));
  auto live = must::projection<Sums>(store, "sums");
  live.run_once();
  CHECK(sums_in(path, "sums_1") == live.state().of);
}

TEST_CASE("view: a new version takes over, and what cannot be undone is done once for each event", "[model][race]") {
  const temporary_folder folder;
  must::sqlite_store store(on(folder.file()));
  deposit(store, 100);
  std::atomic<int> mails{0}, seen_by_two{0};
  auto patient = quick();
  patient.lease = must::duration(10'000'000);
  const auto mail = [&](must::sqlite_transaction&, const auto&, must::view_phase phase) {
    if (phase == must::view_phase::live) ++mails;
  };
  must::view one(store, {"mails", 1}, must::query::all(), mail, patient);
  std::jthread first([&](const std::stop_token& stop) { one.run(stop); });
  REQUIRE(one.wait_until(100, long_enough));
  std::jthread writer([&] { deposit(store, 400, 100); });

  must::view two(
      store, {"mails", 2}, must::query::all(),
      [&](must::sqlite_transaction& in, const auto& event, must::view_phase phase) {
        ++seen_by_two;
        mail(in, event, phase);
      },
      quick());
  std::jthread second([&](const std::stop_token& stop) { two.run(stop); });
  first.join();  // without being asked to stop
  writer.join();
  deposit(store, 1, 500);  // the former version has ended, so only one that has taken over handles it
  REQUIRE(two.wait_until(501, long_enough));
  CHECK(two.active_version() == 2);
  CHECK(seen_by_two == 501);
  CHECK(mails == 501);
  CHECK_THROWS_AS(one.run({}), must::not_owner);
}

TEST_CASE("view: of a version that is replaced, one that stands by does not take up the work", "[model][race]") {
  for (int round = 0; round < 4; ++round) {
    const temporary_folder folder;
    must::sqlite_store store(on(folder.file()));
    deposit(store, 20);
    std::atomic<int> mails{0};
    const auto mail = [&](must::sqlite_transaction&, const auto&, must::view_phase phase) {
      if (phase == must::view_phase::live) ++mails;
    };
    auto standing_by = quick();
    standing_by.standby = true;
    standing_by.lease = must::duration(1'000'000);
    must::view one(store, {"mails", 1}, must::query::all(), mail, standing_by);
    must::view other(store, {"mails", 1}, must::query::all(), mail, standing_by);
    must::view two(store, {"mails", 2}, must::query::all(), mail, quick());
    std::jthread first([&](const std::stop_token& stop) { one.run(stop); });
    REQUIRE(one.wait_until(20, long_enough));
    std::jthread stands_by([&](const std::stop_token& stop) { other.run(stop); });
    const auto patience = std::chrono::steady_clock::now() + long_enough;
    while (!other.health().running && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
    REQUIRE(other.health().running);  // a version that begins when a later one is in use is refused
    std::jthread writer([&] { deposit(store, 100, 20); });
    std::jthread second([&](const std::stop_token& stop) { two.run(stop); });
    first.join();
    writer.join();
    REQUIRE(two.wait_until(120, long_enough));
    stands_by.join();  // none of version 1 was asked to stop
    CHECK(mails == 120);
  }
}

TEST_CASE("view: names and versions out of range are refused", "[model]") {
  const temporary_folder folder;
  must::sqlite_store store(on(folder.file()));
  const auto make = [&](const must::view_version& which) {
    must::view made(store, which, must::query::all(), add_to{"t"});
  };
  CHECK_THROWS_AS(make({"", 1}), must::bad_input);
  CHECK_THROWS_AS(make({"x", 0}), must::bad_input);
  CHECK_THROWS_AS(make({std::string(301, 'x'), 1}), must::bad_input);
}
