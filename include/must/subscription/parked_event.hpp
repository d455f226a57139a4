// SPDX-License-Identifier: MIT
// parked_event, public: an event that a subscription has set aside, as it is kept in the store.
#pragma once

#include "must/fwd.hpp"
#include "must/stored_names.hpp"
#include "must/subscription/fields.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must {

/// An event that a subscription has set aside. The event itself is in the store, unchanged.
///
/// A process manager sets aside its deadlines, too. `deadline` is not empty then, `id` and `type` are those of the
/// decision that has set the deadline, and `position` is where it passed: the events of `key` from there on wait.
///
/// An entry without an id and without attempts comes from a replay that was cut off. It says that the events of `key`
/// from `position` on wait.
struct parked_event {
  must::position position = 0;    ///< The position of the event.
  std::string key{};              ///< The key of the event. \see subscription_options::key_of
  std::string reason{};           ///< What the handler threw, up to 500 bytes of it.
  unsigned attempts = 0;          ///< The number of attempts to handle it.
  bool strict = false;            ///< Whether the later events of `key` wait behind this one.
  timestamp when{};               ///< The time at which it was parked.
  std::string id{};               ///< The id of the event.
  std::string type{};             ///< The type of the event.
  std::uint64_t waiting = 0;      ///< The number of events that wait behind this one.
  must::position counted_to = 0;  ///< The position up to which `waiting` counts.
  std::string deadline{};         ///< The name of the deadline of a process manager, or "" for an event.
  bool is_gone = false;           ///< Whether the store has lost the event, as when it was restored.

  friend bool operator==(const parked_event&, const parked_event&) = default;
};

/// Names a parked event: by its position, or by what `parked()` has returned, which may also be a deadline, or what a
/// replay that was cut off has left.
class parked_choice {
 public:
  /// Names the event at a position, or what a replay that was cut off has left there.
  parked_choice(position event) : chosen_{.position = event} {}
  /// Names an event or a deadline that `parked()` has returned.
  parked_choice(parked_event event) : chosen_(std::move(event)) {}

  /// Returns whether this names a parked event.
  [[nodiscard]] bool is(const parked_event& one) const {
    return one.position == chosen_.position && one.deadline == chosen_.deadline &&
           (!is_whole() || (one.id == chosen_.id && one.key == chosen_.key));
  }
  /// Returns what it was made of. Only the position is known when it was made of a position.
  [[nodiscard]] const parked_event& chosen() const noexcept { return chosen_; }

 private:
  [[nodiscard]] bool is_whole() const { return !chosen_.id.empty() || !chosen_.key.empty(); }
  parked_event chosen_;
};

namespace detail::following {

// Returns whether it is an event, rather than a deadline or what is left to do behind an event.
inline bool is_event(const parked_event& one) { return one.attempts > 0 && one.deadline.empty(); }
// Returns the position up to which everything was done, but for the event itself, when it was parked.
inline position passed_by(const parked_event& one) { return is_event(one) ? one.position : one.position - 1; }
// Returns those that a choice names. A position names the event there before what a replay has left there.
template <typename IsChosen>
std::vector<parked_event> chosen_among(const std::vector<parked_event>& all, bool by_position, IsChosen&& is_chosen) {
  std::vector<parked_event> found;
  std::copy_if(all.begin(), all.end(), std::back_inserter(found), is_chosen);
  if (by_position && std::any_of(found.begin(), found.end(), is_event))
    std::erase_if(found, [](const auto& one) { return !is_event(one); });
  return found;
}
// Returns whether one stands for the other. What is left of a replay may stand at the position of one of another key.
inline bool is_same(const parked_event& one, const parked_event& other) {
  return one.position == other.position && one.key == other.key && one.deadline == other.deadline &&
         (one.deadline.empty() || one.id == other.id);
}

struct parked_content {
  std::uint64_t done = 0;  // The last request that was done.
  std::vector<parked_event> all{};

  static constexpr const char* format = "parked 2";
  static constexpr const char* format_of_deadlines = "parked 3";

  [[nodiscard]] std::vector<std::string> fields() const {
    const bool has_deadlines =
        std::any_of(all.begin(), all.end(), [](const auto& one) { return !one.deadline.empty(); });
    std::vector<std::string> made{has_deadlines ? format_of_deadlines : format, std::to_string(done)};
    for (const auto& one : all) {
      made.insert(made.end(),
                  {std::to_string(one.position), one.key, cell_text(one.reason), std::to_string(one.attempts),
                   one.strict ? "1" : "0", std::to_string(one.when.microseconds), one.id, one.type,
                   std::to_string(one.waiting), std::to_string(one.counted_to)});
      if (has_deadlines) made.push_back(escape_nul(one.deadline));
    }
    return made;
  }
  // Reads what is parked. Earlier releases wrote a number that means nothing any more, and six fields an event.
  [[nodiscard]] static parked_content of(const std::vector<std::string>& fields) {
    const bool has_deadlines = !fields.empty() && fields[0] == format_of_deadlines;
    const bool is_present = has_deadlines || (!fields.empty() && fields[0] == format);
    const std::size_t step = has_deadlines ? 11 : is_present ? 10 : 6;
    parked_content made;
    if (is_present) made.done = read_count(fields, 1);
    for (std::size_t at = is_present ? 2 : 1; at + step <= fields.size(); at += step) {
      parked_event one{read_count(fields, at), fields[at + 1],
                       fields[at + 2],         read_count<unsigned>(fields, at + 3),
                       fields[at + 4] == "1",  timestamp{read_count<std::int64_t>(fields, at + 5)}};
      if (is_present) {
        one.id = fields[at + 6];
        one.type = fields[at + 7];
        one.waiting = read_count(fields, at + 8);
        one.counted_to = read_count(fields, at + 9);
        if (has_deadlines) one.deadline = unescape_nul(fields[at + 10]);
      }
      made.all.push_back(std::move(one));
    }
    return made;
  }
};

// What a process asks the one that follows to do with what is parked.
struct parked_request {
  enum class action : std::uint8_t { replay_all, replay, skip, drop };

  std::uint64_t number = 0;
  action what = action::replay_all;
  position event = 0;
  std::string of{};  // The parts of what was chosen. It is empty where only a position was given.
};
// Returns the parts that tell what is parked from what else is parked at the same position.
inline std::string request_for(const parked_event& one) {
  if (!one.deadline.empty()) return stored_names::joined({one.id, escape_nul(one.deadline)});
  if (one.id.empty() && one.key.empty()) return {};
  return stored_names::joined({one.id, {}, escape_nul(one.key)});
}
// Returns what a request is about.
inline std::vector<parked_event> asked_for(const parked_request& request, const std::vector<parked_event>& all) {
  if (request.what == parked_request::action::replay_all) return all;
  return chosen_among(all, request.of.empty(), [&](const auto& one) {
    return one.position == request.event &&
           (request.of.empty() ? one.deadline.empty() : request.of == request_for(one));
  });
}

struct parked_requests {
  std::uint64_t since = 0;  // That of the checkpoint. Requests before its last reset are void.
  std::uint64_t last = 0;   // The number of the last request that was ever made.
  std::vector<parked_request> open{};

  [[nodiscard]] std::string bytes() const {
    const bool has_deadlines = std::any_of(open.begin(), open.end(), [](const auto& one) { return !one.of.empty(); });
    std::vector<std::string> fields{has_deadlines ? "2" : "1", std::to_string(since), std::to_string(last)};
    for (const auto& one : open) {
      fields.insert(fields.end(), {std::to_string(one.number), std::to_string(static_cast<unsigned>(one.what)),
                                   std::to_string(one.event)});
      if (has_deadlines) fields.push_back(one.of);
    }
    return join_fields(fields);
  }
  [[nodiscard]] static parked_requests of(std::string_view bytes) {
    const auto fields = split_fields(bytes);
    parked_requests made;
    if (fields.empty()) return made;
    const bool has_deadlines = fields[0] == "2";
    if (!has_deadlines && fields[0] != "1") refuse_cell("has a format that this version of must does not know");
    made.since = read_count(fields, 1);
    made.last = read_count(fields, 2);
    const std::size_t step = has_deadlines ? 4 : 3;
    for (std::size_t at = 3; at + step <= fields.size(); at += step)
      made.open.push_back({read_count(fields, at),
                           static_cast<parked_request::action>(read_count<unsigned>(fields, at + 1, 3)),
                           read_count(fields, at + 2), has_deadlines ? fields[at + 3] : std::string()});
    return made;
  }
};

}  // namespace detail::following
}  // namespace must
