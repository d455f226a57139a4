// SPDX-License-Identifier: MIT
// Texts of others in messages: on one line, without what moves a cursor, and short.
#include "must/delivery/relay.hpp"
#include "must/detail/current_error.hpp"
#include "must/error.hpp"
#include "must/query.hpp"
#include "must/storage/memory.hpp"
#include "must/subscription.hpp"
#include "must/text/quoted.hpp"
#include "must/timestamp.hpp"

#include "support/catch.hpp"

#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

using must::detail::text::in_quotes;
using must::detail::text::printable;

const std::string hostile =
    "line\nline\r\x1b[31m\xC2\x9B"
    "2J\x7f\xE2\x80\xAE";

void check_message(std::string_view message) {
  INFO(message);
  CHECK(message.size() < 2'000);
  for (const char c : message) CHECK(static_cast<unsigned char>(c) >= 0x20);
  for (const char* bad : {"\x7f", "\xC2\x9B", "\xE2\x80\xAE"}) CHECK(message.find(bad) == std::string_view::npos);
}
template <typename Call>
std::string message_of(Call&& call) {
  try {
    call();
  } catch (const must::exception& why) {
    return why.what();
  }
  FAIL("nothing is thrown");
  return {};
}

}  // namespace

TEST_CASE("messages: a text of somebody else's is escaped and cut", "[core]") {
  check_message(in_quotes(hostile));
  check_message(printable(hostile));
  check_message(printable(hostile + std::string(1'000'000, 'x')));
  CHECK(printable("n\xC3\xB6t \"7\"") == "n\xC3\xB6t \"7\"");
  CHECK(printable("\xff\xC3") == "\\xff\\xc3");
  CHECK(printable(std::string(511, 'a') + "\xC3\xA9") == std::string(511, 'a') + "...");
  CHECK(printable("").empty());
}

TEST_CASE("messages: streams, ids, owners and what others throw are quoted wherever they are named", "[core]") {
  must::memory_store<> store;
  const auto append = [&](must::append_condition condition) {
    must::cloud_event event{.id = hostile, .source = "/s", .type = hostile, .subject = hostile};
    return store.append(std::span(&event, 1), condition);
  };
  static_cast<void>(append({}));

  check_message(must::to_error(must::conflict{.failed = must::conflict::part::stream, .stream = hostile}).message);
  check_message(must::timestamp::parse(hostile).error().message);
  check_message(must::timestamp::parse(std::string(1'000'000, '1')).error().message);
  try {
    throw std::runtime_error(hostile + std::string(1'000'000, 'x'));
  } catch (...) {
    check_message(must::detail::current_error("handle").message);
  }
  struct refusing {
    void deliver(std::span<const must::recorded<must::payload>* const>, std::span<must::delivery_answer> answers) {
      answers.front().outcome = must::delivery_outcome::fatal;
    }
  } delivery;
  check_message(message_of([&] { must::relay(store, "relay", must::query::all(), delivery).run_once(); }));
  check_message(
      message_of([&] { must::subscription(store, std::string("n\0", 2), must::query::all(), [](const auto&) {}); }));
}
