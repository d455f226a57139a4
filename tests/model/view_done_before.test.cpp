// SPDX-License-Identifier: MIT
// Tests what a version of a view hands over that was replaced before it had come to the end.
#include "must/model/view.hpp"
#include "must/must.hpp"
#include "must/storage/memory.hpp"

#include "support/catch.hpp"

#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using must::detail::model::handed_over;
using must::detail::model::view_state;

handed_over done(must::position at, std::vector<must::position> lanes = {},
                 std::vector<must::detail::model::left_event> left = {}) {
  handed_over made;
  made.at = at;
  made.lanes = std::move(lanes);
  made.left = std::move(left);
  return made;
}

}  // namespace

TEST_CASE("view: a version that fails before it has come as far as the one before hands over what both have done",
          "[model]") {
  must::memory_store<> store;
  for (const char* id : {"1", "2", "3"}) {
    must::cloud_event one{.id = id, .source = "/test", .type = "noted", .subject = id};
    REQUIRE(store.append(std::span(&one, 1), {}).stored());
  }
  std::map<std::string, int> mails;
  std::string failing;
  const auto mail = [&](const auto& event, must::view_phase phase) {
    if (event.id == failing) throw std::runtime_error("not now");
    if (phase == must::view_phase::live) ++mails[event.id];
  };
  must::subscription_options parks;
  parks.on_failure.then = must::failure_action::park;
  must::view(store, {"mails", 1}, must::query::all(), mail).rebuild();
  failing = "2";
  must::view(store, {"mails", 2}, must::query::all(), mail, parks).rebuild();  // It parks what version 1 has done.
  failing.clear();
  must::view three(store, {"mails", 3}, must::query::all(), mail, parks);
  three.rebuild();
  CHECK(three.parked().empty());  // A replay would send the mail again.
  CHECK(mails == std::map<std::string, int>{{"1", 1}, {"2", 1}, {"3", 1}});
}

TEST_CASE("view: what several versions have handed over is stored, and read again", "[model]") {
  auto first = done(2, {5, 2});
  auto second = done(3, {}, {{3, "k", true}, {1, "", false}});
  second.add_earlier(first);
  view_state state;
  state.active = 3;
  state.is_built = true;
  state.before = done(4, {4, 9, 4}, {{4, "earlier", true}});
  state.before.add_earlier(second);
  const auto again = view_state::of(state.bytes());
  CHECK(again.bytes() == state.bytes());
  CHECK(again.active == 3);
  REQUIRE(again.before.earlier.size() == 2);
  CHECK(again.before.left_at(4, "earlier") != nullptr);
  for (must::position event = 1; event < 12; ++event)
    for (const char* key : {"k", "earlier", "", "x"}) {
      INFO("event " << event << " of key " << key);
      CHECK(again.before.has_done(event, key) == state.before.has_done(event, key));
    }
  CHECK(again.before.has_done(1, "x"));
  CHECK(again.before.has_done(4, "earlier") == first.has_done(4, "earlier"));

  auto beyond = done(9);
  beyond.add_earlier(first);
  CHECK(beyond.earlier.empty());  // It has done all of it.
}
