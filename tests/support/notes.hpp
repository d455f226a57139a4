// SPDX-License-Identifier: MIT
// An order that is placed, and a command that leaves a note, for tests of process managers.
#pragma once

#include "must/codec/json.hpp"
#include "must/model/process_manager.hpp"
#include "must/must.hpp"

#include <string>
#include <vector>

namespace must_test {

struct Placed {
  static constexpr auto type = "placed";
  std::string order;
};
struct Noted {
  static constexpr auto type = "noted";
  std::string order, text;
};
struct Note {
  std::string order, text;
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Noted be_translated_to_events() const { return {order, text}; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Placed, order)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Noted, order, text)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Note, order, text)

// What process managers that follow an order and leave notes about it have in common.
struct follows_order {
  using events = must::events<Placed>;
  using starts = must::events<Placed>;
  using commands = must::commands<Note>;
  std::string order{};
  static std::string key_of(const Placed& event) { return event.order; }
  void apply(const Placed& event) { order = event.order; }
};

// The notes of a store in their order, each as "order: text".
template <typename Store>
std::vector<std::string> notes_in(Store& store) {
  std::vector<std::string> texts;
  for (const auto& event : must::events_in<Noted>(store)) {
    const auto noted = event.template as<Noted>();
    texts.push_back(noted->order + ": " + noted->text);
  }
  return texts;
}

}  // namespace must_test
