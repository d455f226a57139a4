// SPDX-License-Identifier: MIT
// Time travel: a state as it was at a version, at a position and at a time; and what a state knows of its events.
#include <must/model/projection.hpp>
#include <must/must.hpp>
#include <must/storage/memory.hpp>
#include <must/testing/fixed_origin.hpp>

#include <chrono>
#include <iostream>
#include <string>

struct Paid {
  static constexpr auto type = "Paid";
  std::string stream;
  int amount;
};

// It takes the record of each event, for the time; and it knows the account that it was made for.
struct Account {
  using events = must::events<Paid>;
  std::string name;
  int balance = 0;
  std::string last;

  void made_for(const std::string& account) { name = account; }
  void apply(const Paid& paid, const must::event_record& record) {
    balance += paid.amount;
    last = record.recorded_at.to_string();
  }
};

// The same for every account at once.
struct Statement : Account {
  static std::string key_of(const Paid& paid) { return paid.stream; }
};

void print(const char* when, const Account& account) {
  std::cout << when << ": " << account.name << " has " << account.balance << ", the last of it paid at " << account.last
            << '\n';
}

int main() {
  must::testing::fixed_clock clock("2026-01-01T09:00:00Z");
  must::memory_store<Paid> store({.clock = &clock});
  for (const auto& paid : {Paid{"ann", 10}, Paid{"bob", 5}, Paid{"ann", 20}, Paid{"ann", 40}}) {
    must::append(store, paid);
    clock.advance(std::chrono::hours(1));
  }

  const auto ann = must::stream<Account>("ann");
  print("now", must::load(store, ann).state);
  print("at version 2", must::load(store, ann, must::as_of::version(2)).state);
  print("at position 1", must::load(store, ann, must::as_of::position(1)).state);
  const auto half_past_eleven = must::timestamp::parse("2026-01-01T11:30:00Z").value();
  print("at 11:30", must::load(store, ann, must::as_of::time(half_past_eleven)).state);
  std::cout << "paid by 11:30: " << must::events_in<Paid>(store, must::as_of::time(half_past_eleven)).size() << '\n';

  auto statements = must::projection<must::keyed<Statement>>(store, "statements");
  statements.run_once(must::as_of::time(half_past_eleven));
  const auto then = statements.state();
  print("in the projection at 11:30", *then.find("bob"));

  try {
    static_cast<void>(must::load(store, ann, must::as_of::version(4)));
  } catch (const must::bad_input& why) {
    std::cout << why.what() << '\n';
  }
}
