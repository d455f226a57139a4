// SPDX-License-Identifier: MIT
// parked_event, public: an event that a subscription has set aside, as it is kept in the store.
#pragma once

#include "must/fwd.hpp"
#include "must/subscription/fields.hpp"
#include "must/timestamp.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must {

/// An event that a subscription has set aside. The event itself is in the store, unchanged.
///
/// An entry without an id and without attempts comes from a replay that was cut off. It says that the events of `key`
/// from `position` on wait.
struct parked_event {
  must::position position = 0;    ///< The position of the event.
  std::string key{};              ///< The key of the event. \see subscription_options::key_of
  std::string reason{};           ///< What the handler threw, up to 500 bytes of it.
  unsigned attempts = 0;          ///< The number of attempts.
  bool strict = false;            ///< Whether the later events of `key` wait behind this one.
  timestamp when{};               ///< The time at which it was parked.
  std::string id{};               ///< The id of the event.
  std::string type{};             ///< The type of the event.
  std::uint64_t waiting = 0;      ///< The number of events that wait behind this one.
  must::position counted_to = 0;  ///< The position up to which `waiting` counts.
  bool is_gone = false;           ///< Whether the store has lost the event, as when it was restored.

  friend bool operator==(const parked_event&, const parked_event&) = default;
};

namespace detail::following {

struct parked_content {
  std::uint64_t done = 0;  // The last request that was done.
  std::vector<parked_event> all{};

  static constexpr const char* format = "parked 2";

  [[nodiscard]] std::vector<std::string> fields() const {
    std::vector<std::string> made{format, std::to_string(done)};
    for (const auto& one : all)
      made.insert(made.end(),
                  {std::to_string(one.position), one.key, cell_text(one.reason), std::to_string(one.attempts),
                   one.strict ? "1" : "0", std::to_string(one.when.microseconds), one.id, one.type,
                   std::to_string(one.waiting), std::to_string(one.counted_to)});
    return made;
  }
  // Reads what is parked. Earlier releases wrote a number that means nothing any more, and six fields an event.
  [[nodiscard]] static parked_content of(const std::vector<std::string>& fields) {
    const bool is_present = !fields.empty() && fields[0] == format;
    const std::size_t step = is_present ? 10 : 6;
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
};

struct parked_requests {
  std::uint64_t since = 0;  // That of the checkpoint. Requests before its last reset are void.
  std::uint64_t last = 0;   // The number of the last request that was ever made.
  std::vector<parked_request> open{};

  [[nodiscard]] std::string bytes() const {
    std::vector<std::string> fields{"1", std::to_string(since), std::to_string(last)};
    for (const auto& one : open)
      fields.insert(fields.end(), {std::to_string(one.number), std::to_string(static_cast<unsigned>(one.what)),
                                   std::to_string(one.event)});
    return join_fields(fields);
  }
  [[nodiscard]] static parked_requests of(std::string_view bytes) {
    const auto fields = split_fields(bytes);
    parked_requests made;
    if (fields.empty()) return made;
    if (fields[0] != "1") refuse_cell("has a format that this version of must does not know");
    made.since = read_count(fields, 1);
    made.last = read_count(fields, 2);
    for (std::size_t at = 3; at + 3 <= fields.size(); at += 3)
      made.open.push_back({read_count(fields, at),
                           static_cast<parked_request::action>(read_count<unsigned>(fields, at + 1, 3)),
                           read_count(fields, at + 2)});
    return made;
  }
};

}  // namespace detail::following
}  // namespace must
