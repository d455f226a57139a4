// SPDX-License-Identifier: MIT
// Which version of a view is in use, which one announces itself, and what the version before has done.
#pragma once

#include "must/fwd.hpp"
#include "must/storage.hpp"
#include "must/stored_names.hpp"
#include "must/subscription/fields.hpp"
#include "must/subscription/partition.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must::detail::model {

// An event that was parked. With `is_strict` it and the later ones of its key are not done.
struct left_event {
  must::position position = 0;
  std::string key{};
  bool is_strict = false;
};

// The events that versions have done: all up to a position, more in lanes, but none of those that are parked. A version
// that is replaced before it has come as far as the one before it hands over what that has done, too.
struct handed_over {
  position at = 0;
  std::vector<position> lanes{};
  std::vector<left_event> left{};
  std::vector<handed_over> earlier{};  // What the versions before have done beyond that, without what is in theirs.

  [[nodiscard]] const left_event* left_at(position event, std::string_view key) const {
    const auto found = std::find_if(left.begin(), left.end(), [&](const left_event& one) {
      return one.key == key && (one.is_strict ? event >= one.position : event == one.position);
    });
    return found == left.end() ? nullptr : &*found;
  }
  [[nodiscard]] bool has_done(position event, std::string_view key) const {
    return has_done_itself(event, key) || std::any_of(earlier.begin(), earlier.end(),
                                                      [&](const auto& one) { return one.has_done_itself(event, key); });
  }
  // Adds what the versions before have done, as far as it is more.
  void add_earlier(handed_over before) {
    auto all = std::exchange(before.earlier, {});
    all.push_back(std::move(before));
    for (auto& one : all)
      if (!left.empty() || one.farthest() > at) earlier.push_back(std::move(one));
  }

 private:
  [[nodiscard]] bool has_done_itself(position event, std::string_view key) const {
    if (left_at(event, key) != nullptr) return false;
    return event <= at || (!lanes.empty() && event <= lanes[following::lane_of(key, event, lanes.size())]);
  }
  [[nodiscard]] position farthest() const {
    return lanes.empty() ? at : std::max(at, *std::max_element(lanes.begin(), lanes.end()));
  }
};

// The state of a view. `turn` changes whenever a version that is in use begins to follow, and when another takes over,
// so that one of the two sees the other. `beat` changes while the version that announces itself lives.
struct view_state {
  unsigned active = 0, wanted = 0;
  bool is_built = false;
  std::uint64_t beat = 0, turn = 0;
  handed_over before{};

  [[nodiscard]] std::string bytes() const {
    std::vector<std::string> all{
        std::to_string(active), std::to_string(wanted), std::to_string(before.at),          is_built ? "1" : "0",
        std::to_string(beat),   std::to_string(turn),   std::to_string(before.lanes.size())};
    for (const auto lane : before.lanes) all.push_back(std::to_string(lane));
    put_left(before, all);
    for (const auto& one : before.earlier) {
      all.insert(all.end(), {std::to_string(one.at), earlier_mark, std::to_string(one.lanes.size())});
      for (const auto lane : one.lanes) all.push_back(std::to_string(lane));
      put_left(one, all);
    }
    return following::join_fields(all);
  }
  static constexpr std::size_t former_fields = 3;  // Earlier releases wrote so many, and activated what was built.

  [[nodiscard]] static view_state of(std::string_view bytes) {
    const auto all = following::split_fields(bytes);
    view_state made;
    made.active = following::read_count<unsigned>(all, 0);
    made.wanted = following::read_count<unsigned>(all, 1);
    made.before.at = following::read_count(all, 2);
    made.is_built = all.size() == former_fields ? made.active != 0 : following::read_field(all, 3) == "1";
    made.beat = following::read_count(all, 4);
    made.turn = following::read_count(all, 5);
    std::size_t at = 6;
    auto* now = &made.before;
    read_lanes(*now, all, at);
    while (at + 3 <= all.size()) {
      if (all[at + 1] == earlier_mark) {
        now = &made.before.earlier.emplace_back();
        now->at = following::read_count(all, at);
        read_lanes(*now, all, at += 2);
      } else {
        now->left.push_back({following::read_count(all, at), all[at + 2], all[at + 1] == "1"});
        at += 3;
      }
    }
    return made;
  }

 private:
  static constexpr const char* earlier_mark = "earlier";

  static void put_left(const handed_over& from, std::vector<std::string>& all) {
    for (const auto& one : from.left)
      all.insert(all.end(), {std::to_string(one.position), one.is_strict ? "1" : "0", one.key});
  }
  // Reads the number of lanes, and the lanes. `at` moves behind them.
  static void read_lanes(handed_over& to, const std::vector<std::string>& all, std::size_t& at) {
    const auto count = following::read_count<std::size_t>(all, at++, 1'024);
    while (to.lanes.size() < count) to.lanes.push_back(following::read_count(all, at++));
  }
};

template <CellStorage S>
class view_cell {
 public:
  view_cell(S& storage, const std::string& name) : storage_(storage), name_(stored_names::view(name)) {}

  [[nodiscard]] view_state get() const {
    const auto found = read();
    return found ? view_state::of(found->bytes) : view_state();
  }
  // Calls `change(state&)`, which returns whether there is something to write, until that is written. Returns what
  // stands then, or nothing when there was nothing to write.
  template <typename Change>
  std::optional<view_state> change(Change&& change) {
    for (;;) {
      const auto now = read();
      auto next = now ? view_state::of(now->bytes) : view_state();
      if (!change(next)) return std::nullopt;
      if (storage_.put(name_.now, next.bytes(), now ? now->revision : 0)) return next;
    }
  }

 private:
  [[nodiscard]] std::optional<cell> read() const {
    auto found = storage_.get(name_.now);
    if (found || !name_.has_former()) return found;
    found = storage_.get(name_.former);  // Another view may have this name now.
    if (!found || following::split_fields(found->bytes).size() != view_state::former_fields) return std::nullopt;
    found->revision = 0;  // The new name has no cell yet.
    return found;
  }
  S& storage_;
  stored_names::name name_;
};

}  // namespace must::detail::model
