// SPDX-License-Identifier: MIT
// Spans for OpenTelemetry: an observer is told of each command, read, append and handler, and what the event was.
#include <must/must.hpp>
#include <must/storage/memory.hpp>
#include <must/storage/traced.hpp>
#include <must/subscription.hpp>
#include <must/testing/fixed_origin.hpp>

#include <iostream>
#include <string>
#include <string_view>

struct Deposited {
  static constexpr auto type = "Deposited";
  std::string stream;
  int amount;
};

struct Balance {
  using events = must::events<Deposited>;
  int amount = 0;
  void apply(const Deposited& event) { amount += event.amount; }
};
struct Deposit {
  std::string to;
  int amount;
  auto depends_on() const { return must::stream<Balance>(to); }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const Balance&) const { must::ensure(amount > 0, "an amount is more than 0"); }
  Deposited be_translated_to_events() const { return {to, amount}; }
};

// Prints a span when it ends. Spans of one thread nest, so a real one keeps a stack for each thread.
struct Spans {
  void started(const must::operation&) noexcept { ++depth; }
  void stopped(const must::operation& what, std::int64_t nanoseconds, const must::error* why) noexcept {
    std::cout << std::string(2 * --depth, ' ') << must::name_of(what.kind);
    const auto attribute = [](const char* name, std::string_view value) {
      if (!value.empty()) std::cout << ' ' << name << '=' << value;
    };
    if (what.kind == must::operation_kind::command) {
      attribute("must.command_type", what.type);
    } else {
      attribute("cloudevents.event_id", what.id);
      attribute("cloudevents.event_source", what.source);
      attribute("cloudevents.event_type", what.type);
      attribute("cloudevents.event_subject", what.stream);
    }
    if (why != nullptr) {
      attribute("error.type", must::name_of(why->code));
      attribute("error.message", why->message);
    }
    std::cout << (nanoseconds < 0 ? " (the clock went back)\n" : "\n");
  }
  std::size_t depth = 0;
};

int main() {
  must::testing::fixed_clock clock("2026-01-01T12:00:00Z");  // so that the output is the same every time
  must::testing::counting_ids ids;
  must::memory_store<Deposited> inner({.source = "/bank", .clock = &clock, .ids = &ids});

  Spans spans;
  must::traced store(inner, spans);

  must::process_command(Deposit{"alice", 20}, store);
  const auto refused = must::try_process_command(Deposit{"alice", 0}, store);

  must::subscription mails(store, "mails", must::query::all(), [](const auto&) { std::cout << "a mail is sent\n"; });
  mails.run_once();
  return refused ? 1 : 0;
}
