// SPDX-License-Identifier: MIT
#include "must/stored_names.hpp"

#include "support/catch.hpp"

#include <set>
#include <string>
#include <vector>

namespace stored = must::stored_names;

TEST_CASE("stored_names: different parts never give one name", "[core]") {
  const std::vector<std::string> parts{
      "",   "/",      "@",     "%",     "a",   "b",         "a/b", "a/",     "/b",      "a@1",       "a@",
      "1",  "%2F",    "a%2Fb", "eu/17", "17",  "orders/eu", "eu",  "parked", "lane",    "lane/0",    "0",
      "@1", "replay", "@@",    "%40",   "%25", "a/b/c",     "b/c", "a/b@1",  "process", "process/a", "a@process"};
  std::set<std::string> names;
  std::size_t made = 0;
  const auto add = [&](const std::string& name) {
    names.insert(name);
    ++made;
  };
  for (const auto& one : parts) {
    const auto user = stored::subscription(one);
    add(user.now);
    add(stored::process_subscription(one).now);
    add(stored::process_deadlines(one).now);
    add(stored::inbox(one).now);
    add(stored::view(one).now);
    for (const auto* part : {"parked", "replay", "attempts/0", "lane/0", "lane/1"}) {
      add(stored::beside(user, part).now);
      add(stored::beside(stored::process_subscription(one), part).now);
    }
    for (const unsigned version : {1U, 11U}) {
      add(stored::view_subscription(one, version).now);
      add(stored::beside(stored::view_subscription(one, version), "parked").now);
    }
    for (const auto& other : parts) add(stored::process_stream(one, other).now);
  }
  CHECK(names.size() == made);
}

TEST_CASE("stored_names: an escaped part is given back, and nothing else is taken for one", "[core]") {
  for (const std::string part : {"", "plain", "a/b@c%d", "%2F", "%%", "\xc3\xa4/"})
    CHECK(stored::unescaped(stored::escaped(part)) == part);
  for (const char* text : {"a/b", "a@1", "%", "%2", "%2f", "%41"}) CHECK_FALSE(stored::unescaped(text));
}

TEST_CASE("stored_names: a plain name is stored as earlier releases stored it", "[core]") {
  CHECK(stored::subscription("billing").now == "must/subscription/billing");
  CHECK_FALSE(stored::subscription("billing").has_former());
  CHECK_FALSE(stored::view_subscription("list", 2).has_former());
  CHECK(stored::process_stream("orders", "17").now == "process/orders/17");
  CHECK(stored::inbox("mails").now == "must/inbox/mails/");
  CHECK(stored::subscription("billing/replay").now == "must/subscription/billing%2Freplay");
  CHECK(stored::subscription("billing/replay").former == "must/subscription/billing/replay");
}
